//! How one gets into a private repository.

use std::collections::BTreeMap;

/// The content of a Secret that gives access to a repository. Two remotes with different access share no
/// cache, no answer and no connection.
///
/// What is in it is never shown: [`Debug`](std::fmt::Debug) tells only which kinds of credentials there are.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Access {
    pub(crate) login: Option<Login>,
    /// Certificates of authorities (PEM) that are trusted besides those of the machine.
    pub(crate) authorities: Option<Vec<u8>>,
    /// Certificate and key (PEM) by which we show the server who we are.
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) proxy: Option<Proxy>,
}

/// A proxy for one remote, in place of the one in the environment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Proxy {
    pub(crate) address: String,
    pub(crate) login: Option<(String, String)>,
}

impl Proxy {
    /// Reads `proxy` (`http://host:port`), and `proxyUsername` and `proxyPassword` if the proxy wants them.
    fn from_secret<'data>(
        get: impl Fn(&str) -> Option<&'data [u8]>,
    ) -> Result<Option<Self>, AccessError> {
        let get = |key: &'static str| get(key).map(|value| word(key, value)).transpose();
        let login = match (get("proxyUsername")?, get("proxyPassword")?) {
            (None, None) => None,
            (Some(username), Some(password)) => Some((username, password)),
            (Some(_), None) => {
                return Err(AccessError::Half { has: "proxyUsername", lacks: "proxyPassword" });
            }
            (None, Some(_)) => {
                return Err(AccessError::Half { has: "proxyPassword", lacks: "proxyUsername" });
            }
        };
        let Some(address) = get("proxy")? else {
            return match login {
                None => Ok(None),
                Some(_) => Err(AccessError::Half { has: "proxyUsername", lacks: "proxy" }),
            };
        };
        let is_usable = ["http://", "https://"].iter().any(|scheme| address.starts_with(scheme))
            && !address.contains('@')
            && reqwest::Url::parse(&address).is_ok();
        if !is_usable {
            let what = "not of the form http://host:port";
            return Err(AccessError::Value { key: "proxy", what });
        }
        Ok(Some(Self { address, login }))
    }

    /// The host of its address, an IPv6 address without its brackets.
    pub(crate) fn host(&self) -> String {
        let url = reqwest::Url::parse(&self.address).ok();
        let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default();
        host.trim_matches(['[', ']']).to_owned()
    }
}

/// Who we are to the server.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Login {
    /// HTTP basic authentication; an access token is the password.
    Password { username: String, password: String },
    /// A token for `Authorization: Bearer`.
    Bearer(String),
    /// A key for SSH.
    Ssh(SshLogin),
    /// A GitHub App, which gives out tokens.
    Github(GithubApp),
}

/// A GitHub App that is installed for an owner of repositories.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct GithubApp {
    pub(crate) id: String,
    pub(crate) installation: String,
    /// Its private key in PEM.
    pub(crate) key: String,
    /// Where GitHub's API is, without a slash at the end.
    pub(crate) api: String,
}

/// A key for SSH, and the hosts it may be shown to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct SshLogin {
    pub(crate) identity: String,
    pub(crate) passphrase: Option<String>,
    pub(crate) known_hosts: String,
}

/// Why a Secret gives no access; the text names keys, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// No key that we know.
    #[error(
        "the Secret has none of the keys that give access to a repository. Put `username` and `password` (an \
         access token) into it, or `bearerToken`, or `identity` and `known_hosts` for SSH, or the three `githubApp…` keys, or `ca.crt`, or \
         `tls.crt` and `tls.key`, or `proxy`."
    )]
    Empty,
    /// One half of a pair.
    #[error("the Secret has `{has}` but not `{lacks}`. Put both into it.")]
    Half {
        /// The key that is there.
        has: &'static str,
        /// The key that is not.
        lacks: &'static str,
    },
    /// Two ways to log in.
    #[error("the Secret has both `{first}` and `{second}`. Leave the one that the server takes.")]
    Ambiguous {
        /// The one key.
        first: &'static str,
        /// The other one.
        second: &'static str,
    },
    /// A value that cannot be sent.
    #[error(
        "the value of `{key}` in the Secret is {what}. Write it again, without line breaks or spaces around it."
    )]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        what: &'static str,
    },
}

