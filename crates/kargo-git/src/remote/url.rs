//! Addresses of repositories, as strict as they can be.

use std::net::{Ipv4Addr, Ipv6Addr};

/// How the server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Smart HTTP over TLS.
    Https,
    /// Smart HTTP in the clear.
    Http,
    /// git over SSH, written as `ssh://` or as `user@host:path`.
    Ssh,
}

/// The address of a repository: `https://`, `http://`, `ssh://` or `user@host:path`.
///
/// Only what every reader of the address reads the same way is accepted: printable ASCII, no escapes in the
/// host, no `..`, no query, no password. It can be shown as it is: there is never a credential in it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url {
    scheme: Scheme,
    user: Option<String>,
    host: String,
    port: Option<u16>,
    path: String,
    scp: bool,
}

/// Why a text is not an address that can be used; the text says what to write instead. The address itself
/// is not repeated, since it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Nothing there.
    #[error("the repository's address is empty. Write it as https://host/path or user@host:path.")]
    Empty,
    /// Longer than any real address.
    #[error(
        "the repository's address is longer than 2048 characters. Write the address that `git clone` takes."
    )]
    TooLong,
    /// White space, control, non-ASCII or quoting characters.
    #[error(
        "the repository's address holds a character that does not belong there: only ASCII letters, digits \
         and - . _ ~ / % + @ : = , ! $ & ( ) * ; are allowed. Percent-encode others."
    )]
    Character,
    /// `git://`, `file://`, `ext::`, a local path and the like.
    #[error(
        "the repository's address must start with https://, http:// or ssh://, or have the form \
         user@host:path. Other kinds, local paths among them, are not supported."
    )]
    Scheme,
    /// A password, or a user name where it is of no use.
    #[error(
        "the repository's address holds credentials, which would show in every status and log. Take them \
         out and put them into a Secret that spec.source.secretRef names."
    )]
    Credentials,
    /// The host is missing or written in a way that programs read differently.
    #[error(
        "the host in the repository's address is not a host name or an IP address in its usual form."
    )]
    Host,
    /// Not a port.
    #[error("the port in the repository's address is not a number between 1 and 65535.")]
    Port,
    /// Nothing after the host, `..`, or an empty segment.
    #[error(
        "the path in the repository's address is missing, or has empty, `.` or `..` segments. Write the \
         address that `git clone` takes."
    )]
    Path,
    /// `?` or `#`.
    #[error("the repository's address has a query or a fragment. Take out what follows ? or #.")]
    Query,
    /// No user name in an SSH address.
    #[error("the SSH address has no user name. Most servers use git: ssh://git@host/path.")]
    User,
}

impl Url {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        if text.len() > 2048 {
            return Err(UrlError::TooLong);
        }
        if text.contains(['?', '#']) {
            return Err(UrlError::Query);
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%+@:=,!$&()*;[]".contains(&byte))
        {
            return Err(UrlError::Character);
        }
        match text.split_once("://") {
            Some((scheme, rest)) => Self::parse_absolute(scheme, rest),
            None => Self::parse_scp(text),
        }
    }

    fn parse_absolute(scheme: &str, rest: &str) -> Result<Self, UrlError> {
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            "ssh" => Scheme::Ssh,
            _ => return Err(UrlError::Scheme),
        };
        let (authority, path) = rest.split_once('/').ok_or(UrlError::Path)?;
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let user = match (scheme, user) {
            (Scheme::Ssh, Some(user)) => Some(parse_user(user)?),
            (Scheme::Ssh, None) => return Err(UrlError::User),
            (_, Some(_)) => return Err(UrlError::Credentials),
            (_, None) => None,
        };
        let colon = match address.rfind(']') {
            Some(bracket) => address[bracket..].find(':').map(|at| bracket + at),
            None if address.starts_with('[') => return Err(UrlError::Host),
            None => address.find(':'),
        };
        let (host, port) = match colon {
            Some(at) => (&address[..at], Some(parse_port(&address[at + 1..])?)),
            None => (address, None),
        };
        let port = port.filter(|port| *port != scheme.default_port());
        let path = parse_path(path)?;
        Ok(Self {
            scheme,
            user,
            host: parse_host(host)?,
            port,
            path: format!("/{path}"),
            scp: false,
        })
    }

    fn parse_scp(text: &str) -> Result<Self, UrlError> {
        let (address, path) = text.split_once(':').ok_or(UrlError::Scheme)?;
        if path.starts_with(':') {
            // `ext::command` and its kin name a program to run.
            return Err(UrlError::Scheme);
        }
        let (user, host) = address.split_once('@').ok_or(UrlError::Scheme)?;
        if address.contains('/') {
            return Err(UrlError::Scheme);
        }
        if path.contains('@') && !path.split('/').next().unwrap_or_default().is_empty() {
            // `user:password@host/path` without its scheme.
            return Err(UrlError::Credentials);
        }
        let user = parse_user(user)?;
        let (root, path) = match path.strip_prefix('/') {
            Some(path) => ("/", path),
            None => ("", path),
        };
        let path = format!("{root}{}", parse_path(path)?);
        Ok(Self {
            scheme: Scheme::Ssh,
            user: Some(user),
            host: parse_host(host)?,
            port: None,
            path,
            scp: true,
        })
    }

    /// How the server is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The user name of an SSH address.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The host in lower case; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// The port, the scheme's own if none is written.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// The path on the server, as the server gets it; only an scp-like address may have one that does not
    /// start with a slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path with its percent-escapes resolved where the address is a URL.
    pub(crate) fn decoded_path(&self) -> Vec<u8> {
        if self.scp {
            return self.path.clone().into_bytes();
        }
        let mut parts = self.path.split('%');
        let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            // Escapes were checked when the address was read.
            let (digits, rest) = part.split_at(part.len().min(2));
            decoded.extend(u8::from_str_radix(digits, 16).ok());
            decoded.extend_from_slice(rest.as_bytes());
        }
        decoded
    }

    /// What all ways of writing the same repository have in common: the host and the path without `.git`,
    /// and the port where it is not the scheme's own. For matching (a webhook's payload, for example), not
    /// for connecting.
    pub fn identity(&self) -> String {
        let path = self.path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        match self.port {
            Some(port) => format!("{}:{port}/{path}", self.host),
            None => format!("{}/{path}", self.host),
        }
    }
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
            Self::Ssh => 22,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
        }
    }
}

