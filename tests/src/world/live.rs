//! What is in the cluster: the objects of the world's namespace, read, waited for, edited.

use serde_json::Value;

use super::wait::wait_for;
use super::{DEADLINE, World, must};

impl World {
    /// An object, if it is there.
    pub async fn find(&self, kind: &str, name: &str) -> Option<Value> {
        must(self.objects.get(&self.namespace, kind, name).await, "read an object")
    }

    /// An object that has to be there.
    pub async fn object(&self, kind: &str, name: &str) -> Value {
        self.find(kind, name).await.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// The sorted names of all objects of a kind that this world's Kargo manages.
    pub async fn managed(&self, kind: &str) -> Vec<String> {
        let selector = format!("{}={}", kargo_api::names::INSTALLATION_LABEL, self.installation());
        let list = self.objects.list(&self.namespace, kind, &selector).await;
        let mut names: Vec<String> = must(list, "list objects")
            .iter()
            .filter_map(|object| object["metadata"]["name"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    /// Waits until an object is there and `holds` of it.
    pub async fn wait_for_object(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        wait_for(&format!("{kind}/{name} {what}"), DEADLINE, async || {
            Ok(self.objects.get(&self.namespace, kind, name).await?.filter(&holds))
        })
        .await
    }

    /// Waits until an object is gone.
    pub async fn wait_until_gone(&self, kind: &str, name: &str) {
        wait_for(&format!("{kind}/{name} is gone"), DEADLINE, async || {
            let found = self.objects.get(&self.namespace, kind, name).await?;
            Ok(found.is_none().then_some(()))
        })
        .await;
    }

    /// Edits an object by a merge patch, as a person does.
    pub async fn edit(&self, kind: &str, name: &str, patch: Value) {
        must(self.objects.edit(&self.namespace, kind, name, &patch).await, "edit an object");
    }

    /// Deletes an object, as a person does.
    pub async fn delete(&self, kind: &str, name: &str) {
        must(self.objects.delete(&self.namespace, kind, name).await, "delete an object");
    }
}
