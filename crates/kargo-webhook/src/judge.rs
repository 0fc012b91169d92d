//! Who is meant by a delivery, and whether its sender may say so.

use std::collections::BTreeSet;

use crate::{
    host::{Known, Receiver, SecretName},
    payload::{self, PayloadError},
    proof::{Fingerprint, Proof},
    provider::Provider,
    repository::Repository,
};

/// How many bytes are hashed for one delivery at most, so that many secrets for one repository are no lever: for a
/// usual push of 20 KiB these are 800 secrets.
const MOST_HASHED: usize = 16 * 1024 * 1024;

/// What has arrived.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'request> {
    /// Whose form it has.
    pub provider: Provider,
    /// What shows that the sender knows a secret.
    pub proof: &'request Proof,
    /// The body as it came over the wire.
    pub body: &'request [u8],
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its sender may speak for these receivers.
    Accepted {
        /// Never empty.
        receivers: BTreeSet<Receiver>,
        /// To know it again.
        fingerprint: Fingerprint,
    },
    /// Its sender knows the secret of the installation, and nobody who goes by that wants to hear of it.
    Unwatched,
    /// Its sender knows the secret of the installation, and it cannot be read.
    Malformed(PayloadError),
    /// Its sender is not known to know a secret.
    Refused {
        /// What it claims to be about, for a look at secrets that may have changed.
        claimed: BTreeSet<Repository>,
    },
}

/// Judges a delivery.
///
/// The secret of the installation is tried before the payload is read at all. A secret that somebody has named
/// counts for the receivers that named it, and for nobody else, whatever the payload says.
pub fn judge(delivery: &Delivery<'_>, known: &impl Known) -> Verdict {
    let Delivery { provider, proof, body } = *delivery;
    let repositories = || payload::repositories(provider, body);
    if let Some(secret) = known.installation_secret()
        && proof.holds(&secret, body)
    {
        return match repositories() {
            Ok(repositories) => {
                let receivers = of_installation(repositories, known);
                if receivers.is_empty() {
                    return Verdict::Unwatched;
                }
                Verdict::Accepted { receivers, fingerprint: proof.fingerprint(&secret, body) }
            }
            Err(error) => Verdict::Malformed(error),
        };
    }
    // A stranger's body: what is wrong with it is nothing that a stranger has to know.
    let claimed = repositories().unwrap_or_default();
    let candidates = claimed.iter().flat_map(|repository| {
        let secrets = known.secrets(repository).into_iter();
        secrets.filter_map(move |(name, secret)| match name {
            SecretName::Installation => None,
            SecretName::Own(_) => {
                Some((Receiver { repository: repository.clone(), secret: name }, secret?))
            }
        })
    });
    let most = (MOST_HASHED / body.len().max(1)).max(1);
    let proven: Vec<_> =
        candidates.take(most).filter(|(_, secret)| proof.holds(secret, body)).collect();
    match proven.first() {
        Some((_, secret)) => Verdict::Accepted {
            fingerprint: proof.fingerprint(secret, body),
            receivers: proven.into_iter().map(|(receiver, _)| receiver).collect(),
        },
        None => Verdict::Refused { claimed },
    }
}

/// Those who want to hear of one of the repositories and have no secret of their own.
fn of_installation(repositories: BTreeSet<Repository>, known: &impl Known) -> BTreeSet<Receiver> {
    let secret = SecretName::Installation;
    repositories
        .into_iter()
        .filter(|repository| known.secrets(repository).iter().any(|(name, _)| *name == secret))
        .map(|repository| Receiver { repository, secret: secret.clone() })
        .collect()
}
