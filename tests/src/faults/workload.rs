//! What the sweeps run again and again: small, but with every kind of write that Kargo does.

use serde_json::json;

use super::Scene;
use super::oracles::Canary;
use crate::manifests::{KUSTOMIZATION, config_map, deployment, kustomization};

/// The name of the one app of a workload.
pub const APP: &str = "shop";

/// Something that happens to one app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// An app is applied and deployed for the first time.
    FirstDeployment,
    /// A commit changes an object, adds one and removes one.
    Update,
    /// An app with `deletionPolicy: Delete` is deleted.
    Deletion,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::FirstDeployment, Self::Update, Self::Deletion];

    /// A name for people and namespaces.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstDeployment => "first",
            Self::Update => "update",
            Self::Deletion => "deletion",
        }
    }

    /// What it may delete.
    pub fn may_delete(self) -> &'static [&'static str] {
        match self {
            Self::FirstDeployment => &[],
            Self::Update => &["configmaps/old"],
            Self::Deletion => {
                &["configmaps/old", "configmaps/web", "deployments/web", "secrets/keys"]
            }
        }
    }

    /// Everything before the moment at which faults begin.
    pub async fn prepare(self, scene: &Scene) {
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: keys\nstringData:\n  password: {:?}\n",
            Canary::of(scene).value()
        );
        let commit = scene.push_files(&[
            (KUSTOMIZATION, &kustomization(&["keys.yaml", "old.yaml", "map.yaml", "web.yaml"])),
            ("k8s/keys.yaml", &secret),
            ("k8s/old.yaml", &config_map("old", "1")),
            ("k8s/map.yaml", &config_map("web", "1")),
            ("k8s/web.yaml", &deployment("web", "web:1")),
        ]);
        if self != Self::FirstDeployment {
            let policy = if self == Self::Deletion { "Delete" } else { "Orphan" };
            scene.apply_app_with(APP, json!({"deletionPolicy": policy})).await;
            scene.wait_until_deployed(APP, &commit).await;
        }
    }

    /// What happens.
    pub async fn act(self, scene: &Scene) {
        match self {
            Self::FirstDeployment => scene.apply_app(APP).await,
            Self::Update => {
                scene.replace("k8s/web.yaml", "web:1", "web:2");
                scene.remove("k8s/old.yaml");
                scene.push_files(&[
                    (
                        KUSTOMIZATION,
                        &kustomization(&["keys.yaml", "map.yaml", "new.yaml", "web.yaml"]),
                    ),
                    ("k8s/new.yaml", &config_map("new", "1")),
                ]);
                scene.sync(APP).await;
            }
            Self::Deletion => scene.delete_app(APP).await,
        }
    }

    /// Waits until all of it has come about.
    pub async fn finished(self, scene: &Scene) {
        if self == Self::Deletion {
            scene.wait_until_gone("KargoApp", APP).await;
            for (kind, name) in [
                ("Deployment", "web"),
                ("ConfigMap", "web"),
                ("ConfigMap", "old"),
                ("Secret", "keys"),
            ] {
                scene.wait_until_gone(kind, name).await;
            }
            return;
        }
        let commit = scene.repository.head().expect("a commit");
        scene.wait_until_deployed(APP, &commit).await;
        if self == Self::Update {
            scene.wait_until_gone("ConfigMap", "old").await;
        }
    }
}
