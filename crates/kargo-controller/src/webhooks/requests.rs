//! The apps that git is to be asked for.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use kargo_core::object::AppKey;
use tokio::sync::Notify;

/// A set, so that there is never more in it than there are apps, however many deliveries there are.
#[derive(Default)]
pub(crate) struct Requests {
    apps: Mutex<BTreeSet<AppKey>>,
    some: Notify,
}

impl Requests {
    pub(super) fn add(&self, apps: impl IntoIterator<Item = AppKey>) {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner).extend(apps);
        self.some.notify_one();
    }

    /// Waits for requests, and takes them all. Nothing is lost when it is dropped while it waits.
    pub(crate) async fn take(&self) -> BTreeSet<AppKey> {
        self.some.notified().await;
        std::mem::take(&mut *self.apps.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
