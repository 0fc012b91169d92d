//! What a user of Kargo does: apply a `KargoApp`, and look at its status.

use kargo_api::KargoApp;
use kube::api::Api;
use serde_json::{Value, json};

use super::app::AppExt as _;
use super::wait::wait_for;
use super::{DEADLINE, INTERVAL, World, must};

impl World {
    /// Applies a `KargoApp` for the world's repository with the shortest interval.
    pub async fn apply_app(&self, name: &str) {
        self.apply_app_with(name, json!({})).await;
    }

    /// The same, with `spec` merged over the usual one.
    pub async fn apply_app_with(&self, name: &str, spec: Value) {
        let mut app = json!({
            "apiVersion": "kargo.krampoline.io/v1alpha1",
            "kind": "KargoApp",
            "metadata": {"name": name},
            "spec": {"source": {
                "repoURL": self.repository.url(),
                "interval": format!("{}s", INTERVAL.as_secs()),
            }},
        });
        merge(&mut app["spec"], spec);
        must(self.objects.apply(&self.namespace, &app).await, "apply a KargoApp");
    }

    /// A `KargoApp` as it is now.
    pub async fn app(&self, name: &str) -> KargoApp {
        must(self.apps().get(name).await, "read a KargoApp")
    }

    /// Deletes a `KargoApp`.
    pub async fn delete_app(&self, name: &str) {
        must(self.objects.delete(&self.namespace, "KargoApp", name).await, "delete a KargoApp");
    }

    /// Writes an annotation of a `KargoApp`, as `kubectl annotate` does.
    pub async fn annotate_app(&self, name: &str, key: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {key: value}}});
        must(
            self.objects.edit(&self.namespace, "KargoApp", name, &patch).await,
            "annotate a KargoApp",
        );
    }

    /// Waits until a `KargoApp` is as `holds` wants it.
    pub async fn wait_for_app(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&KargoApp) -> bool,
    ) -> KargoApp {
        wait_for(&format!("the KargoApp {name} {what}"), DEADLINE, async || {
            Ok(self.apps().get_opt(name).await?.filter(&holds))
        })
        .await
    }

    /// Waits until all of `commit` is deployed and healthy.
    pub async fn wait_until_deployed(&self, name: &str, commit: &str) -> KargoApp {
        self.wait_for_app(name, &format!("is Ready at {commit}"), |app| app.is_deployed(commit))
            .await
    }

    fn apps(&self) -> Api<KargoApp> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

/// Merges `patch` into `target`: objects key by key, anything else replaces what was there.
fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch,
    }
}
