//! Doors for `fuzz/`: what strangers' bytes go into, with what must hold of whatever comes out.
//!
//! Only with the feature `fuzzing`, which nothing but the fuzz targets asks for.

use crate::connection::known_hosts_fuzzing;
use crate::protocol::advertisement::{Advertisement, http_preamble};
use crate::protocol::packet::{Decoder, Packet};
use crate::protocol::{fetch, references};
use crate::remote::Url;

/// Cuts bytes into packets, in chunks whose length is the first byte: the same packets come out whatever the
/// chunks, and what they hold is no longer than what went in.
pub fn packets(bytes: &[u8]) {
    let Some((chunk, stream)) = bytes.split_first() else { return };
    let chunks = cut(stream, usize::from(*chunk).max(1));
    let whole = cut(stream, stream.len().max(1));
    assert_eq!(chunks, whole, "chunks change nothing");
    let Some((packets, _)) = whole else { return };
    let held = packets.iter().map(|packet| match packet {
        Packet::Data(data) => data.len() + 4,
        Packet::Flush | Packet::Delimiter | Packet::End => 4,
    });
    assert!(held.sum::<usize>() <= stream.len(), "nothing is made up");
    for packet in &packets {
        let Some(line) = packet.line() else { continue };
        let _ = references::parse(line);
        let _ = fetch::Section::parse(line);
        let _ = fetch::Band::parse(line);
    }
}

/// Reads a server's first words.
pub fn advertisement(bytes: &[u8]) {
    let Some((packets, _)) = cut(bytes, bytes.len().max(1)) else { return };
    let words = match packets.get(..2) {
        Some(first) if http_preamble(first) => &packets[2..],
        _ => &packets,
    };
    if let Ok(Advertisement::Older(older)) = Advertisement::parse(words) {
        // A HEAD that points to nothing yet is named among the features of the first one.
        assert!(older.listed.len() <= packets.len() + 1, "a reference is a packet");
    }
}

/// Reads a `known_hosts`; the first line is the host. A host without a key accepts none.
pub fn known_hosts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (host, text) = text.split_once('\n').unwrap_or(("git.example", text));
    known_hosts_fuzzing(text, host);
}

/// Reads an address: what is accepted reads the same again, and hides nothing.
pub fn url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(url) = Url::parse(text) else { return };
    let shown = url.to_string();
    assert_eq!(Url::parse(&shown).as_ref(), Ok(&url), "what is shown reads the same");
    assert!(shown.is_ascii() && !shown.contains([' ', '\\', '\'', '"', '?', '#']));
    assert!(!url.host().is_empty() && !url.host().starts_with('-'));
    assert!(url.port() != 0);
    assert!(!url.identity().contains('@') || url.path().contains('@'));
}

/// The packets, and whether the stream may end there; `None` for garbage.
fn cut(stream: &[u8], chunk: usize) -> Option<(Vec<Packet>, bool)> {
    let mut decoder = Decoder::default();
    let mut packets = Vec::new();
    for piece in stream.chunks(chunk) {
        decoder.push(piece);
        while let Some(packet) = decoder.next().ok()? {
            packets.push(packet);
        }
    }
    Some((packets, decoder.is_empty()))
}
