//! The shell in small steps: every command is a task that works step by step and whose answers are on their
//! way until they are delivered, so that a test decides about every order.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use kargo_api::KargoAppStatus;
use kargo_core::{
    finding::Finding,
    kinds::Kinds,
    marks::Mark,
    object::{AppKey, GroupKind, ObjectId},
    prune::{Candidate, PrunePermit},
    world::event::{
        Accepted, ApplyFailure, ApplyOutcome, Event, Failure, Gone, LoadRequest, PruneOutcome,
        Subscription, ToApply,
    },
};
use serde_json::Value;

use super::{
    git::Git,
    server::{Refusal, Server, observe},
};

/// What goes wrong in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call is answered by an error and has no effect.
    Refused,
    /// The call takes effect, and the answer is an error.
    AnswerLost,
}

/// A write that the API server did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    Applied(AppKey, ObjectId),
    Deleted(AppKey, ObjectId),
    Unmarked(ObjectId),
    Status(AppKey),
    Finalizer(AppKey),
}

/// A command under way.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) work: Work,
    pub(crate) answers: VecDeque<Event>,
}

/// What is left to do of a command.
#[derive(Debug)]
pub(crate) enum Work {
    Done,
    Load {
        app: AppKey,
        request: LoadRequest,
    },
    Record(GroupKind),
    List(GroupKind),
    /// The watch of a kind tries again for ever, unless the kind is not served.
    ListAgain(GroupKind),
    Discover,
    Apply {
        app: AppKey,
        run: u64,
        objects: VecDeque<ToApply>,
    },
    Look {
        permit: PrunePermit,
        candidates: VecDeque<Candidate>,
        outcomes: Vec<PruneOutcome>,
    },
    Delete {
        permit: PrunePermit,
        candidates: VecDeque<Candidate>,
        outcomes: Vec<PruneOutcome>,
        version: String,
    },
    Unmark {
        app: AppKey,
        id: ObjectId,
        uid: String,
    },
    Status {
        app: AppKey,
        uid: String,
        status: Box<KargoAppStatus>,
    },
    Finalizer {
        app: AppKey,
        uid: String,
        present: bool,
    },
}

impl Task {
    pub(crate) fn new(work: Work) -> Self {
        Self { work, answers: VecDeque::new() }
    }

    pub(crate) fn works(&self) -> bool {
        !matches!(self.work, Work::Done)
    }
}

/// One watch: its list if that is not delivered yet, then the events from a place on.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) first: Option<Event>,
    pub(crate) at: usize,
}

/// What the shell knows of one app's branch.
#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) subscription: Subscription,
    pub(crate) told: Option<Result<String, Failure>>,
}

/// Everything that a crash takes away.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) kinds: Kinds,
    pub(crate) apps_watch: Watch,
    pub(crate) watches: BTreeMap<GroupKind, Watch>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) polls: BTreeMap<AppKey, Poll>,
}

impl Shell {
    /// A shell that lists all apps and the recorded kinds.
    pub(crate) fn start(server: &Server) -> Self {
        let (apps, at) = server.list_apps();
        let lists =
            server.inventory.iter().map(|group_kind| Task::new(Work::List(group_kind.clone())));
        Self {
            kinds: server.kinds.clone(),
            apps_watch: Watch { first: Some(Event::AppsListed(None, apps)), at },
            watches: BTreeMap::new(),
            tasks: lists.collect(),
            polls: BTreeMap::new(),
        }
    }

    /// A kind is watched anew: what was under way for it ends.
    pub(crate) fn forget_watch(&mut self, kind: &GroupKind) {
        self.watches.remove(kind);
        for task in &mut self.tasks {
            if let Work::Record(of) | Work::List(of) | Work::ListAgain(of) = &task.work
                && of == kind
            {
                task.work = Work::Done;
            }
        }
    }

    /// Whether a task has something to do now.
    pub(crate) fn can_work(task: &Task, server: &Server) -> bool {
        match &task.work {
            Work::Done => false,
            Work::ListAgain(kind) => server.list(kind).is_some(),
            _ => true,
        }
    }

