//! The watch of `KargoApps`.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use kargo_api::KargoApp;
use kargo_core::{
    object::AppKey,
    world::event::{Event, SeenApp},
};
use kube::{
    Api,
    core::{DeserializeGuard, ObjectMeta},
    runtime::watcher,
};
use tokio::sync::mpsc;

use super::{config, delay, describe};
use crate::cluster::Cluster;

/// Our own kind is few and small; a silent stall of its watch would hide what users ask for.
const WATCH_SECONDS: u32 = 60;

/// Watches `KargoApps` in one namespace, or in all, for ever.
pub(crate) async fn watch(
    cluster: Cluster,
    namespace: Option<String>,
    events: mpsc::Sender<Event>,
) {
    let api = |client| match &namespace {
        Some(namespace) => Api::<DeserializeGuard<KargoApp>>::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut failures = 0;
    let mut unreadable = BTreeSet::new();
    loop {
        let mut stream = Box::pin(cluster.watch(api, config().timeout(WATCH_SECONDS)));
        let (mut listed, mut unreadable_now) = (Vec::new(), BTreeSet::new());
        loop {
            let event = match stream.try_next().await {
                Ok(Some(watcher::Event::Apply(app))) => match accept(app) {
                    Ok(app) => {
                        unreadable.remove(&app.key);
                        Some(Event::AppSeen(app))
                    }
                    Err(key) => key.map(|key| {
                        unreadable.insert(key.clone());
                        Event::AppUnreadable(key)
                    }),
                },
                Ok(Some(watcher::Event::Delete(app))) => gone(&app),
                Ok(Some(watcher::Event::Init)) => {
                    listed.clear();
                    unreadable_now.clear();
                    None
                }
                Ok(Some(watcher::Event::InitApply(app))) => {
                    match accept(app) {
                        Ok(app) => listed.push(app),
                        Err(key) => unreadable_now.extend(key),
                    }
                    None
                }
                Ok(Some(watcher::Event::InitDone)) => {
                    let before =
                        std::mem::replace(&mut unreadable, std::mem::take(&mut unreadable_now));
                    let listed = std::mem::take(&mut listed);
                    let is_there = |key: &AppKey| {
                        unreadable.contains(key) || listed.iter().any(|app| app.key == *key)
                    };
                    let gone = before.into_iter().filter(|key| !is_there(key)).map(Event::AppGone);
                    let there = unreadable.iter().cloned().map(Event::AppUnreadable);
                    for event in gone.chain(there).collect::<Vec<_>>() {
                        if events.send(event).await.is_err() {
                            return;
                        }
                    }
                    Some(Event::AppsListed(namespace.clone(), listed))
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(
                        error = describe(&error),
                        "the watch of KargoApps is interrupted"
                    );
                    failures += 1;
                    tokio::time::sleep(delay(failures)).await;
                    // After many failures in a row the old resourceVersion may be the reason.
                    if failures % 5 == 0 {
                        break;
                    }
                    continue;
                }
            };
            if let Some(event) = event {
                // A list that begins is no success yet.
                failures = 0;
                if events.send(event).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A KargoApp that cannot be read is left as it is: it is the problem of its author, not of the others.
fn accept(app: DeserializeGuard<KargoApp>) -> Result<SeenApp, Option<AppKey>> {
    match app.0 {
        Ok(app) => SeenApp::of(app).ok_or(None),
        Err(invalid) => {
            let key = key(&invalid.metadata);
            let app = key.as_ref().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(
                app,
                "a KargoApp cannot be read and is left as it was; apply it again to see why"
            );
            Err(key)
        }
    }
}

fn gone(app: &DeserializeGuard<KargoApp>) -> Option<Event> {
    let metadata = match &app.0 {
        Ok(app) => &app.metadata,
        Err(invalid) => &invalid.metadata,
    };
    key(metadata).map(Event::AppGone)
}

fn key(metadata: &ObjectMeta) -> Option<AppKey> {
    Some(AppKey { namespace: metadata.namespace.clone()?, name: metadata.name.clone()? })
}
