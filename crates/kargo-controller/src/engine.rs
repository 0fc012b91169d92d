//! The loop: events from the watches, from git and from finished commands go into the world; what the world
//! wants done is carried out beside the loop, which itself never waits for anything else.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Instant,
};

use anyhow::Context as _;
use futures::FutureExt as _;
use kargo_core::{
    finding::Finding,
    object::{AppKey, GroupKind},
    world::{
        World,
        event::{Command, Event, Now, SeenApp},
    },
};
use kargo_git::Store;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

use crate::{
    cluster::{
        CallError, Cluster, discovery,
        identity::{Identities, Identity, NoIdentity},
        inventory, patiently, version,
    },
    commands::{apply::Apply, load::Loader, prune::Prune, unmark, write},
    http::Probes,
    lease::Term,
    metrics::Metrics,
    recorder::Recorder,
    settings::Settings,
    source::Sources,
    watches,
    webhooks::{Requests, Webhooks},
};

/// How many events may wait for the world; a full queue slows the watches down, and nothing else.
const EVENTS: usize = 4096;

/// What outlives a term.
pub(crate) struct Shared {
    pub settings: Arc<Settings>,
    pub config: kube::Config,
    pub store: Arc<Store>,
    pub metrics: Metrics,
    pub probes: Probes,
}

/// Works in one term, until it is dropped. It begins from lists: what a former term knew may be wrong.
pub(crate) async fn run(shared: &Shared, term: &Term) -> anyhow::Result<()> {
    let Shared { settings, config, store, metrics, probes } = shared;
    let cluster =
        Cluster::new(config.clone(), &settings.installation, &settings.namespace, term.clone())
            .context("the connection to the cluster cannot be set up")?;
    let version = version::check(&cluster).await?;
    tracing::info!(kubernetes = version, installation = cluster.installation(), "connected");
    patiently(|| discovery::refresh(&cluster))
        .await
        .context("cannot read what the API server serves")?;

    let (events, queue) = mpsc::channel(EVENTS);
    let (recorder, notes) = Recorder::new(cluster.clone(), metrics.clone());
    let mut helpers = JoinSet::new();
    helpers.spawn(notes);
    helpers.spawn(watches::definitions::watch(cluster.clone(), events.clone()));
    let namespaces: Vec<Option<String>> = match settings.watch_namespaces.as_slice() {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    };
    for namespace in &namespaces {
        helpers.spawn(watches::apps::watch(cluster.clone(), namespace.clone(), events.clone()));
    }

    let requests = Arc::new(Requests::default());
    let webhooks = match &settings.webhooks {
        Some(settings) => {
            let (cluster, recorder, metrics) = (cluster.clone(), recorder.clone(), metrics.clone());
            let requests = Arc::clone(&requests);
            let (webhooks, server) =
                Webhooks::listen(settings, cluster, recorder, metrics, requests).await?;
            helpers.spawn(server);
            Some(webhooks)
        }
        None => None,
    };

    let kinds = patiently(|| known_kinds(&cluster))
        .await
        .context("cannot read which kinds this installation uses")?;
    let sources = Sources::new(
        Arc::clone(store),
        cluster.clone(),
        events.clone(),
        metrics.clone(),
        recorder.clone(),
    );
    let loader =
        Loader::new(Arc::clone(store), cluster.clone(), Arc::clone(settings), metrics.clone());
    let mut engine = Engine {
        world: World::new(namespaces, kinds.iter().cloned()),
        started_at: Instant::now(),
        identities: settings.identities.clone(),
        accounts: BTreeMap::new(),
        sources,
        loader: Arc::new(loader),
        watched: BTreeMap::new(),
        tasks: JoinSet::new(),
        watches: JoinSet::new(),
        cluster,
        events,
        metrics: metrics.clone(),
        recorder,
        probes: probes.clone(),
        webhooks,
        requests,
    };
    for group_kind in kinds {
        engine.watch(group_kind);
    }
    engine.serve(queue).await;
    Ok(())
}

/// The kinds to list at the start. Without a record all kinds are asked, and the record is made anew.
async fn known_kinds(cluster: &Cluster) -> Result<BTreeSet<GroupKind>, CallError> {
    if let Some(kinds) = inventory::read(cluster).await? {
        return Ok(kinds);
    }
    let kinds = inventory::rediscover(cluster).await?;
    inventory::add(cluster, &kinds).await?;
    Ok(kinds)
}

struct Engine {
    world: World,
    started_at: Instant,
    identities: Identities,
    /// The `ServiceAccount` that each app names.
    accounts: BTreeMap<AppKey, Option<String>>,
    cluster: Cluster,
    events: mpsc::Sender<Event>,
    metrics: Metrics,
    recorder: Recorder,
    sources: Sources,
    loader: Arc<Loader>,
    watched: BTreeMap<GroupKind, AbortHandle>,
    tasks: JoinSet<()>,
    watches: JoinSet<()>,
    probes: Probes,
    webhooks: Option<Arc<Webhooks>>,
    /// The apps that a webhook wants git to be asked for.
    requests: Arc<Requests>,
}

