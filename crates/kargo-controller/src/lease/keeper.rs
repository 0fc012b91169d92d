//! The thread that holds or seeks the lease: a runtime, timers and a client of its own, so that neither git nor
//! rendering nor a burst of writes can delay a renewal.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use kargo_api::names;
use kube::core::{Request, params::GetParams};
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use super::{
    Term, Timing,
    election::{Action, Answer, Election, Holding},
    record::{self, Address},
};

/// How long a release may take: a stop as a whole has five seconds.
const RELEASE: Duration = Duration::from_millis(1500);

/// Where this process stands.
#[derive(Debug, Clone, Default)]
pub enum Standing {
    /// The Lease has not been read yet.
    #[default]
    Unknown,
    /// Somebody else holds it.
    Standby,
    /// It is held, or was held last by this process.
    Leading(Term),
}

/// The hold on the lease, as the rest of the process sees it.
#[derive(Debug)]
pub struct Leadership {
    standing: watch::Receiver<Standing>,
    stop: oneshot::Sender<()>,
}

impl Leadership {
    /// Starts the thread.
    pub fn seek(config: kube::Config, address: Address, timing: Timing) -> anyhow::Result<Self> {
        let (publish, standing) = watch::channel(Standing::default());
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the runtime of the lease cannot be started")?;
        let keep = async move {
            // In here, because a client belongs to the runtime in which it was made.
            if let Ok(client) = kube::Client::try_from(config) {
                Keeper::new(client, address, timing, publish).run(stopped).await;
            } else {
                tracing::error!("the connection for the lease cannot be set up");
            }
        };
        thread::Builder::new()
            .name("lease".to_owned())
            .spawn(move || runtime.block_on(keep))
            .context("the thread of the lease cannot be started")?;
        Ok(Self { standing, stop })
    }

    /// Where this process stands, and how to hear of a change.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Gives the lease up, so that another process need not wait for it to run out.
    pub async fn release(mut self) {
        let _ = self.stop.send(());
        // The thread lets go of its end when it is done.
        while self.standing.changed().await.is_ok() {}
    }
}

struct Keeper {
    client: kube::Client,
    address: Address,
    timing: Timing,
    election: Election,
    start: Instant,
    publish: watch::Sender<Standing>,
    /// The term that was published, and its number.
    term: Option<(u64, Term)>,
    /// What was logged last, of where it stands and of what is wrong.
    said: Option<String>,
    warned: Option<String>,
    /// Whether the Lease was ever seen.
    is_first_look: bool,
}

