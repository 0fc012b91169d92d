//! The conversation with a server, whatever it travels over: first words, references, packs.

use crate::connection::Connection;
use crate::error::Cause;
use crate::limits::Limits;
use crate::object::ObjectId;
use crate::protocol::Malformed;
use crate::protocol::advertisement::{Advertisement, Capabilities, Older, http_preamble};
use crate::protocol::fetch::{Band, Request, Section, encode_ancestry};
use crate::protocol::packet::{Decoder, Packet};
use crate::protocol::references::{self, Listed};
use crate::text::{LINE, sanitize};
use std::path::Path;
use tokio::io::AsyncWriteExt as _;

/// What the server is, as far as its first words tell.
#[derive(Debug, Clone)]
pub(crate) enum Server {
    /// It speaks protocol version 2.
    Version2(Capabilities),
    /// It speaks an older version, and has told all its references.
    Older(Older),
}

/// What lies between two commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Between {
    /// The server cannot tell.
    Unknown,
    /// The newer one's history holds nothing of the older one's.
    NothingInCommon,
    /// The commits that only the newer one has are in a pack.
    Pack,
}

/// A conversation whose first words have been said.
#[derive(Debug)]
pub(crate) struct Session<'limits> {
    connection: Connection,
    server: Server,
    limits: &'limits Limits,
}

impl From<Malformed> for Cause {
    fn from(malformed: Malformed) -> Self {
        Self::Protocol { what: malformed.0.to_owned() }
    }
}

fn refused(message: &[u8]) -> Cause {
    Cause::Refused { message: sanitize(message, LINE) }
}

fn cut_off() -> Cause {
    Cause::Unreachable { reason: "the answer was cut off".into() }
}

/// Packets as they arrive.
struct Packets<'session> {
    connection: &'session mut Connection,
    decoder: Decoder,
    what: &'static str,
    limit: u64,
    left: u64,
}

impl<'session> Packets<'session> {
    fn new(connection: &'session mut Connection, what: &'static str, limit: u64) -> Self {
        Self { connection, decoder: Decoder::default(), what, limit, left: limit }
    }

    /// The next packet of an answer that has not ended yet.
    async fn next(&mut self) -> Result<Packet, Cause> {
        let packet = loop {
            if let Some(packet) = self.decoder.next()? {
                break packet;
            }
            let chunk = self.connection.chunk().await?.ok_or_else(cut_off)?;
            self.left = self
                .left
                .checked_sub(chunk.len() as u64)
                .ok_or(Cause::TooLarge { what: self.what, limit: self.limit })?;
            self.decoder.push(&chunk);
        };
        match packet.line().and_then(|line| line.strip_prefix(b"ERR ")) {
            Some(message) => Err(refused(message)),
            None => Ok(packet),
        }
    }

    /// Makes sure that the answer ends here.
    async fn end(self) -> Result<(), Cause> {
        if !self.decoder.is_empty() {
            return Err(Malformed("its answer goes on after its end").into());
        }
        self.connection.end().await
    }
}

impl<'limits> Session<'limits> {
    /// Says hello, unless it is remembered what the server can do and the connection needs no greeting.
    pub(crate) async fn open(
        mut connection: Connection,
        remembered: Option<Capabilities>,
        limits: &'limits Limits,
    ) -> Result<Self, Cause> {
        if let Some(capabilities) = remembered
            && !connection.greets_always()
        {
            return Ok(Self { connection, server: Server::Version2(capabilities), limits });
        }
        connection.greet().await?;
        let words = first_words(&mut connection, limits).await?;
        let server = match Advertisement::parse(&words)? {
            Advertisement::Version2(capabilities) if capabilities.shallow => {
                Server::Version2(capabilities)
            }
            Advertisement::Older(older) if older.shallow || older.listed.is_empty() => {
                Server::Older(older)
            }
            Advertisement::Version2(_) | Advertisement::Older(_) => {
                return Err(Cause::Unsupported {
                    what: "to be fetched with all of its history (its server cannot send a single commit)",
                });
            }
            Advertisement::Sha256 => {
                return Err(Cause::Unsupported { what: "SHA-256 object names" });
            }
            Advertisement::Refusal(message) => return Err(refused(&message)),
        };
        Ok(Self { connection, server, limits })
    }

    /// What is worth remembering for the next session: what the server can do, and where the repository is.
    pub(crate) fn memory(&self) -> Option<(Capabilities, Option<String>)> {
        match &self.server {
            Server::Version2(capabilities) => {
                Some((capabilities.clone(), self.connection.base().map(str::to_owned)))
            }
            Server::Older(_) => None,
        }
    }

    /// Whether the server leaves files out when it is asked to.
    pub(crate) fn filters(&self) -> bool {
        matches!(&self.server, Server::Version2(capabilities) if capabilities.filter)
    }

