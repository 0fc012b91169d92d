//! Whether a commit is signed, and by whom: SSH signatures, as `git commit -S` makes them with
//! `gpg.format=ssh`, and those of `OpenPGP`.

mod openpgp;

use crate::text::{LINE, sanitize};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
};
use russh::keys::ssh_key::{Algorithm, HashAlg, Mpint, PublicKey, SshSig};
use std::collections::BTreeMap;

/// What git signs is told apart by this name from what other programs sign with the same key.
const NAMESPACE: &str = "git";

/// The keys whose signatures are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers {
    signers: Vec<(PublicKey, String)>,
    openpgp: Vec<openpgp::Key>,
}

/// A good signature of a trusted key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The key's fingerprint, as `ssh-keygen -l` or gpg shows it.
    pub fingerprint: String,
    /// What stands beside the key in the Secret: a name, a mail address. Sanitised; may be empty.
    pub signer: String,
}

impl std::fmt::Display for Signature {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { fingerprint, signer } = self;
        if signer.is_empty() {
            write!(out, "{fingerprint}")
        } else {
            write!(out, "{signer} ({fingerprint})")
        }
    }
}

/// Why the keys of a Secret cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignersError {
    /// No key at all.
    #[error(
        "the Secret holds no public key. Put public keys into it as `ssh-keygen` writes them into `.pub` files, \
         or as `gpg --armor --export` prints them."
    )]
    Empty,
    /// A line that is no key.
    #[error(
        "line {line} of `{key}` in the Secret is no SSH public key. Each line is one key: its type, the key \
         itself, a name."
    )]
    Line {
        /// The key in the Secret, sanitised.
        key: String,
        /// The number of the line, from 1.
        line: usize,
    },
    /// An `OpenPGP` key that cannot be used.
    #[error(
        "`{key}` in the Secret is no OpenPGP public key that can be used. Put in what `gpg --armor --export` prints."
    )]
    OpenPgp {
        /// The key in the Secret, sanitised.
        key: String,
    },
    /// Something whose meaning would be lost.
    #[error(
        "line {line} of `{key}` in the Secret has {what}, which is not supported. Leave it out."
    )]
    Unsupported {
        /// The key in the Secret, sanitised.
        key: String,
        /// The number of the line, from 1.
        line: usize,
        /// What it is.
        what: &'static str,
    },
}

/// Why a commit is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// No signature.
    #[error("it is not signed")]
    Unsigned,
    /// A signature that is neither of SSH nor of `OpenPGP`.
    #[error("it is signed by {0}, and only signatures of SSH and OpenPGP are supported")]
    Kind(&'static str),
    /// Not a signature after all.
    #[error("its signature is malformed")]
    Malformed,
    /// A key that is not among the trusted ones.
    #[error("it is signed by a key that is not trusted ({fingerprint})")]
    Stranger {
        /// The key's fingerprint.
        fingerprint: String,
    },
    /// A trusted key that should not have been used.
    #[error("it is signed by a key {what} ({fingerprint})")]
    Unfit {
        /// The key's fingerprint.
        fingerprint: String,
        /// Why not.
        what: &'static str,
    },
    /// A signature that does not fit the commit.
    #[error(
        "its signature does not fit what it says; it was changed after it was signed by {fingerprint}"
    )]
    Wrong {
        /// The fingerprint of the key that it claims.
        fingerprint: String,
    },
}

