//! The `fetch` command: a request for objects, and the sections of its answer.

use super::advertisement::Capabilities;
use super::packet::Encoder;
use super::{AGENT, Malformed};
use crate::object::ObjectId;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'request> {
    /// The objects that are wanted.
    pub(crate) wants: &'request [ObjectId],
    /// Commits at depth 1 that are here already, with all their trees (and all their files, if `filter` is off).
    pub(crate) haves: &'request [ObjectId],
    /// Cut history after the wanted commits; off where single objects are wanted.
    pub(crate) shallow: bool,
    /// Leave out files.
    pub(crate) filter: bool,
}

impl Request<'_> {
    /// The request in version 2.
    pub(crate) fn encode(&self, capabilities: &Capabilities) -> Vec<u8> {
        let mut encoder =
            super::command("fetch", capabilities).line("ofs-delta").line("no-progress");
        if self.filter {
            encoder = encoder.line("filter blob:none");
        }
        if !self.haves.is_empty() {
            // Only then does git compare with the trees of commits that are no ancestors, as those at depth 1
            // never are.
            encoder = encoder.line("thin-pack");
        }
        encoder = encoder.lines(self.wants.iter().map(|id| format!("want {id}")));
        if self.shallow {
            encoder =
                encoder.lines(self.haves.iter().map(|id| format!("shallow {id}"))).line("deepen 1");
        }
        encoder
            .lines(self.haves.iter().map(|id| format!("have {id}")))
            .line("done")
            .flush()
            .finish()
    }

    /// The request in version 0. What is here already is not mentioned: to find out together what that
    /// means takes several rounds there, and such servers are few.
    pub(crate) fn encode_older(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        for (index, id) in self.wants.iter().enumerate() {
            encoder = if index == 0 {
                encoder.line(&format!("want {id} side-band-64k ofs-delta no-progress {AGENT}"))
            } else {
                encoder.line(&format!("want {id}"))
            };
        }
        if self.shallow {
            encoder = encoder.line("deepen 1");
        }
        encoder.flush().line("done").finish()
    }
}

/// Asks for the commits that are in the history of `new` and not in that of `old`. The server says *ready* if
/// the two have anything in common, and goes on with a pack of them, kept small by leaving out all trees.
pub(crate) fn encode_ancestry(
    capabilities: &Capabilities,
    new: ObjectId,
    old: ObjectId,
) -> Vec<u8> {
    let encoder = super::command("fetch", capabilities);
    let encoder = if capabilities.filter { encoder.line("filter tree:0") } else { encoder };
    encoder.line(&format!("want {new}")).line(&format!("have {old}")).flush().finish()
}

/// A section of the answer, by its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// What the server has in common with us.
    Acknowledgments,
    /// Lines that we need not read: which commits are cut off.
    Notes,
    /// The pack, in side bands.
    Pack,
}

impl Section {
    /// Reads a section's first line.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Malformed> {
        match line {
            b"packfile" => Ok(Self::Pack),
            b"acknowledgments" => Ok(Self::Acknowledgments),
            b"shallow-info" | b"wanted-refs" => Ok(Self::Notes),
            _ => Err(Malformed("the answer to a fetch has an unknown section")),
        }
    }
}

/// The payload of one packet in the pack section.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Band<'packet> {
    /// Bytes of the pack.
    Pack(&'packet [u8]),
    /// Words for people, about progress.
    Progress,
    /// The server gives up, with its reason.
    Fatal(&'packet [u8]),
}

impl<'packet> Band<'packet> {
    /// Splits off the band's number.
    pub(crate) fn parse(payload: &'packet [u8]) -> Result<Self, Malformed> {
        match payload.split_first() {
            Some((1, bytes)) => Ok(Self::Pack(bytes)),
            Some((2, _)) => Ok(Self::Progress),
            Some((3, message)) => Ok(Self::Fatal(message)),
            _ => Err(Malformed("a packet of the pack is in no side band")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Band, Request, Section, encode_ancestry};
    use crate::protocol::advertisement::Capabilities;

    const NEW: &str = "0123456789abcdef0123456789abcdef01234567";
    const OLD: &str = "fedcba9876543210fedcba9876543210fedcba98";

    /// What follows the delimiter.
    fn arguments(bytes: &[u8]) -> String {
        let start = bytes.windows(4).position(|four| four == b"0001").unwrap() + 4;
        String::from_utf8(bytes[start..].to_vec()).unwrap()
    }

    #[test]
    fn requests() {
        let (id, old) = (NEW.parse().unwrap(), OLD.parse().unwrap());
        let capabilities = Capabilities { filter: true, shallow: true, object_format: false };
        let commit = Request { wants: &[id], haves: &[old], shallow: true, filter: true };
        assert_eq!(
            arguments(&commit.encode(&capabilities)),
            format!(
                "000eofs-delta\n0010no-progress\n0015filter blob:none\n000ethin-pack\n0032want {NEW}\n0035shallow {OLD}\n\
                 000ddeepen 1\n0032have {OLD}\n0009done\n0000"
            )
        );
        let files = Request { wants: &[id, old], haves: &[], shallow: false, filter: false };
        assert_eq!(
            arguments(&files.encode(&capabilities)),
            format!(
                "000eofs-delta\n0010no-progress\n0032want {NEW}\n0032want {OLD}\n0009done\n0000"
            )
        );
        assert_eq!(
            arguments(&encode_ancestry(&capabilities, id, old)),
            format!("0012filter tree:0\n0032want {NEW}\n0032have {OLD}\n0000")
        );
        let older = String::from_utf8(commit.encode_older()).unwrap();
        assert!(
            older.contains(&format!("want {NEW} side-band-64k ofs-delta no-progress agent=kargo/"))
        );
        assert!(older.ends_with("\n000ddeepen 1\n00000009done\n"), "{older}");
    }

    #[test]
    fn sections_and_bands() {
        assert_eq!(Section::parse(b"packfile"), Ok(Section::Pack));
        assert_eq!(Section::parse(b"shallow-info"), Ok(Section::Notes));
        assert_eq!(Section::parse(b"acknowledgments"), Ok(Section::Acknowledgments));
        assert!(Section::parse(b"<html>").is_err());
        assert_eq!(Band::parse(b"\x01PACK"), Ok(Band::Pack(b"PACK")));
        assert_eq!(Band::parse(b"\x02Counting"), Ok(Band::Progress));
        assert_eq!(Band::parse(b"\x03no"), Ok(Band::Fatal(b"no")));
        assert!(Band::parse(b"").is_err());
        assert!(Band::parse(b"\x04").is_err());
    }
}