fn parse_user(user: &str) -> Result<String, UrlError> {
    if user.contains(':') {
        return Err(UrlError::Credentials);
    }
    let plain = user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+".contains(&byte));
    if user.is_empty() || user.starts_with('-') || !plain {
        return Err(UrlError::User);
    }
    Ok(user.to_owned())
}

fn parse_port(port: &str) -> Result<u16, UrlError> {
    if port.starts_with('+') {
        return Err(UrlError::Port);
    }
    port.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)
}

fn parse_host(host: &str) -> Result<String, UrlError> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or(UrlError::Host)?;
        let address = address.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
        return Ok(format!("[{address}]"));
    }
    let host = host.to_ascii_lowercase();
    let name = host.strip_suffix('.').unwrap_or(&host);
    let labels_are_plain = name.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    });
    if !labels_are_plain || name.len() > 253 {
        return Err(UrlError::Host);
    }
    // `2130706433`, `0x7f.1` and `127.1` are addresses to some programs and names to others.
    let last = name.rsplit('.').next().unwrap_or_default();
    let looks_numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if looks_numeric && name.parse::<Ipv4Addr>().is_err() {
        return Err(UrlError::Host);
    }
    Ok(name.to_owned())
}

fn parse_path(path: &str) -> Result<String, UrlError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    for segment in path.split('/') {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        if matches!(dots.as_str(), "" | "." | "..") || segment.starts_with('-') {
            return Err(UrlError::Path);
        }
        check_escapes(segment)?;
    }
    Ok(path.to_owned())
}

/// Refuses half escapes, and escapes of slashes and control characters.
fn check_escapes(segment: &str) -> Result<(), UrlError> {
    for after in segment.split('%').skip(1) {
        let digits = after.get(..2).ok_or(UrlError::Character)?;
        if digits.starts_with('+') {
            return Err(UrlError::Character);
        }
        let byte = u8::from_str_radix(digits, 16).map_err(|_| UrlError::Character)?;
        if byte.is_ascii_control() || byte == b'/' || byte == b'\\' {
            return Err(UrlError::Character);
        }
    }
    if segment.contains(['[', ']']) {
        return Err(UrlError::Character);
    }
    Ok(())
}

impl std::str::FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scheme, host, path, .. } = self;
        if self.scp {
            return write!(out, "{}@{host}:{path}", self.user.as_deref().unwrap_or_default());
        }
        write!(out, "{}://", scheme.name())?;
        if let Some(user) = &self.user {
            write!(out, "{user}@")?;
        }
        out.write_str(host)?;
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        out.write_str(path)
    }
}

impl std::fmt::Debug for Url {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::{Url, UrlError};

