//! A world whose controller talks to the API server through a fault proxy.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};

use kargo_api::names::SYNC_REQUESTED_ANNOTATION;

use super::FaultProxy;
use crate::world::{DEADLINE, World};

/// A world with a proxy before its API server. The test itself sees the API server directly.
pub struct Scene {
    /// The world.
    pub world: World,
    /// The proxy between its controller and the API server.
    pub proxy: FaultProxy,
}

impl Scene {
    /// A scene with a ready controller.
    pub async fn new(name: &str) -> Self {
        let mut scene = Self::without_controller(name).await;
        scene.world.start_controller(&[]).await;
        scene
    }

    /// A scene in which no controller runs yet.
    pub async fn without_controller(name: &str) -> Self {
        let world = World::without_controller(name).await;
        let proxy = FaultProxy::start(&world.controller_kubeconfig())
            .unwrap_or_else(|error| panic!("no fault proxy for {name}: {error:#}"));
        Self { world, proxy }
    }

    /// Asks for the newest commit now, so that nobody waits for the next poll.
    pub async fn sync(&self, app: &str) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let value = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
        self.annotate_app(app, SYNC_REQUESTED_ANNOTATION, &value).await;
    }

    /// Kills the controller, takes all faults away, and starts it again.
    pub fn crash(&mut self) {
        self.world.controller().kill().expect("it runs");
        self.proxy.heal();
        self.world.controller().restart().expect("it starts again");
    }

    /// The same, and waits until it is ready.
    pub async fn crash_and_wait(&mut self) {
        self.crash();
        self.world.controller().wait_until_ready(DEADLINE).await.expect("it is ready again");
    }
}

impl Deref for Scene {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}
