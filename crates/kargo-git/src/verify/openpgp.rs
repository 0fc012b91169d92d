//! `OpenPGP` signatures, as `git commit -S` has gpg make them.
//!
//! Nothing is asked of key servers and webs of trust: a key is trusted because it is in the Secret. What the
//! key says about itself counts: revoked keys and subkeys, keys that do not sign, and signatures made after
//! a key had expired are refused, and so are hashes older than SHA-2.

use super::{Distrust, Signature};
use crate::text::{LINE, sanitize};
use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{self, SignatureType};
use pgp::types::{KeyDetails, VerifyingKey};

/// How an armoured public key begins.
pub(super) const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// A key of somebody who is trusted, with its subkeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(SignedPublicKey);

/// Reads armoured keys, one block after the other; `None` if one of them cannot be used.
pub(super) fn read(text: &str) -> Option<Vec<Key>> {
    let mut keys = Vec::new();
    for block in text.split(BEGIN).skip(1) {
        let block = format!("{BEGIN}{block}");
        let (found, _) = SignedPublicKey::from_string_many(&block).ok()?;
        for key in found {
            keys.push(Key(key.ok()?));
        }
    }
    Some(keys)
}

/// Checks a signature, armoured, over `signed`.
pub(super) fn check(keys: &[Key], armor: &[u8], signed: &[u8]) -> Result<Signature, Distrust> {
    let (signature, _) =
        DetachedSignature::from_armor_single(armor).map_err(|_| Distrust::Malformed)?;
    let signature = signature.signature;
    let fingerprint = issuer(&signature).ok_or(Distrust::Malformed)?;
    let is_modern = matches!(
        signature.hash_alg(),
        Some(HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
    );
    if signature.typ() != Some(SignatureType::Binary) || !is_modern {
        return Err(Distrust::Malformed);
    }
    let unfit = |what| Distrust::Unfit { fingerprint: fingerprint.clone(), what };
    for Key(key) in keys {
        let primary = &key.primary_key;
        let own = || key.details.users.iter().flat_map(|user| &user.signatures);
        let own = || own().chain(&key.details.direct_signatures);
        if names(&signature, primary) {
            if let Some(what) = unfitness_of_primary(key, &signature, own()) {
                return Err(unfit(what));
            }
            return verified(&signature, primary, signed, key, &fingerprint);
        }
        if let Some(subkey) = key.public_subkeys.iter().find(|sub| names(&signature, &sub.key)) {
            let of_primary = is_revoked(key).then_some("that was revoked");
            if let Some(what) = of_primary.or_else(|| unfitness_of_subkey(key, subkey, &signature))
            {
                return Err(unfit(what));
            }
            return verified(&signature, &subkey.key, signed, key, &fingerprint);
        }
    }
    Err(Distrust::Stranger { fingerprint })
}

fn verified(
    signature: &packet::Signature,
    key: &impl VerifyingKey,
    signed: &[u8],
    owner: &SignedPublicKey,
    fingerprint: &str,
) -> Result<Signature, Distrust> {
    if signature.verify(key, signed).is_err() {
        return Err(Distrust::Wrong { fingerprint: fingerprint.to_owned() });
    }
    let name = owner.details.users.first().map_or(&b""[..], |user| user.id.id());
    Ok(Signature { fingerprint: fingerprint.to_owned(), signer: sanitize(name, LINE) })
}

/// The key that a signature says it was made by.
fn issuer(signature: &packet::Signature) -> Option<String> {
    let fingerprint = signature.issuer_fingerprint().first().map(|print| format!("{print:X}"));
    let id = || signature.issuer_key_id().first().map(|id| id.to_string().to_uppercase());
    fingerprint.or_else(id)
}

/// Whether a signature says that it was made by this key; that it was is for the signature to prove.
fn names(signature: &packet::Signature, key: &impl KeyDetails) -> bool {
    let prints = signature.issuer_fingerprint();
    if prints.is_empty() {
        signature.issuer_key_id().contains(&&key.legacy_key_id())
    } else {
        prints.contains(&&key.fingerprint())
    }
}

fn is_revoked(key: &SignedPublicKey) -> bool {
    key.details.revocation_signatures.iter().any(|revocation| {
        revocation.typ() == Some(SignatureType::KeyRevocation)
            && revocation.verify_key(&key.primary_key).is_ok()
    })
}

/// What is wrong with a primary key, as the end of *a key …*.
fn unfitness_of_primary<'key>(
    key: &SignedPublicKey,
    signature: &packet::Signature,
    own: impl Iterator<Item = &'key packet::Signature>,
) -> Option<&'static str> {
    if is_revoked(key) {
        return Some("that was revoked");
    }
    // The newest of what the key says about itself counts.
    let newest = own
        .filter(|own| own.is_certification() || own.typ() == Some(SignatureType::Key))
        .filter(|own| names(own, &key.primary_key))
        .filter(|own| is_own(key, own))
        .max_by_key(|own| own.created().map(pgp::types::Timestamp::as_secs));
    match newest {
        None => Some("that does not say what it is for"),
        Some(own) => unfitness(own, &key.primary_key, signature),
    }
}

/// Whether the key itself has made this statement about itself.
fn is_own(key: &SignedPublicKey, statement: &packet::Signature) -> bool {
    let of_user = key.details.users.iter().any(|user| {
        user.signatures.contains(statement)
            && statement
                .verify_certification(&key.primary_key, pgp::types::Tag::UserId, &user.id)
                .is_ok()
    });
    of_user || statement.verify_key(&key.primary_key).is_ok()
}

/// What is wrong with a subkey, as the end of *a key …*.
fn unfitness_of_subkey(
    key: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    signature: &packet::Signature,
) -> Option<&'static str> {
    if subkey.verify_bindings(&key.primary_key).is_err() {
        return Some("that is not bound to the one it came with");
    }
    let is_revocation =
        |own: &&packet::Signature| own.typ() == Some(SignatureType::SubkeyRevocation);
    if subkey.signatures.iter().any(|own| is_revocation(&own)) {
        return Some("that was revoked");
    }
    let newest = subkey
        .signatures
        .iter()
        .max_by_key(|own| own.created().map(pgp::types::Timestamp::as_secs));
    newest.and_then(|own| unfitness(own, &subkey.key, signature))
}

/// What a statement about a key has against a signature by it.
fn unfitness(
    own: &packet::Signature,
    key: &impl KeyDetails,
    signature: &packet::Signature,
) -> Option<&'static str> {
    if !own.key_flags().sign() {
        return Some("that is not meant for signing");
    }
    let born = key.created_at().as_secs();
    let Some(signed) = signature.created().map(pgp::types::Timestamp::as_secs) else {
        return Some("that was used at a time it does not tell");
    };
    let life =
        own.key_expiration_time().map(pgp::types::Duration::as_secs).filter(|life| *life > 0);
    let is_late = life.is_some_and(|life| signed >= born.saturating_add(life));
    (signed < born || is_late).then_some("that was not valid when it was used")
}
