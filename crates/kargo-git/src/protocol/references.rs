//! The `ls-refs` command: which references there are and what they name.

use super::Malformed;
use super::advertisement::Capabilities;
use crate::object::ObjectId;

/// A reference as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its full name; not necessarily UTF-8.
    pub(crate) name: Vec<u8>,
    /// The object it names; `None` for a branch that has no commit yet.
    pub(crate) id: Option<ObjectId>,
    /// What an annotated tag finally stands for.
    pub(crate) peeled: Option<ObjectId>,
    /// The full name of the reference that a symbolic one (`HEAD`) points to.
    pub(crate) target: Option<Vec<u8>>,
}

impl Listed {
    /// The object that a reader means: for an annotated tag what it stands for.
    pub(crate) fn meant(&self) -> Option<ObjectId> {
        self.peeled.or(self.id)
    }
}

/// A request for the references whose names start with one of the prefixes.
pub(crate) fn request(capabilities: &Capabilities, prefixes: &[&str]) -> Vec<u8> {
    super::command("ls-refs", capabilities)
        .line("peel")
        .line("symrefs")
        .lines(prefixes.iter().map(|prefix| format!("ref-prefix {prefix}")))
        .flush()
        .finish()
}

/// Reads one line of the answer.
pub(crate) fn parse(line: &[u8]) -> Result<Listed, Malformed> {
    const WRONG: Malformed = Malformed("a line in the list of references is malformed");
    let mut fields = line.split(|byte| *byte == b' ');
    let id = match fields.next() {
        Some(b"unborn") => None,
        Some(digits) => Some(ObjectId::from_hex(digits).ok_or(WRONG)?),
        None => return Err(WRONG),
    };
    let name = fields.next().filter(|name| !name.is_empty()).ok_or(WRONG)?.to_vec();
    let (mut peeled, mut target) = (None, None);
    for attribute in fields {
        if let Some(digits) = attribute.strip_prefix(b"peeled:") {
            peeled = Some(ObjectId::from_hex(digits).ok_or(WRONG)?);
        } else if let Some(name) = attribute.strip_prefix(b"symref-target:") {
            target = Some(name.to_vec());
        }
    }
    Ok(Listed { name, id, peeled, target })
}

#[cfg(test)]
mod tests {
    use super::{Listed, parse, request};
    use crate::protocol::advertisement::Capabilities;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_request_names_its_prefixes() {
        let capabilities = Capabilities { filter: true, shallow: true, object_format: true };
        let text = String::from_utf8(request(&capabilities, &["refs/heads/main"])).unwrap();
        assert!(text.starts_with("0014command=ls-refs\n"), "{text}");
        assert!(text.contains("0017object-format=sha1\n"), "{text}");
        assert!(text.ends_with("001fref-prefix refs/heads/main\n0000"), "{text}");
    }

    #[test]
    fn lines_of_an_answer() {
        let id = ID.parse().ok();
        let listed = |name: &str| Listed { name: name.into(), id, peeled: None, target: None };
        let table = [
            (format!("{ID} refs/heads/main"), Some(listed("refs/heads/main"))),
            (
                format!("{ID} HEAD symref-target:refs/heads/main"),
                Some(Listed { target: Some(b"refs/heads/main".to_vec()), ..listed("HEAD") }),
            ),
            (
                format!("{ID} refs/tags/v1 peeled:{ID}"),
                Some(Listed { peeled: id, ..listed("refs/tags/v1") }),
            ),
            (
                "unborn HEAD symref-target:refs/heads/main".to_owned(),
                Some(Listed {
                    id: None,
                    target: Some(b"refs/heads/main".to_vec()),
                    ..listed("HEAD")
                }),
            ),
            (format!("{ID} refs/tags/v1 new:thing"), Some(listed("refs/tags/v1"))),
            (format!("{ID} refs/tags/v1 peeled:123"), None),
            (format!("{ID} "), None),
            (ID.to_owned(), None),
            (ID[1..].to_owned() + " refs/heads/main", None),
            (String::new(), None),
        ];
        for (line, expected) in table {
            assert_eq!(parse(line.as_bytes()).ok(), expected, "{line}");
        }
    }
}
