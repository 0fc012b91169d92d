//! Keys for SSH: of deployers and of the server.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An Ed25519 key.
#[derive(Debug, Clone)]
pub struct Key {
    /// The private key, in PEM.
    pub private: String,
    /// The public key, as in a `.pub` file or after the host in `known_hosts`.
    pub public: String,
}

impl Key {
    /// A new one.
    pub fn generate() -> Result<Self> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
        let mut wire = Vec::new();
        for field in [&b"ssh-ed25519"[..], pair.public_key_raw()] {
            wire.extend(u32::try_from(field.len())?.to_be_bytes());
            wire.extend(field);
        }
        let public = format!("ssh-ed25519 {}", STANDARD.encode(wire));
        Ok(Self { private: pair.serialize_pem(), public })
    }
}
