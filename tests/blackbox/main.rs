//! Kargo from the outside: the binary, against a real API server and a real git server. Each
//! test has a world of its own (namespaces, repository, controller), so all run side by side.
//!
//! One file for each thing that Kargo promises:
//!
//! - [`story`]: what the demo tells, from the first push to the last.
//! - [`references`]: branches, tags, pinned commits and forced pushes.
//! - [`signatures`]: only commits of people who are trusted.
//! - [`sources`]: git that is down, a branch, a folder or a file that is not there.
//! - [`webhooks`]: a forge that tells of a push.
//! - [`gitea`]: a real forge, and all that can happen to a repository there.
//! - [`private`]: repositories that ask for a password.
//! - [`broken`]: commits that cannot be deployed, or not all of them.
//! - [`held`]: deletions that wait for consent.
//! - [`gate`]: commits that wait for a request, for another app, for the end of a suspension.
//! - [`jobs`]: what ran to its end.
//! - [`pruning`]: what leaves git leaves the cluster, and nothing else does.
//! - [`drift`]: hand edits are put back, and what is not in git is left alone.
//! - [`ownership`]: one owner for each object.
//! - [`adoption`]: objects that others made or share; `replicas` and ignored fields.
//! - [`policies`]: what annotations of single objects say.
//! - [`upgrade`]: objects written for versions that the cluster no longer serves.
//! - [`namespaces`]: where objects go.
//! - [`deletion`]: what remains of a deleted `KargoApp`.
//! - [`accounts`]: as whom an app is deployed.
//! - [`leases`]: two processes, of which one writes.
//! - [`crashes`]: kill -9 at any moment and a restart converge.
//! - [`schema`]: the API server refuses a `KargoApp` that cannot work.
//! - [`reading`]: what people see with kubectl.
//! - [`operation`]: health, metrics, a clean stop, and silence when nothing changes.
//! - [`api_server_facts`]: what all of it takes for granted of the API server.

mod accounts;
mod adoption;
mod api_server_facts;
mod broken;
mod crashes;
mod deletion;
mod drift;
mod gate;
mod gitea;
mod held;
mod jobs;
mod leases;
mod manifests;
mod namespaces;
mod operation;
mod ownership;
mod policies;
mod private;
mod pruning;
mod reading;
mod references;
mod schema;
mod signatures;
mod sources;
mod story;
mod upgrade;
mod webhooks;
