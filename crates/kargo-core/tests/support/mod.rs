//! A simulated cluster, git and shell that drive a [`World`]. Everything happens in steps that a test can
//! order: by default one after the other until nothing is left to do ([`Sim::settle`]). The rules of safety
//! are checked at every deletion, and that the world never asks to be woken for nothing, at every event.

pub(crate) mod fields;
pub(crate) mod git;
pub(crate) mod guard;
pub(crate) mod server;
pub(crate) mod shell;

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use git::{Folder, Git};
use guard::Guard;
use jiff::Timestamp;
use kargo_api::{KargoApp, KargoAppStatus, names, reasons::EventReason};
use kargo_core::{
    live::Live,
    object::{AppKey, GroupKind, ObjectId},
    world::{
        World,
        event::{Command, Event, Now},
    },
};
use serde_json::{Value, json};
use server::Server;
pub(crate) use shell::Work;
use shell::{Fault, Poll, Shell, Task, Write};

pub(crate) const INSTALLATION: &str = "test";

/// A run that needs more steps than this goes round in circles.
const STEPS: usize = 5_000;

/// Something that can happen next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// The watch of `KargoApps` delivers its next event.
    Apps,
    /// The watch of a kind delivers its next event.
    Watch(GroupKind),
    /// A command does its next step.
    Work(usize),
    /// An answer of a command arrives.
    Answer(usize),
    /// Git is asked for the branch of an app.
    Poll(AppKey),
}

pub(crate) struct Sim {
    pub(crate) world: World,
    pub(crate) server: Server,
    pub(crate) git: Git,
    pub(crate) shell: Shell,
    pub(crate) now: Duration,
    booted: Duration,
    /// Everything that was written since the start of the test.
    pub(crate) writes: Vec<Write>,
    /// Everything that people were told.
    pub(crate) told: Vec<(AppKey, EventReason, String)>,
    /// How many steps were taken.
    pub(crate) steps: usize,
    /// The API server takes no status.
    pub(crate) status_is_refused: bool,
    guard: Guard,
    /// The last events and commands, for the message of a failure.
    trace: VecDeque<String>,
}

impl Sim {
    pub(crate) fn new() -> Self {
        let server = Server::new();
        Self {
            world: World::new([None], []),
            shell: Shell::start(&server),
            server,
            git: Git::default(),
            now: Duration::from_secs(1),
            booted: Duration::ZERO,
            writes: Vec::new(),
            told: Vec::new(),
            steps: 0,
            status_is_refused: false,
            guard: Guard::default(),
            trace: VecDeque::new(),
        }
    }

    // What people do.

    /// A commit in the repository of an app.
    pub(crate) fn push(&mut self, app: &str, objects: impl IntoIterator<Item = Value>) -> String {
        self.git.push(&url(app), "k8s", Folder::Objects(objects.into_iter().collect()))
    }

    /// A commit that cannot be rendered.
    pub(crate) fn push_broken(&mut self, app: &str) -> String {
        self.git.push(&url(app), "k8s", Folder::Broken)
    }

    /// A commit that renders, and its app.
    pub(crate) fn deploy(&mut self, app: &str, objects: impl IntoIterator<Item = Value>) -> String {
        let commit = self.push(app, objects);
        self.change_app(app, |_| {});
        self.settle();
        commit
    }

    /// Creates an app, or changes it.
    pub(crate) fn change_app(&mut self, app: &str, change: impl FnOnce(&mut KargoApp)) {
        self.server.put_app(&key(app), change);
    }

    pub(crate) fn delete_app(&mut self, app: &str) {
        self.server.delete_app(&key(app));
    }

    /// Consent to the deletions of a commit.
    pub(crate) fn confirm(&mut self, app: &str, commit: &str) {
        self.change_app(app, |app| {
            let annotations = app.metadata.annotations.get_or_insert_default();
            annotations.insert(names::CONFIRM_PRUNE_ANNOTATION.to_owned(), commit.to_owned());
        });
    }

    // What is seen.

    pub(crate) fn status(&self, app: &str) -> KargoAppStatus {
        self.server.apps[&key(app)].status.clone().unwrap_or_default()
    }

    pub(crate) fn condition(&self, app: &str, kind: &str) -> Option<(String, String)> {
        let status = self.status(app);
        let found = status.conditions.iter().find(|condition| condition.type_ == kind)?;
        Some((found.status.clone(), found.reason.clone()))
    }

    pub(crate) fn is_ready(&self, app: &str) -> bool {
        self.condition(app, "Ready").is_some_and(|(status, _)| status == "True")
    }

    /// What carries the marks of an app, as `Kind/name`.
    pub(crate) fn objects(&self, app: &str) -> Vec<String> {
        self.server.owned_by(&key(app)).iter().map(ObjectId::short).collect()
    }

