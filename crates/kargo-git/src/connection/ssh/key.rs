//! The private key of a Secret, and how it is used to get in.

use crate::error::Cause;
use crate::remote::SshLogin;
use crate::text::{LINE, sanitize};
use russh::client::{AuthResult, Handle, Handler};
use russh::keys::ssh_key::{Algorithm, HashAlg, PrivateKey};
use russh::keys::{PrivateKeyWithHashAlg, decode_secret_key};
use std::sync::Arc;

/// A private key, read and decrypted.
#[derive(Clone)]
pub(crate) struct Key(Arc<PrivateKey>);

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Key({})", self.fingerprint())
    }
}

impl Key {
    /// Reads a key in OpenSSH's form, PKCS#8 or SEC1. Takes a tenth of a second and more if there is a
    /// passphrase: blocking.
    pub(crate) fn read(login: &SshLogin) -> Result<Self, Cause> {
        let unusable = |reason| Err(Cause::Access { reason });
        let text = login.identity.replace("\r\n", "\n");
        if text.contains("BEGIN RSA PRIVATE KEY") {
            return unusable(RSA);
        }
        let key = match decode_secret_key(&text, login.passphrase.as_deref()) {
            Ok(key) => key,
            Err(russh::keys::Error::KeyIsEncrypted) => {
                return unusable(
                    "the SSH key has a passphrase: put it into the Secret as `password`",
                );
            }
            Err(error) if login.passphrase.is_some() => {
                tracing::debug!(
                    reason = sanitize(error.to_string().as_bytes(), LINE),
                    "a key was not read"
                );
                return unusable(
                    "the SSH key `identity` cannot be read with the passphrase `password`",
                );
            }
            Err(error) => {
                tracing::debug!(
                    reason = sanitize(error.to_string().as_bytes(), LINE),
                    "a key was not read"
                );
                return unusable(
                    "the SSH key `identity` cannot be read: it must be a private key as `ssh-keygen` writes it",
                );
            }
        };
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(Self(Arc::new(key))),
            Algorithm::Rsa { .. } => unusable(RSA),
            _ => unusable(
                "the SSH key `identity` is of a kind that is not supported: make one by `ssh-keygen -t ed25519`",
            ),
        }
    }

    /// How people recognise the key; not secret.
    pub(crate) fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Asks to be let in.
    pub(crate) async fn enter<H: Handler>(
        &self,
        handle: &mut Handle<H>,
        user: String,
    ) -> Result<AuthResult, Cause> {
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&self.0), None);
        let entered = handle.authenticate_publickey(user, key).await;
        entered.map_err(|error| Cause::Unreachable {
            reason: sanitize(error.to_string().as_bytes(), LINE),
        })
    }
}

const RSA: &str =
    "RSA keys are not supported: make a key by `ssh-keygen -t ed25519` and add it as a deploy key";