impl Engine {
    async fn serve(&mut self, mut queue: mpsc::Receiver<Event>) {
        loop {
            let wake = self.world.next_wake().map(|at| self.started_at + at);
            let event = tokio::select! {
                event = queue.recv() => match event {
                    Some(event) => event,
                    None => return,
                },
                apps = self.requests.take() => {
                    for app in &apps {
                        self.sources.refresh(app);
                    }
                    continue;
                }
                () = sleep_until(wake) => Event::Tick,
                Some(_) = self.tasks.join_next() => continue,
                Some(_) = self.watches.join_next() => continue,
            };
            self.notice(&event);
            let gone = if let Event::AppGone(key) = &event { Some(key.clone()) } else { None };
            let now = Now { monotonic: self.started_at.elapsed(), wall: jiff::Timestamp::now() };
            for command in self.world.handle(event, now) {
                self.carry_out(command);
            }
            // Only now: what the app leaves behind was still dealt with as itself.
            if let Some(key) = gone {
                self.accounts.remove(&key);
            }
            self.probes.seen_everything(self.world.is_started());
            self.metrics.apps(self.world.apps());
        }
    }

    /// What the shell itself wants to know of an event.
    fn notice(&mut self, event: &Event) {
        if let Some(webhooks) = &self.webhooks {
            webhooks.notice(event);
        }
        match event {
            Event::AppsListed(_, apps) => {
                for app in apps {
                    self.know(app);
                }
            }
            Event::AppSeen(app) => self.know(app),
            Event::AppGone(key) => {
                self.recorder.forget(key);
                self.loader.forget(key);
            }
            _ => {}
        }
    }

    fn know(&mut self, app: &SeenApp) {
        self.accounts.insert(app.key.clone(), app.app.spec.service_account_name.clone());
        self.recorder.know(&app.key, app.app.metadata.uid.as_deref().unwrap_or_default());
    }

    /// As whom everything for this app is done.
    fn identity(&self, app: &AppKey) -> Result<Identity, NoIdentity> {
        self.identities.of(app, self.accounts.get(app).and_then(Option::as_deref))
    }

    fn carry_out(&mut self, command: Command) {
        let events = self.events.clone();
        match command {
            Command::Subscribe(app, subscription) => {
                let identity = self.identity(&app);
                self.sources.subscribe(app, subscription, identity);
            }
            Command::Unsubscribe(app) => self.sources.unsubscribe(&app),
            Command::Refresh(app) => self.sources.refresh(&app),
            Command::Load { app, request, previous } => {
                let (loader, identity) = (Arc::clone(&self.loader), self.identity(&app));
                self.tasks.spawn(loader.load(app, identity, request, previous, events));
            }
            Command::Track(group_kind) => self.track(group_kind),
            Command::Discover => {
                let cluster = self.cluster.clone();
                self.tasks.spawn(async move {
                    match discovery::refresh(&cluster).await {
                        Ok(Some(lost)) => drop(events.send(Event::KindsChanged { lost }).await),
                        Ok(None) => {}
                        Err(error) => tracing::warn!(%error, "discovery failed"),
                    }
                });
            }
            Command::Apply { app, run, revision, objects, namespaces } => {
                let (cluster, metrics, recorder) =
                    (self.cluster.clone(), self.metrics.clone(), self.recorder.clone());
                let apply = Apply {
                    cluster,
                    metrics,
                    recorder,
                    events: events.clone(),
                    app: app.clone(),
                    run,
                    revision,
                };
                let identity = self.identity(&app);
                self.tasks.spawn(async move {
                    // Whatever goes wrong in there, the world is told that it ended.
                    let applied = apply.run(identity, objects, namespaces);
                    if AssertUnwindSafe(applied).catch_unwind().await.is_err() {
                        let _ = events.send(Event::ApplyEnded { app, run }).await;
                    }
                });
            }
            Command::Prune { permit, candidates } => {
                let (cluster, metrics, recorder) =
                    (self.cluster.clone(), self.metrics.clone(), self.recorder.clone());
                let identity = self.identity(permit.app());
                let prune = Prune { cluster, metrics, recorder, events };
                self.tasks.spawn(prune.run(identity, permit, candidates));
            }
            Command::Unmark { app, id, uid } => {
                let identity = self.identity(&app);
                self.tasks.spawn(unmark::run(self.cluster.clone(), identity, app, id, uid));
            }
            Command::WriteStatus { app, uid, status } => {
                self.metrics.status_write();
                self.tasks.spawn(write::status(self.cluster.clone(), app, uid, status, events));
            }
            Command::WriteFinalizer { app, uid, present } => {
                self.tasks.spawn(write::finalizer(self.cluster.clone(), app, uid, present, events));
            }
            Command::Tell { app, reason, note } => self.recorder.tell(&app, reason, &note),
        }
    }

    /// Records a kind, then watches it: never the other way round.
    fn track(&mut self, group_kind: GroupKind) {
        let (cluster, events) = (self.cluster.clone(), self.events.clone());
        if let Some(old) = self.watched.remove(&group_kind) {
            old.abort();
        }
        let watched = group_kind.clone();
        let task = self.watches.spawn(async move {
            if let Err(error) =
                inventory::add(&cluster, &BTreeSet::from([group_kind.clone()])).await
            {
                let finding = Finding::error(format!(
                    "the use of kind {} cannot be recorded: {error}",
                    group_kind.kind
                ));
                let _ = events.send(Event::LiveUnavailable(group_kind, finding)).await;
                return;
            }
            watches::objects::watch(cluster, group_kind, events).await;
        });
        self.watched.insert(watched, task);
    }

    fn watch(&mut self, group_kind: GroupKind) {
        let watch =
            watches::objects::watch(self.cluster.clone(), group_kind.clone(), self.events.clone());
        let task = self.watches.spawn(watch);
        self.watched.insert(group_kind, task);
    }
}

/// Never, if there is nothing to wait for.
pub(crate) async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