    /// Every object that was deleted by Kargo.
    pub(crate) fn deletions(&self) -> Vec<String> {
        let deleted = self.writes.iter().filter_map(|write| match write {
            Write::Deleted(_, id) => Some(id.short()),
            _ => None,
        });
        deleted.collect()
    }

    /// Forgets what was written so far, so that a test can speak of what comes.
    pub(crate) fn forget_writes(&mut self) {
        self.writes.clear();
        self.told.clear();
    }

    pub(crate) fn status_writes(&self, app: &str) -> usize {
        self.writes.iter().filter(|write| **write == Write::Status(key(app))).count()
    }

    pub(crate) fn applies(&self) -> usize {
        self.writes.iter().filter(|write| matches!(write, Write::Applied(..))).count()
    }

    pub(crate) fn was_told(&self, app: &str, reason: EventReason) -> usize {
        self.told.iter().filter(|(told, why, _)| *told == key(app) && *why == reason).count()
    }

    // What happens.

    /// Everything that can happen now, apart from time.
    pub(crate) fn possible(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.shell.apps_watch.first.is_some()
            || self.server.watch_apps(self.shell.apps_watch.at).is_some()
        {
            actions.push(Action::Apps);
        }
        for (group_kind, watch) in &self.shell.watches {
            if watch.first.is_some() || self.server.watch(group_kind, watch.at).is_some() {
                actions.push(Action::Watch(group_kind.clone()));
            }
        }
        for (app, poll) in &self.shell.polls {
            if poll.told.as_ref() != Some(&self.git.resolve(&poll.subscription)) {
                actions.push(Action::Poll(app.clone()));
            }
        }
        for (index, task) in self.shell.tasks.iter().enumerate() {
            if !task.answers.is_empty() {
                actions.push(Action::Answer(index));
            }
            if Shell::can_work(task, &self.server) {
                actions.push(Action::Work(index));
            }
        }
        actions
    }

    pub(crate) fn act(&mut self, action: &Action, fault: Option<Fault>) {
        self.steps += 1;
        self.note(format!("{action:?} {fault:?}"));
        let event = match action {
            Action::Apps => {
                let watch = &mut self.shell.apps_watch;
                let event = watch.first.take().or_else(|| {
                    watch.at += 1;
                    self.server.watch_apps(watch.at - 1)
                });
                event.expect("possible")
            }
            Action::Watch(group_kind) => {
                let watch = self.shell.watches.get_mut(group_kind).expect("possible");
                let event = watch.first.take().or_else(|| {
                    watch.at += 1;
                    self.server.watch(group_kind, watch.at - 1)
                });
                event.expect("possible")
            }
            Action::Poll(app) => {
                let poll = self.shell.polls.get_mut(app).expect("possible");
                let tip = self.git.resolve(&poll.subscription);
                poll.told = Some(tip.clone());
                Event::TipSeen { app: app.clone(), subscription: poll.subscription.clone(), tip }
            }
            Action::Answer(index) => {
                self.shell.tasks[*index].answers.pop_front().expect("possible")
            }
            Action::Work(index) => {
                let work = &self.shell.tasks[*index].work;
                Guard::before_work(work, &self.server);
                let refused = self.status_is_refused && matches!(work, Work::Status { .. });
                let fault = fault.or(refused.then_some(Fault::Refused));
                self.shell.work(*index, fault, &mut self.server, &self.git, &mut self.writes);
                return;
            }
        };
        self.handle(event);
        self.shell.tasks.retain(|task| task.works() || !task.answers.is_empty());
    }

    fn handle(&mut self, event: Event) {
        if !matches!(
            event,
            Event::Loaded { .. }
                | Event::LiveListed(..)
                | Event::AppsListed(..)
                | Event::AppSeen(_)
        ) {
            self.note(format!("    {event:?}").chars().take(300).collect());
        }
        self.guard.heard(&event);
        let now = self.now_for_world();
        for command in self.world.handle(event, now) {
            self.note(format!("        -> {command:?}").chars().take(300).collect());
            self.guard.asked(&command);
            self.carry_out(command);
        }
        let wake = self.world.next_wake();
        assert!(
            wake.is_none_or(|at| at > now.monotonic),
            "the world wants to be woken at {wake:?}, which is over\n{}",
            self.story()
        );
    }

    fn now_for_world(&self) -> Now {
        let wall = Timestamp::from_second(1_800_000_000).expect("a time") + self.now;
        Now { monotonic: self.now.saturating_sub(self.booted), wall }
    }

