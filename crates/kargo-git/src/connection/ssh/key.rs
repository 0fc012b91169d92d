//! The private key of a Secret, and how it is used to get in.

use super::rsa::{RsaKey, sign_through};
use crate::error::Cause;
use crate::remote::SshLogin;
use crate::text::{LINE, sanitize};
use russh::client::{AuthResult, Handle, Handler};
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::{Algorithm, HashAlg, PrivateKey};
use russh::keys::{PrivateKeyWithHashAlg, decode_secret_key};
use std::sync::Arc;

/// A private key, read and decrypted.
#[derive(Clone)]
pub(crate) enum Key {
    /// Ed25519 or ECDSA.
    Curve(Arc<PrivateKey>),
    /// RSA.
    Rsa(RsaKey),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Key({})", self.fingerprint())
    }
}

impl Key {
    /// Reads a key in OpenSSH's form, PKCS#8, PKCS#1 or SEC1. Takes a tenth of a second and more if there is
    /// a passphrase: blocking.
    pub(crate) fn read(login: &SshLogin) -> Result<Self, Cause> {
        let text = login.identity.replace("\r\n", "\n");
        if let Some(key) = RsaKey::from_pem(&text) {
            return Ok(Self::Rsa(key));
        }
        let key = decode_secret_key(&text, login.passphrase.as_deref());
        let key = key.map_err(|error| unreadable(&error, login))?;
        let key = match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Some(Self::Curve(Arc::new(key))),
            Algorithm::Rsa { .. } => RsaKey::from_openssh(&key).map(Self::Rsa),
            _ => None,
        };
        key.ok_or(Cause::Access {
            reason: "the SSH key `identity` is of a kind that is not supported: make one by \
                     `ssh-keygen -t ed25519` and add it as a deploy key",
        })
    }

    /// How people recognise the key; not secret.
    pub(crate) fn fingerprint(&self) -> String {
        let public = match self {
            Self::Curve(key) => key.public_key(),
            Self::Rsa(key) => key.public(),
        };
        public.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Asks to be let in.
    pub(crate) async fn enter<H: Handler>(
        &self,
        handle: &mut Handle<H>,
        user: String,
    ) -> Result<AuthResult, Cause> {
        let entered = match self {
            Self::Curve(key) => {
                let key = PrivateKeyWithHashAlg::new(Arc::clone(key), None);
                handle.authenticate_publickey(user, key).await
            }
            Self::Rsa(key) => match handle.best_supported_rsa_hash().await {
                Ok(Some(None)) => {
                    return Err(Cause::Access {
                        reason: "the server takes RSA keys only with SHA-1, which is not safe any more: make \
                                 a key by `ssh-keygen -t ed25519` and add it as a deploy key",
                    });
                }
                Ok(hash) => {
                    let hash = hash.flatten().or(Some(HashAlg::Sha512));
                    let public = key.public().clone();
                    let (ours, theirs) = tokio::io::duplex(16 << 10);
                    let mut signer = AgentClient::connect(theirs);
                    let entering =
                        handle.authenticate_publickey_with(user, public, hash, &mut signer);
                    let reason = tokio::select! {
                        entered = entering => match entered {
                            Ok(entered) => return Ok(entered),
                            Err(error) => error.to_string(),
                        },
                        // It reads for ever; it ends by an error or not at all.
                        Err(error) = sign_through(key, ours) => error.to_string(),
                    };
                    return Err(Cause::Unreachable { reason: sanitize(reason.as_bytes(), LINE) });
                }
                Err(error) => Err(error),
            },
        };
        entered.map_err(|error| super::failure(&error))
    }
}

fn unreadable(error: &russh::keys::Error, login: &SshLogin) -> Cause {
    // The error may be about the key's content; it is of use only to us.
    tracing::debug!(
        reason = sanitize(error.to_string().as_bytes(), LINE),
        "an SSH key was not read"
    );
    let reason = match (error, &login.passphrase) {
        (russh::keys::Error::KeyIsEncrypted, _) => {
            "the SSH key has a passphrase: put it into the Secret as `password`"
        }
        (_, Some(_)) => "the SSH key `identity` cannot be read with the passphrase `password`",
        (_, None) => {
            "the SSH key `identity` cannot be read: it must be a private key as `ssh-keygen` writes it"
        }
    };
    Cause::Access { reason }
}