    /// Lists the references whose names start with one of the prefixes.
    pub(crate) async fn list(&mut self, prefixes: &[&str]) -> Result<Vec<Listed>, Cause> {
        let capabilities = match &self.server {
            Server::Version2(capabilities) => capabilities,
            Server::Older(older) => {
                let is_meant = |listed: &&Listed| {
                    prefixes.iter().any(|prefix| listed.name.starts_with(prefix.as_bytes()))
                };
                return Ok(older.listed.iter().filter(is_meant).cloned().collect());
            }
        };
        self.connection.command(references::request(capabilities, prefixes)).await?;
        let limit = self.limits.answer_bytes;
        let mut packets = Packets::new(&mut self.connection, "the list of references", limit);
        let mut listed = Vec::new();
        loop {
            let packet = packets.next().await?;
            let Some(line) = packet.line() else { break };
            if listed.len() >= self.limits.references {
                return Err(too_many_references(self.limits));
            }
            listed.push(references::parse(line)?);
        }
        packets.end().await?;
        Ok(listed)
    }

    /// Fetches the commits of `new`'s history that are not in that of `old` into a file, which is created.
    pub(crate) async fn fetch_between(
        &mut self,
        new: ObjectId,
        old: ObjectId,
        file: &Path,
    ) -> Result<Between, Cause> {
        let Server::Version2(capabilities) = &self.server else { return Ok(Between::Unknown) };
        self.connection.command(encode_ancestry(capabilities, new, old)).await?;
        // Without trees a commit is a few hundred bytes.
        let limit = self.limits.answer_bytes;
        let mut packets = Packets::new(&mut self.connection, "an answer", limit);
        let section = packets.next().await?;
        if section.line().map(Section::parse).transpose()? != Some(Section::Acknowledgments) {
            return Ok(Between::Unknown);
        }
        let mut is_ready = false;
        while let Some(line) = packets.next().await?.line() {
            is_ready |= line == b"ready";
        }
        if !is_ready {
            return Ok(Between::NothingInCommon);
        }
        skip_notes(&mut packets).await?;
        write_pack(packets, file).await?;
        Ok(Between::Pack)
    }

    /// Fetches a pack into a file, which is created.
    pub(crate) async fn fetch(&mut self, request: Request<'_>, file: &Path) -> Result<(), Cause> {
        let is_older = matches!(self.server, Server::Older(_));
        let command = match &self.server {
            Server::Version2(capabilities) => request.encode(capabilities),
            Server::Older(_) => request.encode_older(),
        };
        self.connection.command(command).await?;
        let mut packets = Packets::new(&mut self.connection, "the pack", self.limits.pack_bytes);
        if is_older {
            skip_notes_of_older(&mut packets, request.shallow).await?;
        } else {
            skip_notes(&mut packets).await?;
        }
        write_pack(packets, file).await
    }
}

/// Writes the pack that comes now into a file, which is created.
async fn write_pack(mut packets: Packets<'_>, file: &Path) -> Result<(), Cause> {
    let failure = |error: std::io::Error| Cause::Cache {
        what: format!("writing {} failed: {error}", file.display()),
    };
    let pack = tokio::fs::File::create(file).await.map_err(failure)?;
    let mut pack = tokio::io::BufWriter::with_capacity(256 << 10, pack);
    while let Packet::Data(payload) = packets.next().await? {
        match Band::parse(&payload)? {
            Band::Pack(bytes) => pack.write_all(bytes).await.map_err(failure)?,
            Band::Progress => {}
            Band::Fatal(message) => return Err(refused(message)),
        }
    }
    packets.end().await?;
    pack.flush().await.map_err(failure)
}

fn too_many_references(limits: &Limits) -> Cause {
    let limit = limits.references as u64;
    Cause::TooLarge { what: "the number of references", limit }
}

async fn first_words(connection: &mut Connection, limits: &Limits) -> Result<Vec<Packet>, Cause> {
    let what = "the list of what the server can do";
    let mut packets = Packets::new(connection, what, limits.answer_bytes);
    let mut words = Vec::new();
    loop {
        let packet = packets.next().await?;
        let is_end = packet == Packet::Flush;
        words.push(packet);
        if http_preamble(&words) {
            words.clear();
        } else if is_end {
            packets.end().await?;
            return Ok(words);
        } else if words.len() > limits.references {
            return Err(too_many_references(limits));
        }
    }
}

/// Reads up to where the pack starts.
async fn skip_notes(packets: &mut Packets<'_>) -> Result<(), Cause> {
    loop {
        let packet = packets.next().await?;
        let line = packet.line().ok_or(Malformed("the answer to a fetch has no pack"))?;
        if Section::parse(line)? == Section::Pack {
            return Ok(());
        }
        loop {
            match packets.next().await? {
                Packet::Data(_) => {}
                Packet::Delimiter => break,
                Packet::Flush | Packet::End => {
                    return Err(Malformed("the answer to a fetch has no pack").into());
                }
            }
        }
    }
}

/// Reads up to where the pack starts in version 0: which commits are cut off, then that nothing is common.
async fn skip_notes_of_older(packets: &mut Packets<'_>, shallow: bool) -> Result<(), Cause> {
    if shallow {
        while packets.next().await?.line().is_some() {}
    }
    match packets.next().await?.line() {
        Some(b"NAK") => Ok(()),
        _ => Err(Malformed("the answer to a fetch does not start with NAK").into()),
    }
}
