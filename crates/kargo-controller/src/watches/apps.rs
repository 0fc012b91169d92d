//! The watch of `KargoApps`.

use futures::TryStreamExt;
use kargo_api::KargoApp;
use kargo_core::world::event::{Event, SeenApp};
use kube::{Api, core::DeserializeGuard, runtime::watcher};
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
    loop {
        let mut stream = Box::pin(cluster.watch(api, config().timeout(WATCH_SECONDS)));
        let mut listed = Vec::new();
        loop {
            let event = match stream.try_next().await {
                Ok(Some(watcher::Event::Apply(app))) => accept(app).map(Event::AppSeen),
                Ok(Some(watcher::Event::Delete(app))) => gone(&app),
                Ok(Some(watcher::Event::Init)) => {
                    listed.clear();
                    None
                }
                Ok(Some(watcher::Event::InitApply(app))) => {
                    listed.extend(accept(app));
                    None
                }
                Ok(Some(watcher::Event::InitDone)) => {
                    Some(Event::AppsListed(namespace.clone(), std::mem::take(&mut listed)))
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
fn accept(app: DeserializeGuard<KargoApp>) -> Option<SeenApp> {
    match app.0 {
        Ok(app) => SeenApp::of(app),
        Err(invalid) => {
            let name = invalid.metadata.name.unwrap_or_default();
            tracing::warn!(
                app = name,
                "a KargoApp cannot be read and is ignored; apply it again to see why"
            );
            None
        }
    }
}

fn gone(app: &DeserializeGuard<KargoApp>) -> Option<Event> {
    let metadata = match &app.0 {
        Ok(app) => &app.metadata,
        Err(invalid) => &invalid.metadata,
    };
    let key = kargo_core::object::AppKey {
        namespace: metadata.namespace.clone()?,
        name: metadata.name.clone()?,
    };
    Some(Event::AppGone(key))
}
