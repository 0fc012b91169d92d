//! What all addresses of one repository have in common.

use std::{fmt, sync::Arc};

use kargo_git::Url;

/// A repository, however its address is written: over https, over ssh, or as `user@host:path`; with `.git` or
/// without.
///
/// Two of them are equal exactly if host, port and path are: no patterns, no prefixes. Letters of the path count the
/// same in both cases, as they do on every forge that sends webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository(Arc<str>);

impl Repository {
    /// The repository at an address; nothing for a text that is no address that Kargo could use.
    pub fn at(address: &str) -> Option<Self> {
        let url = Url::parse(address).ok()?;
        Some(Self(url.identity().to_ascii_lowercase().into()))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Repository;

    #[test]
    fn all_ways_to_write_it_are_one_repository() {
        let repository = Repository::at("https://github.com/team-a/shop").unwrap();
        for address in [
            "https://github.com/team-a/shop.git",
            "https://github.com/team-a/shop/",
            "https://GitHub.com/Team-A/Shop",
            "https://github.com:443/team-a/shop",
            "http://github.com/team-a/shop.git",
            "ssh://git@github.com/team-a/shop.git",
            "ssh://git@github.com:22/team-a/shop",
            "git@github.com:team-a/shop.git",
            "git@github.com:/team-a/shop.git",
        ] {
            assert_eq!(Repository::at(address).as_ref(), Some(&repository), "{address}");
        }
    }

    #[test]
    fn another_host_port_or_path_is_another_repository() {
        let repository = Repository::at("https://github.com/team-a/shop").unwrap();
        for address in [
            "https://github.com.evil.example/team-a/shop",
            "https://evil.example/github.com/team-a/shop",
            "https://github.com:8443/team-a/shop",
            "https://github.com/team-a/shop2",
            "https://github.com/team-a/shop/wiki",
            "https://github.com/team-a",
            "https://github.com/team-a/shop.git.git",
        ] {
            let other = Repository::at(address);
            assert!(other.is_some_and(|other| other != repository), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_no_repository() {
        for text in ["", "shop", "/team-a/shop", "git://github.com/team-a/shop", "file:///shop"] {
            assert_eq!(Repository::at(text), None, "{text}");
        }
    }
}