impl Signers {
    /// Reads the data of a Secret: every value holds public keys, either of SSH, one on a line, as in `.pub`
    /// files, `authorized_keys`, or git's `allowed_signers` without options; or armoured ones of `OpenPGP`.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, SignersError> {
        let (mut signers, mut openpgp) = (Vec::new(), Vec::new());
        for (key, value) in data {
            let key = sanitize(key.as_bytes(), LINE);
            let text = String::from_utf8_lossy(value);
            if text.contains(openpgp::BEGIN) {
                let found = openpgp::read(&text).filter(|found| !found.is_empty());
                openpgp.extend(found.ok_or(SignersError::OpenPgp { key })?);
                continue;
            }
            for (index, line) in text.lines().map(str::trim).enumerate() {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                signers.push(signer(line, &key, index + 1)?);
            }
        }
        if signers.is_empty() && openpgp.is_empty() {
            return Err(SignersError::Empty);
        }
        Ok(Self { signers, openpgp })
    }

    /// Checks the signature of a commit object.
    pub(crate) fn check(&self, commit: &[u8]) -> Result<Signature, Distrust> {
        let (form, armor, signed) = split(commit)?;
        if form == Form::OpenPgp {
            return openpgp::check(&self.openpgp, &armor, &signed);
        }
        let signature = SshSig::from_pem(armor).map_err(|_| Distrust::Malformed)?;
        let shown = PublicKey::new(signature.public_key().clone(), "");
        let fingerprint = shown.fingerprint(HashAlg::Sha256).to_string();
        let known = self.signers.iter().find(|(key, _)| key.key_data() == shown.key_data());
        let Some((key, signer)) = known else { return Err(Distrust::Stranger { fingerprint }) };
        let is_good = match signature.algorithm() {
            Algorithm::Rsa { hash } => verify_rsa(key, &signature, hash, &signed),
            _ => key.verify(NAMESPACE, &signed, &signature).is_ok(),
        };
        if is_good {
            Ok(Signature { fingerprint, signer: signer.clone() })
        } else {
            Err(Distrust::Wrong { fingerprint })
        }
    }
}

/// Reads one line: a key and what stands before or behind it.
fn signer(line: &str, key: &str, number: usize) -> Result<(PublicKey, String), SignersError> {
    let unsupported =
        |what| Err(SignersError::Unsupported { key: key.to_owned(), line: number, what });
    if line.contains("PRIVATE KEY") {
        return unsupported("a private key");
    }
    let words = line.split_whitespace().collect::<Vec<_>>();
    for at in 0..words.len().min(3) {
        let rest = words[at..].join(" ");
        let Ok(public) = PublicKey::from_openssh(&rest) else { continue };
        match words[..at] {
            // `.pub` files and `authorized_keys`.
            [] => return Ok((public, sanitize(words[2..].join(" ").as_bytes(), LINE))),
            // `allowed_signers`.
            [principals] if !principals.contains(['=', '*', '?', '!']) => {
                return Ok((public, sanitize(principals.as_bytes(), LINE)));
            }
            _ => return unsupported("options or patterns before the key"),
        }
    }
    Err(SignersError::Line { key: key.to_owned(), line: number })
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Ssh,
    OpenPgp,
}

/// The signature of a commit, and what was signed: the commit without it.
fn split(commit: &[u8]) -> Result<(Form, Vec<u8>, Vec<u8>), Distrust> {
    let mut armor = Vec::new();
    let mut signed = Vec::with_capacity(commit.len());
    let mut signatures = 0;
    let mut is_inside = false;
    let mut rest = commit;
    while !rest.is_empty() && rest[0] != b'\n' {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        if let Some(first) = line.strip_prefix(b"gpgsig ") {
            signatures += 1;
            is_inside = true;
            armor.extend_from_slice(first);
        } else if let (true, Some(next)) = (is_inside, line.strip_prefix(b" ")) {
            armor.extend_from_slice(next);
        } else {
            is_inside = false;
            signed.extend_from_slice(line);
        }
    }
    signed.extend_from_slice(rest);
    match signatures {
        0 => Err(Distrust::Unsigned),
        1 if armor.starts_with(b"-----BEGIN SSH SIGNATURE-----") => Ok((Form::Ssh, armor, signed)),
        1 if armor.starts_with(b"-----BEGIN PGP SIGNATURE-----") => {
            Ok((Form::OpenPgp, armor, signed))
        }
        1 if armor.starts_with(b"-----BEGIN SIGNED MESSAGE-----") => Err(Distrust::Kind("X.509")),
        _ => Err(Distrust::Malformed),
    }
}