    fn carry_out(&mut self, command: Command) {
        let work = match command {
            Command::Subscribe(app, subscription) => {
                self.shell.polls.insert(app, Poll { subscription, told: None });
                return;
            }
            Command::Unsubscribe(app) => {
                self.shell.polls.remove(&app);
                return;
            }
            Command::Refresh(app) => {
                if let Some(poll) = self.shell.polls.get_mut(&app) {
                    poll.told = None;
                }
                return;
            }
            Command::Tell { app, reason, note } => {
                self.told.push((app, reason, note));
                return;
            }
            Command::Track(group_kind) => {
                self.shell.forget_watch(&group_kind);
                Work::Record(group_kind)
            }
            Command::Load { app, request, .. } => Work::Load { app, request },
            Command::Discover => Work::Discover,
            Command::Apply { app, run, mut objects, .. } => {
                objects.sort_by_key(|object| object.desired.band());
                Work::Apply { app, run, objects: objects.into() }
            }
            Command::Prune { permit, candidates } => {
                let broken = self.guard.judge(&permit, &candidates, &self.server);
                assert!(broken.is_none(), "{}\n{}", broken.unwrap_or_default(), self.story());
                Work::Look { permit, candidates: candidates.into(), outcomes: Vec::new() }
            }
            Command::Unmark { app, id, uid } => Work::Unmark { app, id, uid },
            Command::WriteStatus { app, uid, status } => Work::Status { app, uid, status },
            Command::WriteFinalizer { app, uid, present } => Work::Finalizer { app, uid, present },
        };
        self.shell.tasks.push(Task::new(work));
    }

    /// Discovery finds what is served now.
    pub(crate) fn discovered(&mut self) {
        self.shell.tasks.push(Task::new(Work::Discover));
    }

    /// The watch of a kind starts again with a list that has these objects.
    pub(crate) fn list_again_as(&mut self, group_kind: &GroupKind, objects: Vec<Live>) {
        self.handle(Event::LiveListed(group_kind.clone(), objects));
    }

    /// Lets everything happen that can, without any time passing.
    pub(crate) fn settle(&mut self) {
        for _ in 0..STEPS {
            let Some(action) = self.possible().into_iter().next() else { return };
            self.act(&action, None);
        }
        panic!("goes on and on:\n{}", self.story());
    }

    /// Lets time pass, and nothing arrive in it: everything takes that long.
    pub(crate) fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        for _ in 0..STEPS {
            let Some(wake) =
                self.world.next_wake().map(|at| at + self.booted).filter(|at| *at <= until)
            else {
                self.now = until;
                return;
            };
            self.now = self.now.max(wake);
            self.handle(Event::Tick);
        }
        panic!("wakes up again and again:\n{}", self.story());
    }

    /// A remark in the story.
    pub(crate) fn comment(&mut self, text: &str) {
        self.note(format!("== {text}"));
    }

    /// Lets time pass, and everything happen that happens in it.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let until = self.now + duration;
        self.settle();
        for _ in 0..STEPS {
            let Some(wake) =
                self.world.next_wake().map(|at| at + self.booted).filter(|at| *at <= until)
            else {
                self.now = until;
                return;
            };
            self.now = self.now.max(wake);
            self.handle(Event::Tick);
            self.settle();
        }
        panic!("wakes up again and again:\n{}", self.story());
    }

    /// The process is gone, and with it everything that was on its way; another one starts.
    pub(crate) fn restart(&mut self) {
        self.note("---- crash and restart".to_owned());
        self.guard.forget_what_was_not_durable(&self.server);
        self.booted = self.now;
        self.shell = Shell::start(&self.server);
        self.world = World::new([None], self.server.inventory.iter().cloned());
    }

    fn note(&mut self, what: String) {
        if self.trace.len() == 400 {
            self.trace.pop_front();
        }
        self.trace.push_back(what);
    }

    /// The last things that happened.
    pub(crate) fn story(&self) -> String {
        self.trace.iter().cloned().collect::<Vec<_>>().join("\n")
    }

    /// Everybody who is alive and wants an object.
    pub(crate) fn live_apps(&self) -> BTreeSet<AppKey> {
        let live =
            self.server.apps.iter().filter(|(_, app)| app.metadata.deletion_timestamp.is_none());
        live.map(|(key, _)| key.clone()).collect()
    }
}

pub(crate) fn key(app: &str) -> AppKey {
    AppKey { namespace: "team".to_owned(), name: app.to_owned() }
}

pub(crate) fn url(app: &str) -> String {
    format!("https://git.example/{app}")
}

// Objects.

pub(crate) fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})
}

pub(crate) fn claim(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
           "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
}

pub(crate) fn deployment(name: &str, image: &str) -> Value {
    let labels = json!({"app": name});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
           "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}}})
}

pub(crate) fn job(name: &str, image: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
           "spec": {"ttlSecondsAfterFinished": 60,
                    "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}}})
}

pub(crate) fn id(kind: &str, name: &str) -> ObjectId {
    let group = match kind {
        "Deployment" => "apps",
        "Job" => "batch",
        _ => "",
    };
    ObjectId::new(GroupKind::new(group, kind), Some("team"), name)
}