    #[test]
    fn addresses_that_can_be_used() {
        let table = [
            (
                "https://github.com/team-a/shop",
                "https://github.com/team-a/shop",
                "github.com/team-a/shop",
            ),
            (
                "https://github.com/team-a/shop.git",
                "https://github.com/team-a/shop.git",
                "github.com/team-a/shop",
            ),
            (
                "https://github.com/team-a/shop/",
                "https://github.com/team-a/shop",
                "github.com/team-a/shop",
            ),
            (
                "HTTPS://GitHub.COM/Team-A/shop",
                "https://github.com/Team-A/shop",
                "github.com/Team-A/shop",
            ),
            ("https://github.com:443/a/b", "https://github.com/a/b", "github.com/a/b"),
            ("https://github.com./a/b", "https://github.com/a/b", "github.com/a/b"),
            ("https://git.corp:8443/a/b", "https://git.corp:8443/a/b", "git.corp:8443/a/b"),
            ("http://127.0.0.1:3000/a", "http://127.0.0.1:3000/a", "127.0.0.1:3000/a"),
            ("http://[::1]:80/a", "http://[::1]/a", "[::1]/a"),
            ("http://git_server/a", "http://git_server/a", "git_server/a"),
            (
                "https://host/%ED%95%9C/~user",
                "https://host/%ED%95%9C/~user",
                "host/%ED%95%9C/~user",
            ),
            ("ssh://git@github.com/a/b.git", "ssh://git@github.com/a/b.git", "github.com/a/b"),
            ("ssh://git@host:22/a", "ssh://git@host/a", "host/a"),
            ("ssh://git@[fe80::1]:2222/a", "ssh://git@[fe80::1]:2222/a", "[fe80::1]:2222/a"),
            (
                "git@github.com:team-a/shop.git",
                "git@github.com:team-a/shop.git",
                "github.com/team-a/shop",
            ),
            ("deploy@host:/srv/git/a", "deploy@host:/srv/git/a", "host/srv/git/a"),
        ];
        for (text, shown, identity) in table {
            let url = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.identity(), identity);
            assert_eq!(Url::parse(shown).as_ref(), Ok(&url), "what is shown reads the same");
        }
    }

    #[test]
    fn addresses_that_cannot() {
        let long = format!("https://host/{}", "a".repeat(2048));
        let table = [
            ("", UrlError::Empty),
            (&long, UrlError::TooLong),
            ("github.com/team-a/shop", UrlError::Scheme),
            ("/srv/git/shop", UrlError::Scheme),
            ("../shop", UrlError::Scheme),
            ("-oProxyCommand=x", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("git://host/a", UrlError::Scheme),
            ("ftp://host/a", UrlError::Scheme),
            ("git+ssh://git@host/a", UrlError::Scheme),
            ("ext::sh -c touch", UrlError::Character),
            ("ext::sh", UrlError::Scheme),
            ("a@ext::sh", UrlError::Scheme),
            ("https:/host/a", UrlError::Scheme),
            ("https://user:secret@host/a", UrlError::Credentials),
            ("https://token@host/a", UrlError::Credentials),
            ("ssh://git:secret@host/a", UrlError::Credentials),
            ("user:secret@host/a", UrlError::Scheme),
            ("me@x:secret@host/a", UrlError::Credentials),
            ("https://host@evil@other/a", UrlError::Credentials),
            ("https://host\\@evil/a", UrlError::Character),
            ("https://host/a b", UrlError::Character),
            ("https://host/a\nb", UrlError::Character),
            ("https://host/a\0", UrlError::Character),
            ("https://host/`id`", UrlError::Character),
            ("git@host:'a'", UrlError::Character),
            ("https://ho\u{0455}t/a", UrlError::Character),
            ("https://host/\u{ff0e}\u{ff0e}/a", UrlError::Character),
            ("https://host/%zz", UrlError::Character),
            ("https://host/a%2", UrlError::Character),
            ("https://host/a%00", UrlError::Character),
            ("https://host/a%2fb", UrlError::Character),
            ("https://host/a%0d%0aX", UrlError::Character),
            ("https://host/[a]", UrlError::Character),
            ("https://host/a?token=b", UrlError::Query),
            ("https://host/a#main", UrlError::Query),
            ("https://host", UrlError::Path),
            ("https://host/", UrlError::Path),
            ("https:///a", UrlError::Host),
            ("https://host//a", UrlError::Path),
            ("https://host/../a", UrlError::Path),
            ("https://host/a/%2E%2e/b", UrlError::Path),
            ("https://host/./a", UrlError::Path),
            ("git@host:../a", UrlError::Path),
            ("git@host:", UrlError::Path),
            ("git@host:-a", UrlError::Path),
            ("https://2130706433/a", UrlError::Host),
            ("https://0x7f000001/a", UrlError::Host),
            ("https://127.1/a", UrlError::Host),
            ("https://0177.0.0.1/a", UrlError::Host),
            ("https://-host/a", UrlError::Host),
            ("https://a..b/a", UrlError::Host),
            ("https://ho%73t/a", UrlError::Host),
            ("https://[::1/a", UrlError::Host),
            ("https://[::ffff:1.2.3.4%25eth0]/a", UrlError::Host),
            ("https://host:0/a", UrlError::Port),
            ("https://host:65536/a", UrlError::Port),
            ("https://host:+1/a", UrlError::Port),
            ("https://host:/a", UrlError::Port),
            ("https://host:80:80/a", UrlError::Port),
            ("ssh://host/a", UrlError::User),
            ("ssh://-oProxyCommand=x@host/a", UrlError::User),
            ("-oProxyCommand=x@host:a", UrlError::User),
            ("@host:a", UrlError::User),
            ("git@-oProxyCommand=x:a", UrlError::Host),
        ];
        for (text, expected) in table {
            assert_eq!(Url::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn errors_never_repeat_a_password() {
        let error = Url::parse("https://user:hunter2@host/a").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            if let Ok(url) = Url::parse(&text) {
                proptest::prop_assert_eq!(Url::parse(&url.to_string()), Ok(url));
            }
        }
    }
}
