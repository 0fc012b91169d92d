//! The server's first words: which protocol it speaks and what it can do.

use super::Malformed;
use super::packet::Packet;
use super::references::Listed;
use crate::object::ObjectId;

/// What a server of protocol version 2 can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// The server can leave blobs out of a pack.
    pub(crate) filter: bool,
    /// The server can cut history off.
    pub(crate) shallow: bool,
    /// The server wants to be told the object format.
    pub(crate) object_format: bool,
}

/// What a server of protocol version 0 or 1 has, all of it in its first words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Older {
    /// All references.
    pub(crate) listed: Vec<Listed>,
    /// The server can cut history off.
    pub(crate) shallow: bool,
}

/// A server's first words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Advertisement {
    /// Protocol version 2.
    Version2(Capabilities),
    /// Protocol version 0 or 1.
    Older(Older),
    /// Objects are named by SHA-256.
    Sha256,
    /// The server has only an error to say.
    Refusal(Vec<u8>),
}

impl Advertisement {
    /// Reads the packets of an advertisement, without those of HTTP's own (see [`http_preamble`]).
    pub(crate) fn parse(packets: &[Packet]) -> Result<Self, Malformed> {
        let mut lines = packets.iter().filter_map(Packet::line).peekable();
        let Some(&first) = lines.peek() else {
            // How older versions speak of a repository without references.
            return match packets {
                [Packet::Flush] => Ok(Self::Older(Older { listed: Vec::new(), shallow: true })),
                _ => Err(Malformed("the advertisement is empty")),
            };
        };
        if let Some(message) = first.strip_prefix(b"ERR ") {
            return Ok(Self::Refusal(message.to_vec()));
        }
        if first == b"version 2" {
            return Self::parse_version_2(lines.skip(1));
        }
        Self::parse_older(lines.skip(usize::from(first == b"version 1")))
    }

    fn parse_version_2<'lines>(
        lines: impl Iterator<Item = &'lines [u8]>,
    ) -> Result<Self, Malformed> {
        let mut capabilities = Capabilities { filter: false, shallow: false, object_format: false };
        let (mut lists, mut fetches) = (false, false);
        for line in lines {
            let (name, value) = split_once(line, b'=').unwrap_or((line, b""));
            match name {
                b"ls-refs" => lists = true,
                b"fetch" => {
                    fetches = true;
                    for feature in value.split(|byte| *byte == b' ') {
                        capabilities.filter |= feature == b"filter";
                        capabilities.shallow |= feature == b"shallow";
                    }
                }
                b"object-format" if value != b"sha1" => return Ok(Self::Sha256),
                b"object-format" => capabilities.object_format = true,
                _ => {}
            }
        }
        if lists && fetches {
            Ok(Self::Version2(capabilities))
        } else {
            Err(Malformed("the server offers neither a list of references nor a fetch"))
        }
    }

    fn parse_older<'lines>(lines: impl Iterator<Item = &'lines [u8]>) -> Result<Self, Malformed> {
        const WRONG: Malformed =
            Malformed("the advertisement starts with neither a version nor a reference");
        let mut listed = Vec::<Listed>::new();
        let mut head = None;
        let mut features = None;
        for line in lines {
            let line = match (features, split_once(line, 0)) {
                (None, Some((line, rest))) => {
                    features = Some(rest);
                    line
                }
                (None, None) => return Err(WRONG),
                (Some(_), _) => line,
            };
            if line.starts_with(b"shallow ") {
                continue;
            }
            let (digits, name) = split_once(line, b' ').ok_or(WRONG)?;
            let id = ObjectId::from_hex(digits).ok_or(WRONG)?;
            if name == b"capabilities^{}" {
                continue;
            }
            if let Some(name) = name.strip_suffix(b"^{}") {
                let tag = listed.last_mut().filter(|last| last.name == name).ok_or(WRONG)?;
                tag.peeled = Some(id);
                continue;
            }
            listed.push(Listed { name: name.to_vec(), id: Some(id), peeled: None, target: None });
        }
        let (mut shallow, mut banded) = (false, false);
        for feature in features.ok_or(WRONG)?.split(|byte| *byte == b' ') {
            shallow |= feature == b"shallow";
            banded |= feature == b"side-band-64k";
            if let Some(target) = feature.strip_prefix(b"symref=HEAD:") {
                head = Some(target.to_vec());
            }
            if feature.starts_with(b"object-format=") && feature != b"object-format=sha1" {
                return Ok(Self::Sha256);
            }
        }
        if !banded {
            return Err(Malformed("the server is too old: it sends packs in no side band"));
        }
        match listed.iter_mut().find(|listed| listed.name == b"HEAD") {
            Some(listed) => listed.target = head,
            None => {
                listed.extend(head.map(|head| Listed {
                    name: b"HEAD".to_vec(),
                    id: None,
                    peeled: None,
                    target: Some(head),
                }));
            }
        }
        Ok(Self::Older(Older { listed, shallow }))
    }
}

