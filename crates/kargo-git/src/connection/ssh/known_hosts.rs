//! Which keys a host may show: the `known_hosts` of a Secret, in OpenSSH's format.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use russh::keys::ssh_key::{Algorithm, HashAlg, PublicKey};

/// The keys of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Keys that the host may show.
    pub(super) keys: Vec<PublicKey>,
    /// Keys that are known to be stolen.
    revoked: Vec<PublicKey>,
    /// Whether there are entries for the host of a kind that is not understood: authorities, other key types.
    pub(super) has_others: bool,
}

impl Known {
    /// Reads the entries for a host out of a `known_hosts` text. Lines that are malformed are left out, as
    /// OpenSSH does: they can only make fewer keys acceptable.
    pub(super) fn of_host(text: &str, host: &str, port: u16) -> Self {
        let name = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
        let mut known = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let (marker, line) = match line.split_once(char::is_whitespace) {
                Some((marker, rest)) if marker.starts_with('@') => (marker, rest.trim_start()),
                _ => ("", line),
            };
            let Some((patterns, key)) = line.split_once(char::is_whitespace) else { continue };
            if !matches(patterns, &name) {
                continue;
            }
            let key = PublicKey::from_openssh(key.trim());
            match (marker, key) {
                ("", Ok(key)) if is_supported(&key.algorithm()) => known.keys.push(key),
                ("@revoked", Ok(key)) => known.revoked.push(key),
                _ => known.has_others = true,
            }
        }
        let Self { keys, revoked, .. } = &mut known;
        keys.retain(|key| !revoked.iter().any(|revoked| revoked.key_data() == key.key_data()));
        known
    }

    /// Whether the host may show this key.
    pub(super) fn accepts(&self, key: &PublicKey) -> bool {
        self.keys.iter().any(|known| known.key_data() == key.key_data())
    }

    /// The algorithms of the known keys: a server is asked for no other, so that it cannot answer with a key
    /// of a kind that was never seen of it. An RSA key may sign with SHA-2 only (RFC 8332).
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms = Vec::new();
        for key in &self.keys {
            let ways = match key.algorithm() {
                Algorithm::Rsa { .. } => [HashAlg::Sha512, HashAlg::Sha256]
                    .map(|hash| Algorithm::Rsa { hash: Some(hash) })
                    .to_vec(),
                other => vec![other],
            };
            for algorithm in ways {
                if !algorithms.contains(&algorithm) {
                    algorithms.push(algorithm);
                }
            }
        }
        algorithms
    }
}

/// What must hold of any `known_hosts`.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzing(text: &str, host: &str) {
    let known = Known::of_host(text, host, 22);
    assert!(known.keys.iter().all(|key| known.accepts(key)));
    assert!(known.keys.iter().all(|key| is_supported(&key.algorithm())));
    assert_eq!(known.keys.is_empty(), known.algorithms().is_empty());
    // A comment says nothing about anybody.
    let comment = text.lines().map(|line| format!("#{line}\n")).collect::<String>();
    assert_eq!(Known::of_host(&comment, host, 22), Known::default());
}

/// Whether signatures of this kind of key can be checked here.
fn is_supported(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. })
}

/// Whether a list of patterns names the host; one that is negated and matches rules it out.
fn matches(patterns: &str, name: &str) -> bool {
    let mut is_named = false;
    for pattern in patterns.split(',') {
        if let Some(hashed) = pattern.strip_prefix("|1|") {
            is_named |= is_hash_of(hashed, name).unwrap_or(false);
        } else if let Some(negated) = pattern.strip_prefix('!') {
            if glob(negated, name) {
                return false;
            }
        } else {
            is_named |= glob(pattern, name);
        }
    }
    is_named
}

/// Whether `salt|hash` is the hash of the name under the salt.
fn is_hash_of(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let (salt, hash) = (STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, name.as_bytes(), &hash).is_ok())
}