impl Access {
    /// Reads the data of a Secret: the keys that Flux uses, and those of Kubernetes' own Secret types for
    /// basic authentication and TLS. Other keys are left alone: a Secret may serve others too.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, AccessError> {
        let get = |key: &str| data.get(key).map(Vec::as_slice).filter(|value| !value.is_empty());
        if let Some(id) = get("githubAppID") {
            return Self::from_github_secret(id, get);
        }
        let ssh = [("identity", get("identity")), ("ssh-privatekey", get("ssh-privatekey"))];
        if let Some((key, Some(identity))) = ssh.into_iter().find(|(_, value)| value.is_some()) {
            return Self::from_ssh_secret(key, identity, get);
        }
        let username = get("username").map(|value| word("username", value)).transpose()?;
        let password = get("password").map(|value| word("password", value)).transpose()?;
        let bearer = get("bearerToken").map(|value| word("bearerToken", value)).transpose()?;
        let login = match (username, password, bearer) {
            (None, None, None) => None,
            (None, None, Some(token)) => Some(Login::Bearer(token)),
            (Some(username), Some(password), None) => {
                if username.contains(':') {
                    return Err(AccessError::Value {
                        key: "username",
                        what: "a text with a colon",
                    });
                }
                Some(Login::Password { username, password })
            }
            (Some(_), None, _) => {
                return Err(AccessError::Half { has: "username", lacks: "password" });
            }
            (None, Some(_), _) => {
                return Err(AccessError::Half { has: "password", lacks: "username" });
            }
            (Some(_), Some(_), Some(_)) => {
                return Err(AccessError::Ambiguous { first: "password", second: "bearerToken" });
            }
        };
        let authorities = get("ca.crt").map(|value| pem("ca.crt", value)).transpose()?;
        let certificate = match (get("tls.crt"), get("tls.key")) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                let both = [pem("tls.crt", certificate)?, pem("tls.key", key)?];
                Some(both.join(&b'\n'))
            }
            (Some(_), None) => return Err(AccessError::Half { has: "tls.crt", lacks: "tls.key" }),
            (None, Some(_)) => return Err(AccessError::Half { has: "tls.key", lacks: "tls.crt" }),
        };
        let access = Self { login, authorities, certificate, proxy: Proxy::from_secret(get)? };
        if access == Self::default() { Err(AccessError::Empty) } else { Ok(access) }
    }

    fn from_github_secret<'data>(
        id: &[u8],
        get: impl Fn(&str) -> Option<&'data [u8]> + Copy,
    ) -> Result<Self, AccessError> {
        for second in ["bearerToken", "username", "password"] {
            if get(second).is_some() {
                return Err(AccessError::Ambiguous { first: "githubAppID", second });
            }
        }
        let need =
            |lacks: &'static str| get(lacks).ok_or(AccessError::Half { has: "githubAppID", lacks });
        let number = |key: &'static str, value: &[u8]| {
            let text = word(key, value)?;
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { Ok(text) } else { Err(AccessError::Value { key, what: "not a number" }) }
        };
        let installation = "githubAppInstallationID";
        let key = pem("githubAppPrivateKey", need("githubAppPrivateKey")?)?;
        let key = String::from_utf8(key)
            .map_err(|_| AccessError::Value { key: "githubAppPrivateKey", what: "not UTF-8" })?;
        let api =
            get("githubAppBaseURL").map(|value| word("githubAppBaseURL", value)).transpose()?;
        let api = api.unwrap_or_else(|| "https://api.github.com".to_owned());
        let is_plain = ["https://", "http://"].iter().any(|scheme| api.starts_with(scheme))
            && !api.contains(['@', '?', '#'])
            && reqwest::Url::parse(&api).is_ok();
        if !is_plain {
            let what = "not of the form https://host/path";
            return Err(AccessError::Value { key: "githubAppBaseURL", what });
        }
        let id = number("githubAppID", id)?;
        let installation = number(installation, need(installation)?)?;
        let api = api.trim_end_matches('/').to_owned();
        let login = Some(Login::Github(GithubApp { id, installation, key, api }));
        let authorities = get("ca.crt").map(|value| pem("ca.crt", value)).transpose()?;
        Ok(Self { login, authorities, proxy: Proxy::from_secret(get)?, ..Self::default() })
    }

    fn from_ssh_secret<'data>(
        key: &'static str,
        identity: &[u8],
        get: impl Fn(&str) -> Option<&'data [u8]> + Copy,
    ) -> Result<Self, AccessError> {
        for second in ["bearerToken", "username"] {
            if get(second).is_some() {
                return Err(AccessError::Ambiguous { first: key, second });
            }
        }
        let text = |key, value: &[u8]| {
            String::from_utf8(value.to_vec())
                .map_err(|_| AccessError::Value { key, what: "not UTF-8" })
        };
        let identity = text(key, &pem(key, identity)?)?;
        let known_hosts =
            get("known_hosts").ok_or(AccessError::Half { has: key, lacks: "known_hosts" })?;
        let known_hosts = text("known_hosts", known_hosts)?;
        let passphrase = get("password").map(|value| word("password", value)).transpose()?;
        let login = Some(Login::Ssh(SshLogin { identity, passphrase, known_hosts }));
        Ok(Self { login, proxy: Proxy::from_secret(get)?, ..Self::default() })
    }

    /// Whether anything in it must not be read by others on the way.
    pub(crate) fn is_secret(&self) -> bool {
        self.login.is_some()
    }

    /// The proxy for this remote, if it has one of its own.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The GitHub App, if that is how one gets in.
    pub(crate) fn github_app(&self) -> Option<&GithubApp> {
        match &self.login {
            Some(Login::Github(app)) => Some(app),
            _ => None,
        }
    }

    /// The key for SSH, if that is how one gets in.
    pub(crate) fn ssh(&self) -> Option<&SshLogin> {
        match &self.login {
            Some(Login::Ssh(login)) => Some(login),
            _ => None,
        }
    }

    /// Whether connections with it cannot be shared with other remotes.
    pub(crate) fn has_own_connections(&self) -> bool {
        self.authorities.is_some() || self.certificate.is_some() || self.proxy.is_some()
    }

    /// All of it, in a form in which different contents are different bytes; for keyed hashing only.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        let none: &[u8] = b"";
        let login: [&[u8]; 5] = match &self.login {
            None => [b"", b"", b"", b"", b""],
            Some(Login::Password { username, password }) => {
                [b"password", username.as_bytes(), password.as_bytes(), b"", b""]
            }
            Some(Login::Bearer(token)) => [b"bearer", token.as_bytes(), b"", b"", b""],
            Some(Login::Ssh(SshLogin { identity, passphrase, known_hosts })) => {
                let passphrase = passphrase.as_deref().unwrap_or_default();
                [b"ssh", identity.as_bytes(), passphrase.as_bytes(), known_hosts.as_bytes(), b""]
            }
            Some(Login::Github(GithubApp { id, installation, key, api })) => {
                [b"github", id.as_bytes(), installation.as_bytes(), key.as_bytes(), api.as_bytes()]
            }
        };
        let tls = [&self.authorities, &self.certificate];
        let tls = tls.map(|part| part.as_deref().unwrap_or(none));
        let proxy: [&[u8]; 3] = match &self.proxy {
            None => [b"", b"", b""],
            Some(Proxy { address, login: None }) => [address.as_bytes(), b"", b""],
            Some(Proxy { address, login: Some((username, password)) }) => {
                [address.as_bytes(), username.as_bytes(), password.as_bytes()]
            }
        };
        let mut bytes = Vec::new();
        for part in login.into_iter().chain(tls).chain(proxy) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let login = match &self.login {
            None => "none",
            Some(Login::Password { .. }) => "password",
            Some(Login::Bearer(_)) => "bearer token",
            Some(Login::Ssh(_)) => "SSH key",
            Some(Login::Github(_)) => "GitHub App",
        };
        out.debug_struct("Access")
            .field("login", &login)
            .field("authorities", &self.authorities.is_some())
            .field("certificate", &self.certificate.is_some())
            .field("proxy", &self.proxy.is_some())
            .finish()
    }
}

