//! The loop: events from the watches, from git and from finished commands go into the world; what the world
//! wants done is carried out beside the loop, which itself never waits for anything else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use kargo_core::{
    finding::Finding,
    object::GroupKind,
    world::{
        World,
        event::{Command, Event, Now, SeenApp},
    },
};
use kargo_git::{Limits, Store};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::{CallError, Cluster, discovery, inventory, patiently, version},
    commands::{apply::Apply, load::Loader, prune::Prune, unmark, write},
    http::{self, Probes},
    metrics::Metrics,
    recorder::Recorder,
    settings::Settings,
    source::Sources,
    watches,
};

/// How many events may wait for the world; a full queue slows the watches down, and nothing else.
const EVENTS: usize = 4096;

/// How long commands that are under way may take after a stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(4);

/// Runs the controller until `stop`.
pub async fn run(
    settings: Settings,
    config: kube::Config,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let settings = Arc::new(settings);
    let cluster = Cluster::new(config, &settings.installation, &settings.namespace)
        .context("the connection to the cluster cannot be set up")?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {} for health and metrics", settings.listen))?;
    tracing::info!(address = %listener.local_addr()?, "serving /healthz, /readyz and /metrics");
    let version = version::check(&cluster).await?;
    tracing::info!(kubernetes = version, installation = cluster.installation(), "connected");
    patiently(|| discovery::refresh(&cluster))
        .await
        .context("cannot read what the API server serves")?;

    let metrics = Metrics::default();
    let store =
        Store::open_with(&settings.cache_folder, Limits::default(), settings.git_policy.clone())
            .with_context(|| {
                format!("the cache folder {} cannot be used", settings.cache_folder.display())
            })?;
    let store = Arc::new(store);
    let (events, queue) = mpsc::channel(EVENTS);
    let (recorder, notes) = Recorder::new(cluster.clone(), metrics.clone());
    let ready = Arc::new(AtomicBool::new(false));

    let mut helpers = JoinSet::new();
    helpers.spawn(notes);
    helpers.spawn(http::serve(
        listener,
        Probes { ready: Arc::clone(&ready), metrics: metrics.clone() },
    ));
    helpers.spawn(watches::definitions::watch(cluster.clone(), events.clone()));
    let namespaces: Vec<Option<String>> = match settings.watch_namespaces.as_slice() {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    };
    for namespace in &namespaces {
        helpers.spawn(watches::apps::watch(cluster.clone(), namespace.clone(), events.clone()));
    }

    let kinds = patiently(|| known_kinds(&cluster))
        .await
        .context("cannot read which kinds this installation uses")?;
    let mut engine = Engine {
        world: World::new(namespaces, kinds.iter().cloned()),
        started_at: Instant::now(),
        sources: Sources::new(Arc::clone(&store), cluster.clone(), events.clone(), metrics.clone()),
        loader: Arc::new(Loader::new(
            store,
            cluster.clone(),
            Arc::clone(&settings),
            metrics.clone(),
        )),
        watched: BTreeMap::new(),
        tasks: JoinSet::new(),
        cluster,
        events,
        metrics,
        recorder,
        ready,
    };
    for group_kind in kinds {
        engine.watch(group_kind);
    }
    engine.serve(queue, &stop).await;
    tracing::info!("stopping");
    let _ = tokio::time::timeout(STOP_GRACE, async {
        while engine.tasks.join_next().await.is_some() {}
    })
    .await;
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
    cluster: Cluster,
    events: mpsc::Sender<Event>,
    metrics: Metrics,
    recorder: Recorder,
    sources: Sources,
    loader: Arc<Loader>,
    watched: BTreeMap<GroupKind, JoinHandle<()>>,
    tasks: JoinSet<()>,
    ready: Arc<AtomicBool>,
}

impl Engine {
    async fn serve(&mut self, mut queue: mpsc::Receiver<Event>, stop: &CancellationToken) {
        loop {
            let wake = self.world.next_wake().map(|at| self.started_at + at);
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = queue.recv() => match event {
                    Some(event) => event,
                    None => return,
                },
                () = sleep_until(wake) => Event::Tick,
                Some(_) = self.tasks.join_next() => continue,
            };
            self.notice(&event);
            let now = Now { monotonic: self.started_at.elapsed(), wall: jiff::Timestamp::now() };
            for command in self.world.handle(event, now) {
                self.carry_out(command);
            }
            self.ready.store(self.world.is_started(), Ordering::Relaxed);
            self.metrics.apps(self.world.apps());
        }
    }

    /// What the shell itself wants to know of an event.
    fn notice(&mut self, event: &Event) {
        match event {
            Event::AppsListed(_, apps) => apps.iter().for_each(|app| self.know(app)),
            Event::AppSeen(app) => self.know(app),
            Event::AppGone(key) => {
                self.recorder.forget(key);
                self.loader.forget(key);
            }
            _ => {}
        }
    }

    fn know(&self, app: &SeenApp) {
        self.recorder.know(&app.key, app.app.metadata.uid.as_deref().unwrap_or_default());
    }

    fn carry_out(&mut self, command: Command) {
        let events = self.events.clone();
        match command {
            Command::Subscribe(app, subscription) => self.sources.subscribe(app, subscription),
            Command::Unsubscribe(app) => self.sources.unsubscribe(&app),
            Command::Refresh(app) => self.sources.refresh(&app),
            Command::Load { app, request, previous } => {
                self.tasks.spawn(Arc::clone(&self.loader).load(app, request, previous, events));
            }
            Command::Track(group_kind) => self.track(group_kind),
            Command::Discover => {
                let cluster = self.cluster.clone();
                self.tasks.spawn(async move {
                    match discovery::refresh(&cluster).await {
                        Ok(true) => drop(events.send(Event::KindsChanged).await),
                        Ok(false) => {}
                        Err(error) => tracing::warn!(%error, "discovery failed"),
                    }
                });
            }
            Command::Apply { app, run, objects, namespaces } => {
                let (cluster, metrics, recorder) =
                    (self.cluster.clone(), self.metrics.clone(), self.recorder.clone());
                let apply = Apply {
                    cluster,
                    metrics,
                    recorder,
                    events: events.clone(),
                    app: app.clone(),
                    run,
                };
                self.tasks.spawn(async move {
                    // Whatever goes wrong in there, the world is told that it ended.
                    if tokio::spawn(apply.run(objects, namespaces)).await.is_err() {
                        let _ = events.send(Event::ApplyEnded { app, run }).await;
                    }
                });
            }
            Command::Prune { permit, candidates } => {
                let (cluster, metrics, recorder) =
                    (self.cluster.clone(), self.metrics.clone(), self.recorder.clone());
                self.tasks
                    .spawn(Prune { cluster, metrics, recorder, events }.run(permit, candidates));
            }
            Command::Unmark { app, id, uid } => {
                self.tasks.spawn(unmark::run(self.cluster.clone(), app, id, uid));
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
        let task = tokio::spawn(async move {
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
        self.watched.insert(group_kind, tokio::spawn(watch));
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
