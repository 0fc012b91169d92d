//! How a sender shows that it knows the secret.

use std::fmt;

use http::HeaderMap;

use crate::{provider::Provider, secret::Secret};

/// What a delivery brings along as a proof, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// An HMAC-SHA256 of the body.
    Signature([u8; 32]),
    /// The secret itself, as GitLab sends it.
    Token(Vec<u8>),
}

/// What tells one delivery from another: a body under a secret.
pub type Fingerprint = [u8; 32];

/// Where a provider puts it.
enum Place {
    /// `<name>: sha256=<hexadecimal digits>`
    Prefixed(&'static str),
    /// `<name>: <hexadecimal digits>`
    Bare(&'static str),
    /// `<name>: <the secret>`
    Token(&'static str),
}

impl Proof {
    /// Reads the proof out of the headers. Nothing if there is none, if it is malformed, or if there is more than
    /// one in the same place. SHA-1 signatures are none.
    pub fn read(provider: Provider, headers: &HeaderMap) -> Option<Self> {
        places(provider)
            .iter()
            .find(|place| headers.contains_key(place.header()))
            .and_then(|place| place.read(headers))
    }

    /// Whether the sender knows this secret.
    pub(crate) fn holds(&self, secret: &Secret, body: &[u8]) -> bool {
        match self {
            Self::Signature(signature) => secret.has_signed(body, signature),
            Self::Token(token) => secret.is(token),
        }
    }

    /// The fingerprint of a delivery whose proof holds.
    pub(crate) fn fingerprint(&self, secret: &Secret, body: &[u8]) -> Fingerprint {
        match self {
            Self::Signature(signature) => *signature,
            Self::Token(_) => secret.sign(body),
        }
    }
}

/// The headers of a provider; the first that is there counts.
fn places(provider: Provider) -> &'static [Place] {
    match provider {
        // https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
        Provider::Github => &[Place::Prefixed("x-hub-signature-256")],
        // https://docs.gitlab.com/user/project/integrations/webhooks
        Provider::Gitlab => &[Place::Token("x-gitlab-token")],
        // https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks
        Provider::Gitea => &[
            Place::Prefixed("x-hub-signature-256"),
            Place::Bare("x-gitea-signature"),
            Place::Bare("x-forgejo-signature"),
        ],
        // https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks
        Provider::Bitbucket => &[Place::Prefixed("x-hub-signature")],
        Provider::Generic => &[Place::Prefixed("x-kargo-signature")],
    }
}

impl Place {
    fn header(&self) -> &'static str {
        match self {
            Self::Prefixed(name) | Self::Bare(name) | Self::Token(name) => name,
        }
    }

    fn read(&self, headers: &HeaderMap) -> Option<Proof> {
        let mut values = headers.get_all(self.header()).iter();
        let (value, None) = (values.next()?.as_bytes(), values.next()) else { return None };
        match self {
            Self::Prefixed(_) => digits(value.strip_prefix(b"sha256=")?).map(Proof::Signature),
            Self::Bare(_) => digits(value).map(Proof::Signature),
            Self::Token(_) => Some(Proof::Token(value.to_vec())),
        }
    }
}

/// 32 bytes as 64 hexadecimal digits.
fn digits(text: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    u8::try_from(char::from(character).to_digit(16)?).ok()
}

impl fmt::Debug for Proof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Signature(_) => "Signature",
            Self::Token(_) => "Token",
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{Proof, Provider};
    use crate::secret::Secret;

    /// HMAC-SHA256 of `BODY` under `It's a Secret to Everybody`: the example in GitHub's documentation.
    const DIGITS: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const BODY: &[u8] = b"Hello, World!";
    const SECRET: &[u8] = b"It's a Secret to Everybody";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn each_forge_has_its_place_for_the_signature() {
        let prefixed = format!("sha256={DIGITS}");
        let secret = Secret::new(SECRET).unwrap();
        let table = [
            (Provider::Github, "x-hub-signature-256", prefixed.as_str()),
            (Provider::Gitea, "x-hub-signature-256", &prefixed),
            (Provider::Gitea, "x-gitea-signature", DIGITS),
            (Provider::Gitea, "x-forgejo-signature", DIGITS),
            (Provider::Bitbucket, "x-hub-signature", &prefixed),
            (Provider::Generic, "x-kargo-signature", &prefixed),
            (Provider::Gitlab, "x-gitlab-token", "It's a Secret to Everybody"),
        ];
        for (provider, name, value) in table {
            let proof = Proof::read(provider, &headers(&[(name, value)]));
            assert!(proof.is_some_and(|proof| proof.holds(&secret, BODY)), "{provider:?} {name}");
            for other in Provider::ALL.into_iter().filter(|other| *other != provider) {
                let read = Proof::read(other, &headers(&[(name, value)]));
                let shared = name == "x-hub-signature-256"
                    && matches!(other, Provider::Gitea | Provider::Github);
                assert_eq!(read.is_some(), shared, "{other:?} {name}");
            }
        }
    }

    #[test]
    fn what_is_no_signature_is_no_proof() {
        let good = format!("sha256={DIGITS}");
        let table: [&[(&str, &str)]; 8] = [
            &[],
            &[("x-hub-signature-256", "")],
            &[("x-hub-signature-256", "sha256=")],
            &[("x-hub-signature-256", DIGITS)],
            &[("x-hub-signature-256", &good[..good.len() - 1])],
            &[("x-hub-signature-256", &format!("{good}00"))],
            &[("x-hub-signature-256", &good.replace('e', "g"))],
            &[("x-hub-signature-256", &good), ("x-hub-signature-256", &good)],
        ];
        for lines in table {
            assert_eq!(Proof::read(Provider::Github, &headers(lines)), None, "{lines:?}");
        }
        let sha1 = [("x-hub-signature", "sha1=2fd4e1c67a2d28fced849ee1bb76e7391b93eb12")];
        assert_eq!(Proof::read(Provider::Github, &headers(&sha1)), None);
        assert_eq!(Proof::read(Provider::Bitbucket, &headers(&sha1)), None);
    }

    #[test]
    fn another_body_or_another_secret_breaks_it() {
        let prefixed = format!("sha256={DIGITS}");
        let signature =
            Proof::read(Provider::Github, &headers(&[("x-hub-signature-256", &prefixed)])).unwrap();
        let secret = Secret::new(SECRET).unwrap();
        assert!(signature.holds(&secret, BODY));
        assert!(!signature.holds(&secret, b"Hello, World?"));
        assert!(!signature.holds(&Secret::new(b"another").unwrap(), BODY));
        let token = Proof::Token(SECRET.to_vec());
        assert!(token.holds(&secret, b"any"));
        assert!(!Proof::Token(SECRET[1..].to_vec()).holds(&secret, b"any"));
    }

    #[test]
    fn it_is_not_shown() {
        assert_eq!(format!("{:?}", Proof::Token(SECRET.to_vec())), "Token");
    }
}