impl Keeper {
    fn new(
        client: kube::Client,
        address: Address,
        timing: Timing,
        publish: watch::Sender<Standing>,
    ) -> Self {
        let election = Election::new(address.identity.clone(), timing);
        Self {
            client,
            address,
            timing,
            election,
            start: Instant::now(),
            publish,
            term: None,
            said: None,
            warned: None,
            is_first_look: true,
        }
    }

    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        loop {
            let step = self.step();
            tokio::select! {
                biased;
                _ = &mut stop => break,
                () = step => {}
            }
        }
        // Whoever has a term of ours has ended it before; this is for those who have not.
        self.end_term();
        if tokio::time::timeout(RELEASE, self.release()).await.is_err() {
            tracing::warn!(lease = self.address.name, "the lease could not be released in time");
        }
    }

    async fn step(&mut self) {
        let asked = self.start.elapsed();
        let action = self.election.next(asked);
        if let Action::Rest(until) = action {
            tokio::time::sleep_until((self.start + until).into()).await;
            return;
        }
        let answer = tokio::time::timeout(self.timing.call_deadline, self.perform(&action)).await;
        let answer = answer.unwrap_or_else(|_| {
            self.warn("the API server did not answer in time");
            Answer::Failed
        });
        let is_answer = answer != Answer::Failed;
        let is_sight = matches!(answer, Answer::Found(_) | Answer::Absent);
        self.election.answered(&action, answer, asked, self.start.elapsed());
        if is_answer {
            self.is_first_look = false;
            self.warned = None;
        }
        self.show(is_sight);
    }

    async fn perform(&mut self, action: &Action) -> Answer {
        let request = self.address.request(action, &self.timing, jiff::Timestamp::now());
        let Ok(Some(request)) = request else { return Answer::Failed };
        let answer = self.client.request::<Value>(request).await;
        match (action, answer) {
            (Action::Look, Ok(lease)) => record::read(&lease).map_or(Answer::Failed, Answer::Found),
            (_, Ok(lease)) => {
                record::read(&lease).map_or(Answer::Failed, |seen| Answer::Stored(seen.version))
            }
            (Action::Look, Err(error)) if is(&error, 404) && self.is_first_look => {
                match self.has_ever_run().await {
                    Some(true) => Answer::Absent,
                    Some(false) => Answer::NeverThere,
                    None => Answer::Failed,
                }
            }
            // The namespace may be missing too; then a create fails as well.
            (Action::Create { .. }, Err(error)) if is(&error, 404) => {
                self.warn("its namespace does not exist");
                Answer::Failed
            }
            (_, Err(error)) if is(&error, 404) => Answer::Absent,
            (_, Err(error)) if is(&error, 409) => Answer::Conflict,
            (_, Err(kube::Error::Api(status))) => {
                self.warn(&format!("the API server answers {} {}", status.code, status.reason));
                Answer::Failed
            }
            (_, Err(_)) => {
                self.warn("the API server cannot be reached");
                Answer::Failed
            }
        }
    }

    /// Said once for as long as it lasts.
    fn warn(&mut self, error: &str) {
        if self.warned.as_deref() != Some(error) {
            tracing::warn!(
                lease = self.address.name,
                error,
                "the lease can be neither read nor renewed"
            );
            self.warned = Some(error.to_owned());
        }
    }

    /// Whether this installation has left a record of its work. If not, nobody can be holding the lease.
    async fn has_ever_run(&self) -> Option<bool> {
        let path = format!("/api/v1/namespaces/{}/configmaps", self.address.namespace);
        let request =
            Request::new(path).get(names::INVENTORY_CONFIG_MAP, &GetParams::default()).ok()?;
        match self.client.request::<Value>(request).await {
            Ok(_) => Some(true),
            Err(error) if is(&error, 404) => Some(false),
            Err(_) => None,
        }
    }

    /// Tells the rest of the process, and people, where this candidate stands.
    fn show(&mut self, is_sight: bool) {
        match self.election.holding() {
            Holding::Yes { term: number, until } => {
                let until = self.start + until;
                match &self.term {
                    Some((current, term)) if *current == number => term.extend(until),
                    _ => {
                        self.end_term();
                        let term = Term::new(until, self.timing.write_deadline);
                        self.term = Some((number, term.clone()));
                        self.publish.send_replace(Standing::Leading(term));
                        self.say("the lease is held by this process");
                    }
                }
            }
            Holding::No => {
                self.end_term();
                if is_sight {
                    let text = match self.election.other_holder() {
                        Some(other) => format!("on standby; {other} holds the lease"),
                        None => "on standby; nobody holds the lease".to_owned(),
                    };
                    self.say(&text);
                }
                if !matches!(*self.publish.borrow(), Standing::Standby) && is_sight {
                    self.publish.send_replace(Standing::Standby);
                }
            }
        }
    }

    fn say(&mut self, text: &str) {
        if self.said.as_deref() != Some(text) {
            tracing::info!(lease = self.address.name, identity = self.address.identity, "{text}");
            self.said = Some(text.to_owned());
        }
    }

    fn end_term(&mut self) {
        if let Some((_, term)) = self.term.take() {
            term.end();
            self.publish.send_replace(Standing::Standby);
        }
    }

    /// A renewal may have been under way when the stop came, so that its version is not known: looked up once.
    async fn release(&mut self) {
        for _ in 0..2 {
            let Some(version) = self.election.releasable().cloned() else { return };
            let Ok(request) = self.address.release(&version) else { return };
            match self.client.request::<Value>(request).await {
                Ok(_) => {
                    tracing::info!(lease = self.address.name, "the lease is released");
                    return;
                }
                Err(error) if is(&error, 409) => {
                    let (now, look) = (self.start.elapsed(), Action::Look);
                    let answer = self.perform(&look).await;
                    self.election.answered(&look, answer, now, self.start.elapsed());
                }
                Err(_) => return,
            }
        }
    }
}

fn is(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}
