//! Where desired state comes from: commits of git repositories, asked for and fetched without a checkout.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use kargo_git::{Limits, Reference, Remote, Store, Url};
//! use kustomize::Tree as _;
//!
//! let store = Store::open(std::path::Path::new("/var/cache/kargo"), Limits::default())?;
//! let remote = Remote::new(Url::parse("https://github.com/team-a/shop")?);
//! let tip = store.resolve(&remote, &Reference::Branch("main".to_owned())).await?;
//! let snapshot = store.fetch(&remote, tip, "k8s").await?;
//! let kustomization = tokio::task::spawn_blocking(move || snapshot.read("k8s/kustomization.yaml")).await??;
//! # Ok(())
//! # }
//! ```
//!
//! A good place to start is [`Store`]: [`Store::resolve`] asks the remote, every time, which commit a
//! [`Reference`] names; [`Store::fetch`] brings exactly that commit at depth 1 into a bare cache and hands
//! out a [`Snapshot`] of it. Everything that can go wrong is one [`Error`], whose text is written for the
//! person who owns the repository and whose [`Cause`] is written for programs.
//!
//! # The modules
//!
//! - [`remote`]: what a repository is called and how one gets in: [`Url`], [`Access`], [`Remote`].
//! - [`store`]: the face. One state per remote, one request in flight per remote, and the caches on disk.
//! - [`snapshot`]: one commit, read as a [`kustomize::Tree`] straight from the object database; blobs that
//!   the server was asked to leave out are fetched when they are looked at.
//! - [`error`], [`limits`] and [`policy`]: what is said when it does not work, how much anybody may take, and
//!   where an installation lets its apps connect to.
//! - [`object`]: ids, and parsers for trees and commits.
//! - [`verify`]: whose signature a commit carries.
//! - [`text`]: the one place where foreign text is made safe to show.
//! - `protocol`: git's protocol as pure encoders and decoders over packets; it knows no network.
//! - `connection`: what the conversation travels over: smart HTTP (redirects, certificates and the words for
//!   every status decided by us) or SSH (the Secret's key and `known_hosts`, nothing of the machine's).
//! - `session`: the conversation itself: first words, references, packs; in version 2, or in version 0 with
//!   servers that know nothing newer.
//! - `pack`: a look at every header of a pack before libgit2 is allowed near it.
//! - `cache`: a folder of packs, written by libgit2's indexer and read through its object database.
//!
//! # Promises
//!
//! - An error is never an empty answer: a missing branch, an empty repository and a lost connection are
//!   different errors, and a path is only ever absent when the tree that was read says so.
//! - Nothing is checked out and no program is started: paths in a repository are keys, never file names.
//! - Time, bytes, objects and requests are bounded by [`Limits`]; libgit2 only indexes packs and reads
//!   objects, on blocking threads, a few at a time.
//! - Text of a server or a commit is sanitised before it is shown; credentials are never part of a text.

mod cache;
mod connection;
pub mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod limits;
pub mod object;
mod pack;
pub mod policy;
mod protocol;
pub mod remote;
mod session;
pub mod snapshot;
pub mod store;
pub mod text;
pub mod verify;

pub use error::{Cause, Error, Step};
pub use limits::Limits;
pub use object::{Commit, CommitId, ObjectId};
pub use policy::Policy;
pub use remote::{Access, AccessError, Reference, Remote, Url, UrlError};
pub use snapshot::Snapshot;
pub use store::Store;
pub use verify::{Signature, Signers, SignersError};