/// RSA is checked by AWS-LC, and only with SHA-2.
fn verify_rsa(key: &PublicKey, signature: &SshSig, hash: Option<HashAlg>, signed: &[u8]) -> bool {
    let algorithm = match hash {
        Some(HashAlg::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
        Some(HashAlg::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
        _ => return false,
    };
    let Some(key) = key.key_data().rsa() else { return false };
    let bytes = |number: &Mpint| number.as_positive_bytes().map(<[u8]>::to_vec);
    let (Some(n), Some(e)) = (bytes(key.n()), bytes(key.e())) else { return false };
    let Ok(message) = SshSig::signed_data(NAMESPACE, signature.hash_alg(), signed) else {
        return false;
    };
    signature.namespace() == NAMESPACE
        && RsaPublicKeyComponents { n, e }
            .verify(algorithm, &message, signature.signature_bytes())
            .is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Distrust, Signature, Signers, SignersError};
    use russh::keys::ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};

    const ED25519: &str = include_str!("../tests/it/keys/ed25519.pub");
    const RSA: &str = include_str!("../tests/it/keys/rsa.pub");
    /// Made by `git commit -S` and `ssh-keygen`.
    const BY_ED25519: &[u8] = include_bytes!("../tests/it/keys/commit_ed25519");
    const BY_RSA: &[u8] = include_bytes!("../tests/it/keys/commit_rsa");
    const PGP_KIM: &str = include_str!("../tests/it/keys/pgp_kim.asc");
    const PGP_KIM_REVOKED: &str = include_str!("../tests/it/keys/pgp_kim_revoked.asc");
    const PGP_LEE: &str = include_str!("../tests/it/keys/pgp_lee.asc");
    const PGP_OLD: &str = include_str!("../tests/it/keys/pgp_old.asc");
    /// Made by `git commit -S` and gpg.
    const PGP_BY_KIM: &[u8] = include_bytes!("../tests/it/keys/commit_pgp_kim");
    const PGP_BY_LEE: &[u8] = include_bytes!("../tests/it/keys/commit_pgp_lee");
    const PGP_BY_OLD: &[u8] = include_bytes!("../tests/it/keys/commit_pgp_old");

    fn signers(text: &str) -> Result<Signers, SignersError> {
        Signers::from_secret(&[("kim.pub".to_owned(), text.as_bytes().to_vec())].into())
    }

    fn key_of(line: &str) -> String {
        line.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn trusted_keys_are_named() {
        for (text, commit, signer) in [
            (ED25519.to_owned(), BY_ED25519, "test"),
            (RSA.to_owned(), BY_RSA, "test"),
            (format!("# team\n\n{RSA}{ED25519}"), BY_ED25519, "test"),
            (key_of(ED25519), BY_ED25519, ""),
            (format!("kim@example.com {}", key_of(ED25519)), BY_ED25519, "kim@example.com"),
            (format!("{} Kim \u{202e}\u{7}", key_of(ED25519)), BY_ED25519, "Kim"),
        ] {
            let Signature { fingerprint, signer: named } =
                signers(&text).unwrap().check(commit).unwrap();
            assert_eq!(named, signer);
            assert!(fingerprint.starts_with("SHA256:"), "{fingerprint}");
        }
    }

    #[test]
    fn openpgp_keys_are_named_and_their_own_word_counts() {
        let refused = |keys: &str, commit: &[u8]| {
            signers(keys).unwrap().check(commit).unwrap_err().to_string()
        };
        let kim = "E68A2217A16B5A29699FCD1262A0E0E4231B22C2";
        for (keys, commit, signer) in [
            (PGP_KIM.to_owned(), PGP_BY_KIM, format!("Kim <kim@example.com> ({kim})")),
            // By a subkey; the primary key only certifies.
            (
                format!("{PGP_KIM}\n{PGP_LEE}"),
                PGP_BY_LEE,
                "Lee <lee@example.com> (B2FD868F5873082EABFE3EEC1A8087CBD1F46D5A)".to_owned(),
            ),
            // Signed while the key was valid, which it is not any more.
            (
                PGP_OLD.to_owned(),
                PGP_BY_OLD,
                "Old <old@example.com> (FBC21624790D2C3B7BD38526284F2EA80FA7C551)".to_owned(),
            ),
        ] {
            assert_eq!(signers(&keys).unwrap().check(commit).unwrap().to_string(), signer);
        }
        let stranger = format!("a key that is not trusted ({kim})");
        assert!(refused(PGP_LEE, PGP_BY_KIM).contains(&stranger));
        assert!(refused(ED25519, PGP_BY_KIM).contains(&stranger));
        assert!(refused(PGP_KIM, BY_ED25519).contains("not trusted (SHA256:"));
        let revoked = refused(PGP_KIM_REVOKED, PGP_BY_KIM);
        assert!(revoked.contains(&format!("a key that was revoked ({kim})")), "{revoked}");
    }

    #[test]
    fn whatever_was_changed_is_noticed() {
        for (key, commit) in
            [(ED25519, BY_ED25519), (RSA, BY_RSA), (PGP_KIM, PGP_BY_KIM), (PGP_LEE, PGP_BY_LEE)]
        {
            let trusted = signers(key).unwrap();
            let text = String::from_utf8(commit.to_vec()).unwrap();
            let changes = [
                text.replace("signed by", "forged by"),
                text.replacen("author ", "author x", 1),
                text.replace(
                    "committer",
                    "parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904\ncommitter",
                ),
                text.replace("tree 4b", "tree 4c"),
                format!("{text}\n"),
            ];
            for change in changes {
                let result = trusted.check(change.as_bytes());
                assert!(matches!(result, Err(Distrust::Wrong { .. })), "{change}: {result:?}");
            }
        }
    }

    #[test]
    fn other_signatures_are_refused_with_the_reason() {
        let trusted = signers(ED25519).unwrap();
        let text = String::from_utf8(BY_ED25519.to_vec()).unwrap();
        let start = text.find("gpgsig").unwrap();
        let end = text.find("\n\n").unwrap();
        let with = |header: &str| format!("{}{header}{}", &text[..start], &text[end + 1..]);
        let own = &text[start..=end];
        for (commit, expected) in [
            (with(""), Distrust::Unsigned),
            (with("gpgsig -----BEGIN PGP SIGNATURE-----\n abc\n"), Distrust::Malformed),
            (with("gpgsig -----BEGIN PGP MESSAGE-----\n abc\n"), Distrust::Malformed),
            (with("gpgsig -----BEGIN SIGNED MESSAGE-----\n"), Distrust::Kind("X.509")),
            (with("gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n"), Distrust::Malformed),
            (with(&format!("{own}{own}")), Distrust::Malformed),
            (with(&own.replace("U1NI", "U1NJ")), Distrust::Malformed),
            (format!("{}\n{own}", with("")), Distrust::Unsigned),
        ] {
            assert_eq!(trusted.check(commit.as_bytes()), Err(expected), "{commit}");
        }
        let stranger = trusted.check(BY_RSA);
        assert!(matches!(stranger, Err(Distrust::Stranger { .. })), "{stranger:?}");
    }

    #[test]
    fn a_signature_for_another_purpose_does_not_count() {
        let key = PrivateKey::from_openssh(include_str!("../tests/it/keys/ed25519")).unwrap();
        let commit = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nwords\n";
        for (namespace, is_good) in [("git", true), ("file", false)] {
            let signature =
                SshSig::sign(&key, namespace, HashAlg::Sha512, commit.as_bytes()).unwrap();
            let armor = signature.to_pem(LineEnding::LF).unwrap().trim().replace('\n', "\n ");
            let signed = commit.replace("\n\n", &format!("\ngpgsig {armor}\n\n"));
            assert_eq!(
                signers(ED25519).unwrap().check(signed.as_bytes()).is_ok(),
                is_good,
                "{namespace}"
            );
        }
    }

    #[test]
    fn secrets_without_keys_are_refused() {
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----";
        for (text, words) in [
            ("", "holds no public key"),
            ("# nothing", "holds no public key"),
            ("hello", "line 1 of `kim.pub` in the Secret is no SSH public key"),
            (&format!("\n{}", &ED25519[..40]), "line 2"),
            (private, "a private key"),
            ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "a private key"),
            ("-----BEGIN PGP PUBLIC KEY BLOCK-----", "no OpenPGP public key"),
            (&PGP_LEE[..900], "no OpenPGP public key"),
            (&format!("* {ED25519}"), "options or patterns"),
            (&format!("kim namespaces=\"file\" {ED25519}"), "options or patterns"),
            (&format!("cert-authority,x=y {ED25519}"), "options or patterns"),
        ] {
            let error = signers(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_commit_is_read(bytes: Vec<u8>) {
            let commit = [b"gpgsig ", &bytes[..]].concat();
            proptest::prop_assert!(signers(ED25519).unwrap().check(&commit).is_err());
        }
    }
}