fn split_once(line: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = line.iter().position(|byte| *byte == at)?;
    Some((&line[..position], &line[position + 1..]))
}

/// Whether the packets so far are HTTP's own preamble, `# service=git-upload-pack` and a flush, after which
/// the advertisement itself starts; some servers leave it out.
pub(crate) fn http_preamble(packets: &[Packet]) -> bool {
    matches!(packets, [line, Packet::Flush] if line.line() == Some(b"# service=git-upload-pack"))
}

#[cfg(test)]
mod tests {
    use super::{Advertisement, Capabilities, Older};
    use crate::protocol::packet::Packet;
    use crate::protocol::references::Listed;

    fn parse(lines: &[&'static str]) -> Option<Advertisement> {
        let mut packets = lines.iter().map(|line| Packet::Data((*line).into())).collect::<Vec<_>>();
        packets.push(Packet::Flush);
        Advertisement::parse(&packets).ok()
    }

    #[test]
    fn first_words_of_version_2() {
        let all = Capabilities { filter: true, shallow: true, object_format: true };
        let none = Capabilities { filter: false, shallow: false, object_format: false };
        let table: &[(&[&'static str], Option<Advertisement>)] = &[
            (
                &[
                    "version 2\n",
                    "ls-refs=unborn\n",
                    "fetch=shallow wait-for-done filter\n",
                    "object-format=sha1\n",
                ],
                Some(Advertisement::Version2(all)),
            ),
            (&["version 2", "ls-refs", "fetch", "new=thing"], Some(Advertisement::Version2(none))),
            (
                &["version 2\n", "fetch\n", "ls-refs", "object-format=sha256\n"],
                Some(Advertisement::Sha256),
            ),
            (&["ERR access denied\n"], Some(Advertisement::Refusal(b"access denied".to_vec()))),
            (&["version 2\n"], None),
            (&["version 3\n"], None),
            (&["hello\n"], None),
        ];
        for (lines, expected) in table {
            assert_eq!(&parse(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn first_words_of_older_versions() {
        const FIRST: &str = "0123456789abcdef0123456789abcdef01234567 HEAD\0side-band-64k shallow symref=HEAD:refs/heads/main\n";
        const TAG: &str = "0123456789abcdef0123456789abcdef01234567 refs/tags/v1\n";
        const PEELED: &str = "fedcba9876543210fedcba9876543210fedcba98 refs/tags/v1^{}\n";
        let id = "0123456789abcdef0123456789abcdef01234567".parse().ok();
        let peeled = "fedcba9876543210fedcba9876543210fedcba98".parse().ok();
        let main = Some(b"refs/heads/main".to_vec());
        let head = Listed { name: b"HEAD".to_vec(), id, peeled: None, target: main.clone() };
        let tag = Listed { name: b"refs/tags/v1".to_vec(), id, peeled, target: None };
        let unborn = Listed { name: b"HEAD".to_vec(), id: None, peeled: None, target: main };
        let older = |listed: &[Listed], shallow| {
            Some(Advertisement::Older(Older { listed: listed.to_vec(), shallow }))
        };
        let table: &[(&[&'static str], Option<Advertisement>)] = &[
            (&[FIRST, TAG, PEELED], older(&[head.clone(), tag], true)),
            (&["version 1\n", FIRST], older(&[head], true)),
            (
                &[
                    "0000000000000000000000000000000000000000 capabilities^{}\0side-band-64k symref=HEAD:refs/heads/main",
                ],
                older(&[unborn], false),
            ),
            (
                &[
                    "0123456789abcdef0123456789abcdef01234567 HEAD\0object-format=sha256 side-band-64k",
                ],
                Some(Advertisement::Sha256),
            ),
            (&["0123456789abcdef0123456789abcdef01234567 HEAD\0shallow"], None),
            (&["0123456789abcdef0123456789abcdef01234567 HEAD\n"], None),
            (&[], older(&[], true)),
            (&[FIRST, PEELED], None),
            (&[FIRST, "0123 refs/heads/main"], None),
        ];
        for (lines, expected) in table {
            assert_eq!(&parse(lines), expected, "{lines:?}");
        }
    }
}
