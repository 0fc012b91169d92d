//! What a sender has to know.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};

/// A secret that a forge shares with Kargo. It cannot be shown.
#[derive(Clone)]
pub struct Secret {
    key: hmac::Key,
    digest: [u8; 32],
}

/// There is nothing in it, so everybody would know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is empty")]
pub struct Empty;

impl Secret {
    /// The secret with this value. White space at the end is left out: files tend to end with a line break, which
    /// cannot be typed into the form of a forge.
    pub fn new(value: &[u8]) -> Result<Self, Empty> {
        let value = value.trim_ascii_end();
        if value.is_empty() {
            return Err(Empty);
        }
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, value), digest: sha256(value) })
    }

    /// The HMAC-SHA256 of `body`.
    pub(crate) fn sign(&self, body: &[u8]) -> [u8; 32] {
        array(hmac::sign(&self.key, body).as_ref())
    }

    /// Whether `signature` is the HMAC-SHA256 of `body`; takes as long for a wrong one as for the right one.
    pub(crate) fn has_signed(&self, body: &[u8], signature: &[u8; 32]) -> bool {
        hmac::verify(&self.key, body, signature).is_ok()
    }

    /// Whether `token` is the secret itself. Digests are compared, as they are all of one length.
    pub(crate) fn is(&self, token: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.digest, &sha256(token)).is_ok()
    }
}

fn sha256(value: &[u8]) -> [u8; 32] {
    array(digest::digest(&digest::SHA256, value).as_ref())
}

fn array(digest: &[u8]) -> [u8; 32] {
    digest.try_into().expect("SHA-256 has 32 bytes")
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.digest, &other.digest).is_ok()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::{Empty, Secret};

    #[test]
    fn nothing_is_no_secret() {
        for value in [&b""[..], b"\n", b" \r\n"] {
            assert_eq!(Secret::new(value), Err(Empty));
        }
    }

    #[test]
    fn a_line_break_at_its_end_does_not_count() {
        assert_eq!(Secret::new(b"hunter2\n"), Secret::new(b"hunter2"));
        assert_ne!(Secret::new(b" hunter2"), Secret::new(b"hunter2"));
    }

    #[test]
    fn it_is_not_shown() {
        let shown = format!("{:?}", Secret::new(b"hunter2"));
        assert_eq!(shown, "Ok(Secret)");
    }
}
