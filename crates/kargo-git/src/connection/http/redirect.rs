//! Which redirects are followed: few, and never to anybody else.

use crate::error::Cause;
use crate::text::{LINE, sanitize};
use reqwest::Url;

/// How often the first request may be sent on.
pub(super) const MOST: u32 = 3;

/// What the first request asks for below the repository's address.
pub(super) const FIRST: &str = "/info/refs";

/// The repository's address after a redirect of the first request from `from`.
///
/// Only a place on the same server is gone to (same scheme, host and port, so that credentials stay where
/// they belong), and only one that is again the first request to a repository; a login page is not.
pub(super) fn target(from: &Url, location: &[u8]) -> Result<String, Cause> {
    let Ok(mut to) = from.join(&String::from_utf8_lossy(location)) else {
        return Err(Cause::Redirected { to: "an address that cannot be read".to_owned() });
    };
    let is_plain = to.username().is_empty() && to.password().is_none();
    // Neither fails for an address with a host, and without one there is nothing to take out.
    let _ = to.set_username("");
    let _ = to.set_password(None);
    to.set_query(None);
    to.set_fragment(None);
    let base = to.as_str().strip_suffix(FIRST);
    match base {
        Some(base) if is_plain && to.origin() == from.origin() && from.has_host() => {
            Ok(base.to_owned())
        }
        Some(base) => Err(Cause::Redirected { to: sanitize(base.as_bytes(), LINE) }),
        None => Err(Cause::Redirected { to: sanitize(to.as_str().as_bytes(), LINE) }),
    }
}

#[cfg(test)]
mod tests {
    use super::target;
    use crate::error::Cause;

    #[test]
    fn redirects_within_the_server_are_followed() {
        let from =
            "https://git.example:8443/old/info/refs?service=git-upload-pack".parse().unwrap();
        for (location, base) in [
            (
                "https://git.example:8443/new/info/refs?service=git-upload-pack",
                "https://git.example:8443/new",
            ),
            ("/new.git/info/refs", "https://git.example:8443/new.git"),
        ] {
            assert_eq!(target(&from, location.as_bytes()), Ok(base.to_owned()), "{location}");
        }
    }

    #[test]
    fn redirects_elsewhere_are_not() {
        let from = "https://git.example/old/info/refs?service=git-upload-pack".parse().unwrap();
        for (location, shown) in [
            ("https://evil.example/old/info/refs?token=x", "https://evil.example/old"),
            ("https://git.example.evil/old/info/refs", "https://git.example.evil/old"),
            ("https://git.example:444/old/info/refs", "https://git.example:444/old"),
            ("http://git.example/old/info/refs", "http://git.example/old"),
            ("//evil.example/old/info/refs", "https://evil.example/old"),
            ("https://a:secret@git.example/old/info/refs", "https://git.example/old"),
            ("/users/sign_in?next=secret", "https://git.example/users/sign_in"),
            ("file:///etc/info/refs", "file:///etc"),
            ("data:text/html,x", "data:text/html,x"),
            ("https://", "an address that cannot be read"),
            ("", "https://git.example/old"),
        ] {
            let result = target(&from, location.as_bytes());
            if location.is_empty() {
                // An empty location means the same place; it is followed, and counted.
                assert_eq!(result, Ok(shown.to_owned()));
            } else {
                assert_eq!(result, Err(Cause::Redirected { to: shown.to_owned() }), "{location}");
            }
        }
    }
}
