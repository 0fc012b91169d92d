//! Ids of objects, and parsers for trees and commits.

use crate::text::{LINE, sanitize};

/// The id of any git object: 20 bytes of SHA-1 over its type, size and content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 20]);

/// The id of a commit. Shown and parsed as 40 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(ObjectId);

/// A text is not 40 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a full commit id has 40 hexadecimal digits. Write all of them, as `git rev-parse HEAD` shows them."
)]
pub struct IdError;

impl ObjectId {
    /// An id from its 20 bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From 40 hexadecimal digits as the protocol writes them.
    pub(crate) fn from_hex(digits: &[u8]) -> Option<Self> {
        fn value(digit: u8) -> Option<u8> {
            char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
        }
        if digits.len() != 40 {
            return None;
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Some(Self(bytes))
    }

    pub(crate) fn as_oid(&self) -> git2::Oid {
        git2::Oid::from_bytes(&self.0).unwrap_or(git2::Oid::ZERO_SHA1)
    }
}

impl std::str::FromStr for ObjectId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::from_hex(text.as_bytes()).ok_or(IdError)
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl std::fmt::Debug for ObjectId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, out)
    }
}

impl CommitId {
    /// The id as one of any object.
    pub const fn object(self) -> ObjectId {
        self.0
    }

    /// The first seven digits, as people write them.
    pub fn short(self) -> String {
        let mut text = self.to_string();
        text.truncate(7);
        text
    }
}

impl From<ObjectId> for CommitId {
    fn from(id: ObjectId) -> Self {
        Self(id)
    }
}

impl std::str::FromStr for CommitId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self)
    }
}

impl std::fmt::Display for CommitId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, out)
    }
}

impl std::fmt::Debug for CommitId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, out)
    }
}

/// What a commit says about itself. All text is sanitised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// The root of its tree: two commits with the same tree deploy the same.
    pub tree: ObjectId,
    /// Who wrote it: a name, without the mail address.
    pub author: String,
    /// When it was committed, in seconds since 1970 (UTC); as the committer's clock had it.
    pub time: i64,
    /// The first line of its message.
    pub subject: String,
}

impl Commit {
    /// Reads a commit object; `None` if it is not one.
    pub(crate) fn parse(id: CommitId, raw: &[u8]) -> Option<Self> {
        let mut tree = None;
        let mut author = String::new();
        let mut time = None;
        let mut rest = raw;
        loop {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            if line.is_empty() {
                break;
            }
            if let Some(digits) = line.strip_prefix(b"tree ") {
                tree = tree.or(ObjectId::from_hex(digits));
            } else if let Some(person) = line.strip_prefix(b"author ") {
                let name = person.iter().position(|byte| *byte == b'<').unwrap_or(person.len());
                author = sanitize(&person[..name], LINE);
            } else if let Some(person) = line.strip_prefix(b"committer ") {
                time = time.or(seconds(person));
            }
        }
        let message = &rest[rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()..];
        let subject = message.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Some(Self {
            id,
            tree: tree?,
            author,
            time: time.unwrap_or_default(),
            subject: sanitize(subject, LINE),
        })
    }
}

/// The parents that a commit object names.
pub(crate) fn parents(raw: &[u8]) -> impl Iterator<Item = ObjectId> {
    raw.split(|byte| *byte == b'\n')
        .take_while(|line| !line.is_empty())
        .filter_map(|line| ObjectId::from_hex(line.strip_prefix(b"parent ")?))
}

/// The time of `Name <mail> 1700000000 +0900`.
fn seconds(person: &[u8]) -> Option<i64> {
    let after_mail = person.rsplit(|byte| *byte == b'>').next()?;
    std::str::from_utf8(after_mail).ok()?.split_ascii_whitespace().next()?.parse().ok()
}

/// What an entry of a tree is, by its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    Submodule,
    Unknown,
}

/// One entry of a tree object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TreeEntry<'tree> {
    pub(crate) kind: Kind,
    pub(crate) name: &'tree [u8],
    pub(crate) id: ObjectId,
}

/// The entries of a tree object, in its own order; an item is `None` where the object is malformed, and
/// then the last one.
pub(crate) fn tree_entries(raw: &[u8]) -> impl Iterator<Item = Option<TreeEntry<'_>>> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let parsed = tree_entry(rest);
        rest = parsed.map_or(&[][..], |(_, rest)| rest);
        Some(parsed.map(|(entry, _)| entry))
    })
}

fn tree_entry(raw: &[u8]) -> Option<(TreeEntry<'_>, &[u8])> {
    let space = raw.iter().take(8).position(|byte| *byte == b' ')?;
    let nul = raw.iter().position(|byte| *byte == 0)?;
    let name = raw.get(space + 1..nul).filter(|name| !name.is_empty())?;
    let id = ObjectId::from_slice(raw.get(nul + 1..nul + 21)?)?;
    let mode = u32::from_str_radix(std::str::from_utf8(&raw[..space]).ok()?, 8).ok()?;
    let kind = match mode & 0o170_000 {
        0o040_000 => Kind::Folder,
        0o100_000 => Kind::File,
        0o120_000 => Kind::Link,
        0o160_000 => Kind::Submodule,
        _ => Kind::Unknown,
    };
    Some((TreeEntry { kind, name, id }, &raw[nul + 21..]))
}

#[cfg(test)]
mod tests {
    use super::{Commit, CommitId, Kind, ObjectId, tree_entries};

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn ids_are_forty_hexadecimal_digits() {
        assert_eq!(ID.parse::<CommitId>().unwrap().to_string(), ID);
        assert_eq!(ID.parse::<CommitId>().unwrap().short(), "0123456");
        for bad in ["", "0123456", &ID[1..], "g123456789abcdef0123456789abcdef01234567"] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_commit_is_read_and_its_text_is_made_harmless() {
        let raw = format!(
            "tree {ID}\nparent {ID}\nauthor Kim \x1b[1m민수 <kim@example.com> 1700000000 +0900\n\
             committer Lee <lee@example.com> 1700000100 +0900\ngpgsig -----BEGIN SSH SIGNATURE-----\n \
             abc\n\n\nFix  the\tport\nmore\n"
        );
        let id = ID.parse().unwrap();
        assert_eq!(
            Commit::parse(id, raw.as_bytes()),
            Some(Commit {
                id,
                tree: ID.parse().unwrap(),
                author: "Kim [1m민수".into(),
                time: 1_700_000_100,
                subject: "Fix the port".into(),
            })
        );
        assert_eq!(Commit::parse(id, b"blob"), None);
    }

    #[test]
    fn a_tree_lists_its_entries_and_stops_where_it_is_malformed() {
        let id = ID.parse::<ObjectId>().unwrap();
        let mut raw = Vec::new();
        for (mode, name) in [("100644", "a"), ("40000", "k8s"), ("120000", "l"), ("160000", "s")] {
            raw.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            raw.extend_from_slice(id.as_bytes());
        }
        raw.extend_from_slice(b"100644 cut\0abc");
        let entries = tree_entries(&raw).collect::<Vec<_>>();
        let kinds = entries.iter().map(|entry| entry.map(|entry| entry.kind)).collect::<Vec<_>>();
        assert_eq!(
            kinds,
            [Some(Kind::File), Some(Kind::Folder), Some(Kind::Link), Some(Kind::Submodule), None]
        );
        assert_eq!(entries[1].unwrap().name, b"k8s");
        assert_eq!(entries[1].unwrap().id, id);
    }
}
