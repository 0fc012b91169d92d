//! The watches of managed objects: one per kind in use, selected by the label of the installation, and only
//! metadata where there is no health to see.

use std::fmt::Debug;

use futures::TryStreamExt;
use kargo_api::names;
use kargo_core::{finding::Finding, health, live::Live, object::GroupKind, world::event::Event};
use kube::{
    Api,
    api::{ApiResource, DynamicObject},
    core::PartialObjectMeta,
    runtime::watcher,
};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{config, delay, describe, is_answer, is_refusal};
use crate::cluster::Cluster;

/// A kind whose list is answered by errors so often in a row is unavailable; the others do not wait for it.
const PATIENCE: u32 = 5;

/// Watches one kind for ever.
pub(crate) async fn watch(cluster: Cluster, group_kind: GroupKind, events: mpsc::Sender<Event>) {
    let mut failures = 0;
    loop {
        let kinds = cluster.kinds();
        let Some(served) = kinds.get(&group_kind).filter(|served| served.watchable) else {
            let finding =
                Finding::error(format!("this cluster cannot list kind {}", group_kind.kind));
            let _ = events.send(Event::LiveUnavailable(group_kind, finding)).await;
            return;
        };
        let resource = ApiResource {
            group: group_kind.group.clone(),
            version: served.versions.first().cloned().unwrap_or_default(),
            api_version: String::new(),
            kind: group_kind.kind.clone(),
            plural: served.plural.clone(),
        };
        let resource = ApiResource { api_version: api_version(&resource), ..resource };
        let selector = format!("{}={}", names::INSTALLATION_LABEL, cluster.installation());
        let config = config().labels(&selector);
        let watch = Watch {
            cluster: &cluster,
            resource: &resource,
            group_kind: &group_kind,
            events: &events,
        };
        let ended = if health::has_health_rule(&group_kind) {
            let api = |client| Api::<DynamicObject>::all_with(client, &resource);
            watch.follow(cluster.watch(api, config), &mut failures).await
        } else {
            let api = |client| Api::<PartialObjectMeta<DynamicObject>>::all_with(client, &resource);
            watch.follow(cluster.watch(api, config), &mut failures).await
        };
        if ended.is_none() {
            return;
        }
    }
}

fn api_version(resource: &ApiResource) -> String {
    if resource.group.is_empty() {
        resource.version.clone()
    } else {
        format!("{}/{}", resource.group, resource.version)
    }
}

struct Watch<'a> {
    cluster: &'a Cluster,
    resource: &'a ApiResource,
    group_kind: &'a GroupKind,
    events: &'a mpsc::Sender<Event>,
}

impl Watch<'_> {
    /// Follows one stream until it has to be opened anew; `None` when nobody listens any more.
    async fn follow<K: Serialize + Debug>(
        &self,
        stream: impl futures::Stream<Item = watcher::Result<watcher::Event<K>>>,
        failures: &mut u32,
    ) -> Option<()> {
        let mut stream = Box::pin(stream);
        let mut listed = Vec::new();
        loop {
            let event = match stream.try_next().await {
                Ok(Some(watcher::Event::Apply(object))) => {
                    self.reduce(&object).map(|live| Event::LiveSeen(Box::new(live)))
                }
                Ok(Some(watcher::Event::Delete(object))) => {
                    self.reduce(&object).map(|live| Event::LiveGone { id: live.id, uid: live.uid })
                }
                Ok(Some(watcher::Event::Init)) => {
                    listed.clear();
                    None
                }
                Ok(Some(watcher::Event::InitApply(object))) => {
                    listed.extend(self.reduce(&object));
                    None
                }
                Ok(Some(watcher::Event::InitDone)) => {
                    Some(Event::LiveListed(self.group_kind.clone(), std::mem::take(&mut listed)))
                }
                Ok(None) => return Some(()),
                Err(error) => {
                    let text = describe(&error);
                    tracing::warn!(kind = %self.group_kind, error = text, "a watch is interrupted");
                    if is_refusal(&error) || (is_answer(&error) && *failures >= PATIENCE) {
                        let finding = Finding::error(format!(
                            "kind {} cannot be listed: {text}",
                            self.group_kind.kind
                        ))
                        .help("Give Kargo's ServiceAccount the right to list and watch it, or mend the webhook or API service behind it");
                        self.events
                            .send(Event::LiveUnavailable(self.group_kind.clone(), finding))
                            .await
                            .ok()?;
                    }
                    *failures += 1;
                    tokio::time::sleep(delay(*failures)).await;
                    if (*failures).is_multiple_of(5) {
                        return Some(());
                    }
                    continue;
                }
            };
            if let Some(event) = event {
                // A list that begins is no success yet.
                *failures = 0;
                self.events.send(event).await.ok()?;
            }
        }
    }

    fn reduce<K: Serialize>(&self, object: &K) -> Option<Live> {
        let mut value = serde_json::to_value(object).ok()?;
        // A watch of metadata calls everything PartialObjectMetadata, and items of a list carry no kind at all.
        let map = value.as_object_mut()?;
        map.insert("apiVersion".to_owned(), Value::String(self.resource.api_version.clone()));
        map.insert("kind".to_owned(), Value::String(self.resource.kind.clone()));
        Live::observe(&value, self.cluster.installation())
    }
}