/// A value that is one line of text; line breaks at its end, as `echo` and editors leave them, are dropped.
fn word(key: &'static str, value: &[u8]) -> Result<String, AccessError> {
    let text = std::str::from_utf8(value)
        .map_err(|_| AccessError::Value { key, what: "not UTF-8" })?
        .trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(AccessError::Value { key, what: "empty" });
    }
    if text.chars().any(char::is_control) {
        return Err(AccessError::Value { key, what: "a text with control characters" });
    }
    if text != text.trim() {
        return Err(AccessError::Value { key, what: "a text with spaces around it" });
    }
    Ok(text.to_owned())
}

fn pem(key: &'static str, value: &[u8]) -> Result<Vec<u8>, AccessError> {
    if value.windows(11).any(|window| window == b"-----BEGIN ") {
        Ok(value.to_vec())
    } else {
        Err(AccessError::Value { key, what: "not in PEM form (-----BEGIN …)" })
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, AccessError, Login, SshLogin};

    fn access(pairs: &[(&str, &str)]) -> Result<Access, AccessError> {
        let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
        Access::from_secret(&data.collect())
    }

    #[test]
    fn secrets_that_give_access() {
        let login = |pairs: &[(&str, &str)]| access(pairs).unwrap().login;
        let password = |username: &str, password: &str| {
            Some(Login::Password { username: username.into(), password: password.into() })
        };
        assert!(login(&[("username", "git"), ("password", "token")]) == password("git", "token"));
        assert!(
            login(&[("username", "git\n"), ("password", "a:b c\r\n")]) == password("git", "a:b c")
        );
        assert!(login(&[("bearerToken", "t"), ("note", "x")]) == Some(Login::Bearer("t".into())));
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
        let ssh = login(&[("identity", key), ("known_hosts", "h k"), ("password", "p\n")]);
        let expected = SshLogin {
            identity: key.into(),
            passphrase: Some("p".into()),
            known_hosts: "h k".into(),
        };
        assert!(ssh == Some(Login::Ssh(expected)));
        let pem = "-----BEGIN CERTIFICATE-----\n";
        assert!(login(&[("ca.crt", pem)]).is_none());
        assert!(access(&[("tls.crt", pem), ("tls.key", pem)]).unwrap().certificate.is_some());
    }

    #[test]
    fn secrets_that_do_not() {
        let table: &[(&[(&str, &str)], &str)] = &[
            (&[], "none of the keys"),
            (&[("token", "x")], "none of the keys"),
            (&[("username", "x")], "`username` but not `password`"),
            (&[("password", "x")], "`password` but not `username`"),
            (
                &[("username", "a"), ("password", "b"), ("bearerToken", "c")],
                "both `password` and `bearerToken`",
            ),
            (&[("tls.crt", "-----BEGIN X")], "`tls.crt` but not `tls.key`"),
            (&[("ca.crt", "hello")], "`ca.crt` in the Secret is not in PEM form"),
            (&[("bearerToken", "a\nb")], "control characters"),
            (&[("bearerToken", " a")], "spaces around it"),
            (&[("bearerToken", "\n")], "`bearerToken` in the Secret is empty"),
            (&[("username", "a:b"), ("password", "c")], "colon"),
            (&[("githubAppID", "1")], "`githubAppID` but not `githubAppPrivateKey`"),
            (&[("githubAppID", "1"), ("password", "x")], "both `githubAppID` and `password`"),
            (
                &[
                    ("githubAppID", "x"),
                    ("githubAppInstallationID", "2"),
                    ("githubAppPrivateKey", "-----BEGIN X"),
                ],
                "`githubAppID` in the Secret is not a number",
            ),
            (&[("identity", "-----BEGIN X")], "`identity` but not `known_hosts`"),
            (
                &[("identity", "x"), ("known_hosts", "h k")],
                "`identity` in the Secret is not in PEM form",
            ),
            (&[("identity", "x"), ("bearerToken", "y")], "both `identity` and `bearerToken`"),
        ];
        for (pairs, expected) in table {
            let error = access(pairs).unwrap_err().to_string();
            assert!(error.contains(expected), "{pairs:?}: {error}");
        }
    }

    #[test]
    fn proxies() {
        let proxy = |pairs: &[(&str, &str)]| access(pairs).map(|access| access.proxy);
        let open = proxy(&[("proxy", "http://proxy:3128")]).unwrap().unwrap();
        assert_eq!((open.host().as_str(), open.login), ("proxy", None));
        let known = [
            ("proxy", "https://[fe80::1]:3128"),
            ("proxyUsername", "a"),
            ("proxyPassword", "b"),
            ("bearerToken", "x"),
        ];
        let found = proxy(&known).unwrap().unwrap();
        assert_eq!((found.host().as_str(), found.login.is_some()), ("fe80::1", true));
        for bad in ["proxy:3128", "socks5://proxy", "http://a:b@proxy:3128", "http://"] {
            assert!(proxy(&[("proxy", bad)]).is_err(), "{bad}");
        }
        for half in [&known[..2], &known[1..3]] {
            assert!(matches!(proxy(half), Err(AccessError::Half { .. })), "{half:?}");
        }
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let shown =
            format!("{:?}", access(&[("username", "kim"), ("password", "hunter2")]).unwrap());
        assert!(!shown.contains("kim") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn different_access_has_different_fingerprints() {
        let all = [
            access(&[("username", "a"), ("password", "bc")]).unwrap(),
            access(&[("username", "ab"), ("password", "c")]).unwrap(),
            access(&[("bearerToken", "abc")]).unwrap(),
            access(&[("ca.crt", "-----BEGIN a")]).unwrap(),
            Access::default(),
        ];
        for (index, one) in all.iter().enumerate() {
            for other in &all[..index] {
                assert_ne!(one.fingerprint(), other.fingerprint());
            }
        }
    }
}