/// Matches `*` and `?`, without regard to case; in time proportional to the product of the lengths.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut position) = (0, 0);
    let mut star = None;
    while position < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[position] => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                position = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::{Known, glob};

    const ONE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGI2wqsfn41Q1eh4gNmq1AQgbly0oHVJRiUZblVZeTmk";
    const TWO: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOlwwII0BGmMH22CLcABNdtbUChtIukizRhtpz6hLzmJ";
    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCaNpGZtc4WHkFYdkyHGKuDNHr8Jihyb64+HwZuw0IxemTbpALz4iuWctba91Lcalluwd7cB2cCS1oiuIYBX2bUyRPF+GlIiL9JZaJRpwgwJdHUXq55b/kgjmvKx7MKNFkUkOXzdB8t82YKlJCVZ4tHQhyqLVfI6LmiY7tF1zFKMXBphux+sQU5VxqAmAL2lU597c1WASYHpiEtU6Pkgl/JSJWCyUzxQ/t0NYVhJ4kh2w7Rh5v4Bnozas1qimF2D7Vt2NIBkIVvwjammT/MKgy7hkBuXZxCtGvaLUZG2odiHofWF3PAuRiMGBJAb1gO8yxTeBdCE9D+sDhMTclnfw4P";

    /// Of a kind that nobody should use any more.
    const DSA: &str = "ssh-dss AAAAB3NzaC1kc3MAAAABAwAAAAEDAAAAAQMAAAABAw==";

    fn count(text: &str, host: &str, port: u16) -> (usize, bool) {
        let known = Known::of_host(text, host, port);
        (known.keys.len(), known.has_others)
    }

    #[test]
    fn entries_of_a_host() {
        // The hash is of `git.example` with the salt of twenty zero bytes.
        let salt = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let key =
            aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[0; 20]);
        let hash = aws_lc_rs::hmac::sign(&key, b"git.example");
        let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
        let table = [
            (format!("git.example {ONE}"), 1),
            (format!("git.example {ONE} a comment"), 1),
            (format!("# git.example {ONE}"), 0),
            (format!("other,git.example,1.2.3.4 {ONE}"), 1),
            (format!("GIT.example\t{ONE}"), 1),
            (format!("*.example {ONE}"), 1),
            (format!("*.example,!git.example {ONE}"), 0),
            (format!("[git.example]:2222 {ONE}"), 0),
            (format!("|1|{salt}|{hash} {ONE}"), 1),
            (format!("|1|{salt}|AAAA {ONE}"), 0),
            (format!("|1|x {ONE}"), 0),
            (format!("git.example {ONE}\ngit.example {TWO}"), 2),
            (format!("git.example {ONE}\n@revoked * {ONE}"), 0),
            (format!("@cert-authority git.example {ONE}"), 0),
            (format!("git.example {RSA}"), 1),
            (format!("git.example {DSA}"), 0),
            ("git.example".to_owned(), 0),
            ("git.example ssh-ed25519 !!".to_owned(), 0),
            (String::new(), 0),
        ];
        for (text, expected) in table {
            assert_eq!(count(&text, "git.example", 22).0, expected, "{text}");
        }
        assert_eq!(count(&format!("[git.example]:2222 {ONE}"), "git.example", 2222), (1, false));
        assert_eq!(count(&format!("git.example {ONE}"), "git.example", 2222), (0, false));
        assert_eq!(count(&format!("git.example {DSA}"), "git.example", 22), (0, true));
    }

    #[test]
    fn only_known_keys_are_accepted() {
        let known = Known::of_host(&format!("git.example {ONE}"), "git.example", 22);
        assert!(known.accepts(&ONE.parse().unwrap()));
        assert!(!known.accepts(&TWO.parse().unwrap()));
        assert_eq!(known.algorithms().len(), 1);
        let rsa = Known::of_host(&format!("git.example {RSA}"), "git.example", 22);
        let names = rsa.algorithms().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names, ["rsa-sha2-512", "rsa-sha2-256"], "and never with SHA-1");
    }

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("**a", "bba", true),
            ("", "a", false),
            ("*a*a*a*a*a*b", &"a".repeat(60), false),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,200}") {
            let known = Known::of_host(&text, "git.example", 22);
            proptest::prop_assert!(known.keys.is_empty());
        }
    }
}
