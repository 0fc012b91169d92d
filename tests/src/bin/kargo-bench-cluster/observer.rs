//! When something is seen by a watch.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, pin_mut};
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher::{self, watcher};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A change, as a watch showed it.
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) gone: bool,
    pub(crate) object: DynamicObject,
}

/// A watch of one kind in one namespace.
pub(crate) struct Observer {
    seen: mpsc::UnboundedReceiver<Seen>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Opens the watch; what is there already is not told.
    pub(crate) async fn open(client: &kube::Client, kind: &str, namespace: &str) -> Result<Self> {
        let (group, version, plural) = match kind {
            "Deployment" => ("apps", "v1", "deployments"),
            "KargoApp" => ("kargo.krampoline.io", "v1alpha1", "kargoapps"),
            _ => ("", "v1", "configmaps"),
        };
        let kind = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
        let (sender, seen) = mpsc::unbounded_channel();
        let (opened, listed) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let stream = watcher(api, watcher::Config::default());
            pin_mut!(stream);
            let mut opened = Some(opened);
            while let Some(event) = stream.next().await {
                let at = Instant::now();
                let (gone, object) = match event {
                    Ok(watcher::Event::Apply(object)) => (false, object),
                    Ok(watcher::Event::Delete(object)) => (true, object),
                    Ok(watcher::Event::InitDone) => {
                        opened.take().map(|opened| opened.send(()));
                        continue;
                    }
                    Ok(_) => continue,
                    Err(_) => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
                if sender.send(Seen { at, gone, object }).is_err() {
                    return;
                }
            }
        });
        listed.await.context("the watch could not be opened")?;
        Ok(Self { seen, task })
    }

    /// Forgets what was seen so far.
    pub(crate) fn forget(&mut self) {
        while self.seen.try_recv().is_ok() {}
    }

    /// Waits for a change for which `holds`, and says when it was seen; `None` if it was not seen
    /// within `patience`.
    pub(crate) async fn when(
        &mut self,
        patience: Duration,
        mut holds: impl FnMut(&Seen) -> bool,
    ) -> Option<Instant> {
        tokio::time::timeout(patience, async {
            loop {
                let seen = self.seen.recv().await?;
                if holds(&seen) {
                    return Some(seen.at);
                }
            }
        })
        .await
        .ok()
        .flatten()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