    /// One step of one task. What the API server did goes into `writes`.
    pub(crate) fn work(
        &mut self,
        index: usize,
        fault: Option<Fault>,
        server: &mut Server,
        git: &Git,
        writes: &mut Vec<Write>,
    ) {
        let work = std::mem::replace(&mut self.tasks[index].work, Work::Done);
        let mut answer = |event| self.tasks[index].answers.push_back(event);
        let refused = fault == Some(Fault::Refused);
        let lost = |result: Result<(), Refusal>| {
            if fault == Some(Fault::AnswerLost) { Err(Refusal::Unavailable) } else { result }
        };
        let next = match work {
            Work::Done => Work::Done,
            Work::Load { app, request } => {
                let result = git.load(&app, &request, &self.kinds).map(Arc::new);
                answer(Event::Loaded { app, request, result });
                Work::Done
            }
            Work::Record(group_kind) if refused => {
                answer(Event::LiveUnavailable(
                    group_kind,
                    Finding::error("the use of the kind cannot be recorded"),
                ));
                Work::Done
            }
            Work::Record(group_kind) => {
                server.inventory.insert(group_kind.clone());
                Work::List(group_kind)
            }
            Work::List(group_kind) | Work::ListAgain(group_kind) => {
                if let Some((objects, at)) = server.list(&group_kind).filter(|_| !refused) {
                    let first = Some(Event::LiveListed(group_kind.clone(), objects));
                    self.watches.insert(group_kind, Watch { first, at });
                    Work::Done
                } else {
                    let finding = Finding::error("the kind cannot be listed");
                    answer(Event::LiveUnavailable(group_kind.clone(), finding));
                    let is_served = server.kinds.get(&group_kind).is_some();
                    if is_served { Work::ListAgain(group_kind) } else { Work::Done }
                }
            }
            Work::Discover => {
                if self.kinds != server.kinds {
                    self.kinds = server.kinds.clone();
                    answer(Event::KindsChanged { lost: BTreeSet::new() });
                }
                Work::Done
            }
            Work::Apply { app, run, mut objects } => {
                let ToApply { desired, uid, .. } =
                    objects.pop_front().expect("an apply has objects");
                let result = if refused {
                    Err(Refusal::Unavailable)
                } else {
                    server.apply(desired.manifest(), uid.as_deref())
                };
                if result.is_ok() {
                    writes.push(Write::Applied(app.clone(), desired.id().clone()));
                }
                let result =
                    lost(result.as_ref().map(|_| ()).map_err(|refusal| *refusal)).and(result);
                let result = result
                    .map(|stored| Accepted {
                        live: Box::new(observe(&stored)),
                        remarks: Vec::new(),
                    })
                    .map_err(|refusal| failed(desired.id(), refusal));
                answer(Event::ObjectApplied {
                    app: app.clone(),
                    outcome: ApplyOutcome { desired, result },
                });
                if objects.is_empty() {
                    answer(Event::ApplyEnded { app, run });
                    Work::Done
                } else {
                    Work::Apply { app, run, objects }
                }
            }
            Work::Look { permit, mut candidates, mut outcomes } => {
                match candidates.front().cloned() {
                    None => {
                        answer(Event::Pruned { app: permit.app().clone(), outcomes });
                        Work::Done
                    }
                    Some(candidate) if refused => {
                        candidates.pop_front();
                        outcomes.push(PruneOutcome {
                            result: Err(failed(&candidate.id, Refusal::Unavailable)),
                            candidate,
                        });
                        Work::Look { permit, candidates, outcomes }
                    }
                    Some(candidate) => {
                        let live = server.get(&candidate.id).map(observe);
                        let live = live.filter(|live| {
                            live.uid == candidate.uid
                                && live.mark == Mark::Ours(permit.app().clone())
                                && !live.deleting
                        });
                        if let Some(live) = live.filter(|_| permit.covers(&candidate.id)) {
                            let version = live.resource_version.to_string();
                            Work::Delete { permit, candidates, outcomes, version }
                        } else {
                            candidates.pop_front();
                            outcomes.push(PruneOutcome { candidate, result: Ok(Gone::NotThere) });
                            Work::Look { permit, candidates, outcomes }
                        }
                    }
                }
            }
            Work::Delete { permit, mut candidates, mut outcomes, version } => {
                let candidate = candidates.pop_front().expect("a look found one");
                let result = if !permit.covers(&candidate.id) {
                    Err(Refusal::NotFound)
                } else if refused {
                    Err(Refusal::Unavailable)
                } else {
                    server.delete(&candidate.id, &candidate.uid, &version)
                };
                if result.is_ok() {
                    writes.push(Write::Deleted(permit.app().clone(), candidate.id.clone()));
                }
                match lost(result) {
                    // Somebody changed it since the look.
                    Err(Refusal::Conflict) => candidates.push_front(candidate),
                    Err(Refusal::NotFound) => {
                        outcomes.push(PruneOutcome { candidate, result: Ok(Gone::NotThere) });
                    }
                    Ok(()) => outcomes.push(PruneOutcome { candidate, result: Ok(Gone::Deleted) }),
                    Err(refusal) => outcomes.push(PruneOutcome {
                        result: Err(failed(&candidate.id, refusal)),
                        candidate,
                    }),
                }
                Work::Look { permit, candidates, outcomes }
            }
            Work::Unmark { app, id, uid } => {
                if !refused
                    && !server.apps.contains_key(&app)
                    && server.uid(&id).as_ref() == Some(&uid)
                {
                    for label in [
                        kargo_api::names::INSTALLATION_LABEL,
                        kargo_api::names::APP_NAME_LABEL,
                        kargo_api::names::APP_NAMESPACE_LABEL,
                    ] {
                        server.edit(&id, &["metadata", "labels", label], Value::Null);
                    }
                    writes.push(Write::Unmarked(id));
                }
                Work::Done
            }
            Work::Status { app, uid, status } => {
                let there = !refused
                    && server
                        .apps
                        .get(&app)
                        .is_some_and(|stored| stored.metadata.uid.as_deref() == Some(&uid));
                if there {
                    server.put_app(&app, |stored| stored.status = Some(*status));
                    writes.push(Write::Status(app.clone()));
                }
                answer(Event::StatusWritten { app, stored: there && fault.is_none() });
                Work::Done
            }
            Work::Finalizer { app, uid, present } => {
                let there = server
                    .apps
                    .get(&app)
                    .is_some_and(|stored| stored.metadata.uid.as_deref() == Some(&uid));
                if there && !refused {
                    server.put_app(&app, |stored| {
                        let list = stored.metadata.finalizers.get_or_insert_default();
                        list.retain(|finalizer| finalizer != kargo_api::names::FINALIZER);
                        if present {
                            list.push(kargo_api::names::FINALIZER.to_owned());
                        }
                    });
                    writes.push(Write::Finalizer(app.clone()));
                }
                answer(Event::FinalizerWritten { app, present, stored: there && fault.is_none() });
                Work::Done
            }
        };
        self.tasks[index].work = next;
    }
}

fn failed(id: &ObjectId, refusal: Refusal) -> ApplyFailure {
    let transient = refusal != Refusal::Denied;
    ApplyFailure {
        finding: Finding::error(format!("{} was refused: {refusal:?}", id.short())).about(id),
        transient,
    }
}
