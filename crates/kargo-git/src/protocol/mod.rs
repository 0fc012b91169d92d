//! git's wire protocol as pure encoders and decoders; it knows no network and no clock.

pub(crate) mod advertisement;
pub(crate) mod fetch;
pub(crate) mod packet;
pub(crate) mod references;

/// How we introduce ourselves to servers.
const AGENT: &str = concat!("agent=kargo/", env!("CARGO_PKG_VERSION"));

/// Starts a command of protocol version 2, up to where its arguments stand.
fn command(name: &str, capabilities: &advertisement::Capabilities) -> packet::Encoder {
    let encoder = packet::Encoder::default().line(&format!("command={name}")).line(AGENT);
    let encoder =
        if capabilities.object_format { encoder.line("object-format=sha1") } else { encoder };
    encoder.delimiter()
}

/// An answer that is not what the protocol says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);
