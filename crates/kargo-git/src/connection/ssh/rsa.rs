//! RSA keys, signed with by AWS-LC.
//!
//! The `rsa` crate, which SSH libraries use, leaks timing (RUSTSEC-2023-0071) and is not in the tree. Only
//! signatures with SHA-2 are made; the old `ssh-rsa` with SHA-1 is not.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use russh::keys::ssh_key::public::{KeyData, RsaPublicKey};
use russh::keys::ssh_key::{HashAlg, Mpint, PrivateKey, PublicKey};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// An RSA key of 2048 to 8192 bits.
#[derive(Clone)]
pub(crate) struct RsaKey {
    pair: Arc<KeyPair>,
    public: PublicKey,
}

impl RsaKey {
    /// Reads PKCS#1 (`BEGIN RSA PRIVATE KEY`) or PKCS#8 (`BEGIN PRIVATE KEY`) without a passphrase; `None` if
    /// the text is neither, or no such RSA key.
    pub(super) fn from_pem(text: &str) -> Option<Self> {
        let (label, rest) = text.split_once("-----BEGIN ")?.1.split_once("-----")?;
        let body = rest.split_once("-----END ")?.0;
        let body = body.chars().filter(|character| !character.is_whitespace()).collect::<String>();
        let der = STANDARD.decode(body).ok()?;
        let pair = match label {
            "RSA PRIVATE KEY" => KeyPair::from_der(&der),
            "PRIVATE KEY" => KeyPair::from_pkcs8(&der),
            _ => return None,
        };
        Self::new(pair.ok()?)
    }

    /// Takes over a key that was read from OpenSSH's form; `None` if it is no RSA key that can be used.
    pub(super) fn from_openssh(key: &PrivateKey) -> Option<Self> {
        let key = key.key_data().rsa()?;
        let bytes = |number: &Mpint| number.as_positive_bytes().map(<[u8]>::to_vec);
        let (public, private) = (key.public(), key.private());
        let (d, p, q) = (bytes(private.d())?, bytes(private.p())?, bytes(private.q())?);
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: bytes(public.n())?, e: bytes(public.e())? },
            dP: remainder_less_one(&d, &p)?,
            dQ: remainder_less_one(&d, &q)?,
            qInv: bytes(private.iqmp())?,
            d,
            p,
            q,
        };
        Self::new(KeyPair::from_components(&components).ok()?)
    }

    fn new(pair: KeyPair) -> Option<Self> {
        let public = pair.public_key();
        let exponent = public.exponent().big_endian_without_leading_zero();
        let modulus = public.modulus().big_endian_without_leading_zero();
        let number = Mpint::from_positive_bytes;
        let public = KeyData::Rsa(RsaPublicKey::new(number(exponent), number(modulus)).ok()?);
        Some(Self { pair: Arc::new(pair), public: PublicKey::new(public, "") })
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A signature as SSH writes it: the algorithm's name and the signature, together as one string.
    fn sign(&self, hash: HashAlg, message: &[u8]) -> Option<Vec<u8>> {
        let (name, padding) = match hash {
            HashAlg::Sha256 => ("rsa-sha2-256", &RSA_PKCS1_SHA256),
            HashAlg::Sha512 => ("rsa-sha2-512", &RSA_PKCS1_SHA512),
            _ => return None,
        };
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(padding, &SystemRandom::new(), message, &mut signature).ok()?;
        let parts = [string(name.as_bytes())?, string(&signature)?].concat();
        string(&parts)
    }
}

/// A string as SSH writes it: its length, then its bytes.
fn string(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(bytes.len()).ok()?;
    Some([&length.to_be_bytes(), bytes].concat())
}

/// `number` modulo `prime - 1`, big-endian; `None` for an even or trivial `prime`, which is none.
fn remainder_less_one(number: &[u8], prime: &[u8]) -> Option<Vec<u8>> {
    let mut modulus = prime.to_vec();
    let last = modulus.last_mut().filter(|last| **last & 1 == 1)?;
    *last -= 1;
    if modulus.iter().all(|byte| *byte == 0) {
        return None;
    }
    // Long division bit by bit: a handful of milliseconds, once per key.
    let mut rest = vec![0_u8; modulus.len() + 1];
    modulus.insert(0, 0);
    for bit in number.iter().flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1)) {
        let mut carry = bit;
        for byte in rest.iter_mut().rev() {
            let high = *byte >> 7;
            *byte = *byte << 1 | carry;
            carry = high;
        }
        if rest >= modulus {
            let mut borrow = false;
            for (byte, less) in rest.iter_mut().zip(&modulus).rev() {
                let (once, first) = byte.overflowing_sub(*less);
                let (twice, second) = once.overflowing_sub(u8::from(borrow));
                (*byte, borrow) = (twice, first || second);
            }
        }
    }
    rest.remove(0);
    Some(rest)
}

/// The longest message that is signed: a request to be let in is a few hundred bytes.
const LONGEST: u32 = 64 << 10;

