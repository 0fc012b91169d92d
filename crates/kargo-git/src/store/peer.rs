//! What is known about one remote, and whose turn it is.

use super::fetch::blocking;
use crate::connection::{Client, Key, Token};
use crate::error::Cause;
use crate::object::CommitId;
use crate::protocol::advertisement::Capabilities;
use crate::remote::{Reference, Remote};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// What a server can do is asked again after this time, in case it was upgraded.
const CAPABILITIES_LIVE: Duration = Duration::from_hours(1);

/// Answers to different questions that are kept for those who ask at the same time.
const ANSWERS_KEPT: usize = 100;

/// For so many of those who wait, whoever has the turn brings files too.
const BROUGHT_ALONG: usize = 256;

/// One remote with one access.
#[derive(Debug)]
pub(super) struct Peer {
    /// The name of its cache.
    pub(super) name: String,
    pub(super) client: Client,
    key: OnceCell<Key>,
    /// Whoever holds it may talk to the remote.
    pub(super) turn: tokio::sync::Mutex<Memory>,
    /// The commits and paths of those who wait for the turn, or have it.
    wanted: Mutex<Vec<(CommitId, String)>>,
    used: Mutex<Instant>,
    /// Until when the server has asked us to stay away, and in which words.
    away: Mutex<Option<(Instant, Cause)>>,
}

/// What one session leaves for the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    server: Option<(Instant, Capabilities, Option<String>)>,
    /// The last answer to each question, and when it was asked.
    answers: HashMap<Reference, (Instant, Result<CommitId, Cause>)>,
    /// The token that GitHub has given to the app.
    pub(super) token: Option<Token>,
    /// The server offers to leave files out and then does not hand them out one by one.
    pub(super) breaks_filter: bool,
}

impl Peer {
    pub(super) fn new(name: String, client: Client) -> Self {
        let used = Mutex::new(Instant::now());
        let (key, turn, away) = (OnceCell::new(), tokio::sync::Mutex::default(), Mutex::default());
        Self { name, client, key, turn, wanted: Mutex::default(), used, away }
    }

    /// Notes that somebody is about to wait for the files of a commit below a path.
    pub(super) fn want(&self, commit: CommitId, path: &str) -> Wanted<'_> {
        let wanted = (commit, path.to_owned());
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).push(wanted.clone());
        Wanted { peer: self, wanted }
    }

    /// The paths of this commit that somebody waits for. A thousand apps in one repository so cost a few
    /// requests for files, and not a thousand.
    pub(super) fn wanted(&self, commit: CommitId) -> Vec<String> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = wanted.iter().filter(|(of, _)| *of == commit).map(|(_, path)| path.clone());
        paths.take(BROUGHT_ALONG).collect()
    }

    /// The key for SSH, which is read once: decrypting it is meant to be slow.
    pub(super) async fn key(&self, remote: &Remote) -> Result<Key, Cause> {
        let Some(login) = remote.access().ssh().cloned() else {
            return Err(Cause::Access {
                reason: "an SSH address needs a Secret with `identity` and `known_hosts`",
            });
        };
        self.key.get_or_try_init(|| blocking(move || Key::read(&login))).await.cloned()
    }

    pub(super) fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server's last word, for as long as it has asked us to stay away.
    pub(super) fn may_ask(&self) -> Result<(), Cause> {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        match &*away {
            Some((until, cause)) if Instant::now() < *until => {
                let left = Some(until.saturating_duration_since(Instant::now()));
                Err(match cause {
                    Cause::ServerTrouble { status, .. } => {
                        Cause::ServerTrouble { status: *status, retry_after: left }
                    }
                    _ => Cause::RateLimited { retry_after: left },
                })
            }
            _ => {
                *away = None;
                Ok(())
            }
        }
    }

    /// Notes for how long the server has asked us to stay away, if it has.
    pub(super) fn heed(&self, cause: &Cause) {
        if let Cause::RateLimited { retry_after: Some(wait) }
        | Cause::ServerTrouble { retry_after: Some(wait), .. } = cause
        {
            let until = Instant::now() + *wait;
            *self.away.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((until, cause.clone()));
        }
    }
}

/// Somebody who waits for files; forgotten when it goes.
pub(super) struct Wanted<'a> {
    peer: &'a Peer,
    wanted: (CommitId, String),
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        let mut all = self.peer.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = all.iter().position(|each| *each == self.wanted) {
            all.remove(at);
        }
    }
}

impl Memory {
    /// What the server can do and where the repository is, if that is fresh.
    pub(super) fn server(&self) -> Option<(Capabilities, Option<String>)> {
        let (learned, capabilities, base) = self.server.as_ref()?;
        (learned.elapsed() < CAPABILITIES_LIVE).then(|| (capabilities.clone(), base.clone()))
    }

    /// Keeps what a session has found out; what was known stays as old as it is.
    pub(super) fn learn(&mut self, found: Option<(Capabilities, Option<String>)>) {
        let Some((capabilities, base)) = found else {
            self.server = None;
            return;
        };
        if self.server() != Some((capabilities.clone(), base.clone())) {
            self.server = Some((Instant::now(), capabilities, base));
        }
    }

    /// Forgets what a failure makes doubtful: what the server can do, where the repository is, the token.
    pub(super) fn doubt(&mut self, cause: &Cause) {
        self.server = None;
        if !matches!(cause, Cause::TimedOut { .. } | Cause::Unreachable { .. }) {
            self.token = None;
        }
    }

    /// Forgets what the server can do.
    pub(super) fn forget(&mut self) {
        self.server = None;
    }

    /// An answer to a question that was asked after `arrived`.
    pub(super) fn answer(
        &self,
        reference: &Reference,
        arrived: Instant,
    ) -> Option<Result<CommitId, Cause>> {
        let (asked, answer) = self.answers.get(reference)?;
        (*asked >= arrived).then(|| answer.clone())
    }

    /// Keeps an answer for those who are waiting.
    pub(super) fn remember(
        &mut self,
        reference: &Reference,
        asked: Instant,
        answer: &Result<CommitId, Cause>,
    ) {
        if self.answers.len() >= ANSWERS_KEPT {
            self.answers.clear();
        }
        self.answers.insert(reference.clone(), (asked, answer.clone()));
    }
}
