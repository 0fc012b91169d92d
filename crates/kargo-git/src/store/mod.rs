//! The face: which commit is it, and bring it here.

mod ancestry;
mod fetch;
mod missing;
mod peer;
mod resolve;

use crate::cache::{self, Cache, Folder};
use crate::connection::{Client, Connection, Http, Ssh, Token};
use crate::error::{Cause, Error, Step};
use crate::limits::Limits;
use crate::object::{CommitId, ObjectId};
use crate::policy::Policy;
use crate::remote::{Access, Proxy, Reference, Remote, Scheme};
use crate::session::Session;
use crate::snapshot::Snapshot;
use crate::text::{LINE, sanitize};
use peer::{Memory, Peer};
use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Remotes that nobody has asked for this long are forgotten (their caches on disk are not).
const PEER_KEPT: Duration = Duration::from_hours(2);

/// All remotes of a process, and their caches in one folder on disk.
///
/// Cheap to clone; the clones share everything. Per remote at most one request is in flight; callers that
/// ask the same question while it is being asked share one answer.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limits: Limits,
    policy: Arc<Policy>,
    client: Client,
    folder: Folder,
    peers: Mutex<HashMap<String, Arc<Peer>>>,
    indexing: Semaphore,
}

impl Store {
    /// Takes over the cache folder, which is created if need be, and sweeps what a killed process has left
    /// there; remotes are subject to the default [`Policy`]. Blocking; once per process and folder.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, Error> {
        Self::open_with(folder, limits, Policy::default())
    }

    /// As [`Store::open`], with a policy.
    pub fn open_with(folder: &Path, limits: Limits, policy: Policy) -> Result<Self, Error> {
        let failure = |cause| Error::new("all repositories", Step::Fetch, cause);
        cache::prepare_libgit2().map_err(failure)?;
        let folder = Folder::open(folder).map_err(failure)?;
        let policy = Arc::new(policy);
        let client =
            Client::new(&limits, Arc::clone(&policy), &Access::default()).map_err(failure)?;
        let indexing = Semaphore::new(limits.parallel_indexing.max(1));
        let peers = Mutex::default();
        Ok(Self { inner: Arc::new(Inner { limits, policy, client, folder, peers, indexing }) })
    }

    /// The budgets.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Which commit the reference names now. The remote is asked each time; only callers that ask while the
    /// same question is waiting for its turn share the answer, and while a server has asked us to stay away
    /// its last word is repeated. A [`Reference::Commit`] is its own answer.
    pub async fn resolve(&self, remote: &Remote, reference: &Reference) -> Result<CommitId, Error> {
        let failure = |cause| Error::new(remote.url().to_string(), Step::Resolve, cause);
        if let Reference::Commit(id) = reference {
            return Ok(*id);
        }
        let arrived = Instant::now();
        let peer = self.peer(remote).map_err(failure)?;
        let mut memory = peer.turn.lock().await;
        if let Some(answer) = memory.answer(reference, arrived) {
            return answer.map_err(failure);
        }
        let asked = Instant::now();
        let limit = self.inner.limits.resolve_timeout;
        let work = self.ask(remote, reference, &peer, &mut memory);
        let answer = in_time(limit, &peer, work).await;
        if let Err(cause) = &answer {
            memory.doubt(cause);
        }
        memory.remember(reference, asked, &answer);
        answer.map_err(failure)
    }

    /// Brings exactly this commit here, if it is not here yet, with all files below `path` (or that are
    /// `path`); other files follow when the snapshot is asked for them. Its id is verified: it is computed
    /// from what arrived.
    pub async fn fetch(
        &self,
        remote: &Remote,
        commit: CommitId,
        path: &str,
    ) -> Result<Snapshot, Error> {
        let failure = |cause| Error::new(remote.url().to_string(), Step::Fetch, cause);
        let peer = self.peer(remote).map_err(failure)?;
        let limit = self.inner.limits.fetch_timeout;
        let _wanted = peer.want(commit, path);
        let mut memory = peer.turn.lock().await;
        let deadline = Instant::now() + limit;
        let work = self.bring(remote, &peer, &mut memory, commit, path, deadline);
        let brought = in_time(limit, &peer, work).await;
        if let Err(cause) = &brought {
            memory.doubt(cause);
        }
        drop(memory);
        let (cache, database, commit) = brought.map_err(failure)?;
        Ok(Snapshot::new(self.clone(), remote.clone(), cache, database, commit))
    }

    /// Fetches single objects into a cache; for a snapshot that is asked for more than was fetched ahead.
    pub(crate) async fn fetch_objects(
        &self,
        remote: &Remote,
        cache: &Arc<Cache>,
        ids: Vec<ObjectId>,
    ) -> Result<(), Cause> {
        let peer = self.peer(remote)?;
        let limit = self.inner.limits.fetch_timeout;
        let mut memory = peer.turn.lock().await;
        let deadline = Instant::now() + limit;
        let work = async {
            let mut session = self.session(remote, &peer, &mut memory).await?;
            self.fetch_files(&mut session, cache, &ids, deadline).await
        };
        let fetched = in_time(limit, &peer, work).await;
        if let Err(cause) = &fetched {
            memory.doubt(cause);
        }
        fetched
    }

    /// Gives a damaged cache up, so that the next fetch starts anew.
    pub(crate) fn discard(&self, remote: &Remote, cache: &Arc<Cache>) {
        self.inner.folder.discard(&self.inner.folder.key(remote), cache);
    }

    /// What is known of a remote that may be talked to.
    fn peer(&self, remote: &Remote) -> Result<Arc<Peer>, Cause> {
        let Inner { policy, folder, peers, client, limits, .. } = &*self.inner;
        let (url, host) = (remote.url(), remote.url().host());
        let is_refused = |address| !policy.allows_address(address);
        if !policy.allows_host(host) || host.parse::<IpAddr>().is_ok_and(is_refused) {
            return Err(Cause::AddressRefused { host: host.to_owned() });
        }
        if let Some(proxy) = remote.access().proxy().map(Proxy::host)
            && proxy.parse::<IpAddr>().is_ok_and(is_refused)
        {
            return Err(Cause::AddressRefused { host: proxy });
        }
        match url.scheme() {
            Scheme::Http if remote.access().is_secret() && !policy.allow_credentials_in_clear => {
                return Err(Cause::CredentialsInClear);
            }
            Scheme::Https | Scheme::Http | Scheme::Ssh => {}
        }
        let key = folder.key(remote);
        let mut peers = peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(&key) {
            peer.touch();
            return Ok(Arc::clone(peer));
        }
        peers.retain(|_, peer| Arc::strong_count(peer) > 1 || peer.used().elapsed() < PEER_KEPT);
        let client = if remote.access().has_own_connections() {
            Client::new(limits, Arc::clone(policy), remote.access())?
        } else {
            client.clone()
        };
        let peer = Arc::new(Peer::new(key.clone(), client));
        peers.insert(key, Arc::clone(&peer));
        Ok(peer)
    }

    /// A conversation with the remote, from what is remembered of its first words if possible.
    async fn session(
        &self,
        remote: &Remote,
        peer: &Peer,
        memory: &mut Memory,
    ) -> Result<Session<'_>, Cause> {
        peer.may_ask()?;
        let (capabilities, base) = memory.server().unzip();
        let Inner { limits, policy, .. } = &*self.inner;
        let connection = match remote.url().scheme() {
            Scheme::Ssh => {
                let key = peer.key(remote).await?;
                Connection::Ssh(Box::new(Ssh::new(remote, key, Arc::clone(policy), limits)?))
            }
            Scheme::Https | Scheme::Http => {
                if let Some(app) = remote.access().github_app()
                    && !memory.token.as_ref().is_some_and(Token::is_fresh)
                {
                    memory.token = Some(Token::get(&peer.client, policy, app).await?);
                }
                let (base, token) = (base.flatten(), memory.token.as_ref());
                Connection::Http(Box::new(Http::new(&peer.client, remote, base, token)?))
            }
        };
        let session = Session::open(connection, capabilities, limits).await?;
        let found = session.memory();
        if let Some((_, Some(base))) = &found
            && memory.server().is_none()
            && *base != remote.url().to_string()
        {
            tracing::info!(remote = %remote.url(), to = %sanitize(base.as_bytes(), LINE), "a repository has moved");
        }
        memory.learn(found);
        Ok(session)
    }
}

/// Bounds the work, and notes if the server asks us to stay away.
async fn in_time<T>(
    limit: Duration,
    peer: &Peer,
    work: impl Future<Output = Result<T, Cause>>,
) -> Result<T, Cause> {
    let result = tokio::time::timeout(limit, work).await;
    let result = result.unwrap_or(Err(Cause::TimedOut { after: limit, silent: false }));
    if let Err(cause) = &result {
        peer.heed(cause);
    }
    result
}