/// Signs what comes through `pipe`, in the protocol of SSH agents (draft-ietf-sshm-ssh-agent, section 4.6):
/// russh has no other door for keys that are not its own. Ends when the other side closes.
pub(super) async fn sign_through(
    key: &RsaKey,
    mut pipe: tokio::io::DuplexStream,
) -> std::io::Result<()> {
    loop {
        let length = pipe.read_u32().await?;
        if length > LONGEST {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let mut request = vec![0; length as usize];
        pipe.read_exact(&mut request).await?;
        let answer = answer(key, &request).unwrap_or_else(|| vec![FAILURE]);
        let answer = string(&answer).ok_or(std::io::ErrorKind::InvalidData)?;
        pipe.write_all(&answer).await?;
    }
}

const FAILURE: u8 = 5;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// The answer to a request for a signature; `None` to anything else.
fn answer(key: &RsaKey, request: &[u8]) -> Option<Vec<u8>> {
    let (_public, rest) = split_string(request.strip_prefix(&[SIGN_REQUEST])?)?;
    let (message, flags) = split_string(rest)?;
    let hash = match flags {
        [0, 0, 0, 2] => HashAlg::Sha256,
        [0, 0, 0, 4] => HashAlg::Sha512,
        _ => return None,
    };
    let mut answer = vec![SIGN_RESPONSE];
    answer.extend(key.sign(hash, message)?);
    Some(answer)
}

fn split_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::{RsaKey, answer, remainder_less_one};
    use aws_lc_rs::signature::RsaPublicKeyComponents;
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512};
    use russh::keys::ssh_key::{HashAlg, PrivateKey};

    const OPENSSH: &str = include_str!("../../../tests/it/keys/rsa");
    const PKCS1: &str = include_str!("../../../tests/it/keys/rsa_pkcs1");

    #[test]
    fn keys_of_both_forms_sign_what_others_can_check() {
        let openssh = RsaKey::from_openssh(&PrivateKey::from_openssh(OPENSSH).unwrap()).unwrap();
        let expected = PrivateKey::from_openssh(OPENSSH).unwrap();
        assert_eq!(openssh.public().key_data(), expected.public_key().key_data());
        for key in [openssh, RsaKey::from_pem(PKCS1).unwrap()] {
            let public = key.public().key_data().rsa().unwrap();
            let n = public.n().as_positive_bytes().unwrap().to_vec();
            let e = public.e().as_positive_bytes().unwrap().to_vec();
            let public = RsaPublicKeyComponents { n, e };
            for (hash, name, algorithm) in [
                (HashAlg::Sha256, "rsa-sha2-256", &RSA_PKCS1_2048_8192_SHA256),
                (HashAlg::Sha512, "rsa-sha2-512", &RSA_PKCS1_2048_8192_SHA512),
            ] {
                let signed = key.sign(hash, b"message").unwrap();
                assert_eq!(signed[..8], [0, 0, 1, 20, 0, 0, 0, 12]);
                assert_eq!(&signed[8..20], name.as_bytes());
                assert_eq!(signed[20..24], [0, 0, 1, 0]);
                public.verify(algorithm, b"message", &signed[24..]).unwrap();
                assert!(public.verify(algorithm, b"massage", &signed[24..]).is_err());
            }
        }
    }

    #[test]
    fn what_is_no_rsa_key_is_none() {
        let ed25519 = include_str!("../../../tests/it/keys/ed25519");
        assert!(RsaKey::from_openssh(&PrivateKey::from_openssh(ed25519).unwrap()).is_none());
        for text in ["", "-----BEGIN RSA PRIVATE KEY-----", ed25519, &PKCS1.replace("RSA ", "")] {
            assert!(RsaKey::from_pem(text).is_none());
        }
    }

    #[test]
    fn requests_for_signatures() {
        let key = RsaKey::from_pem(PKCS1).unwrap();
        let request =
            |hash| [&[13, 0, 0, 0, 1, b'k', 0, 0, 0, 2, b'h', b'i', 0, 0, 0][..], &[hash]].concat();
        let signed = [&[14][..], &key.sign(HashAlg::Sha512, b"hi").unwrap()].concat();
        assert_eq!(answer(&key, &request(4)), Some(signed));
        assert_eq!(answer(&key, &request(2)).unwrap()[9..21], *b"rsa-sha2-256");
        assert_eq!(answer(&key, &request(0)), None, "never with SHA-1");
        assert_eq!(answer(&key, &[11]), None);
        assert_eq!(answer(&key, &request(4)[..9]), None);
    }

    #[test]
    fn long_division() {
        for number in [0_u32, 1, 255, 256, 65_535, 1_000_000_007, u32::MAX] {
            for prime in [3_u16, 5, 257, 4099, 65_521] {
                let rest = remainder_less_one(&number.to_be_bytes(), &prime.to_be_bytes()).unwrap();
                let rest = rest.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
                assert_eq!(rest, number % u32::from(prime - 1), "{number} % ({prime} - 1)");
            }
        }
        assert_eq!(remainder_less_one(&[5], &[4]), None);
        assert_eq!(remainder_less_one(&[5], &[1]), None);
    }
}
