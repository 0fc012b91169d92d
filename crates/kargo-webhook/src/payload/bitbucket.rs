//! Bitbucket Cloud, and Bitbucket Data Center, which has other links.
//!
//! <https://support.atlassian.com/bitbucket-cloud/docs/event-payloads>,
//! <https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html>

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Payload {
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    /// Cloud: the repository's page, whose address is the one to clone from as well.
    html: Option<Link>,
    /// Data Center: the addresses to clone from.
    clone: Option<Vec<Link>>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

impl Payload {
    pub(super) fn addresses(self) -> Vec<String> {
        let Some(Links { html, clone }) = self.repository.and_then(|repository| repository.links)
        else {
            return Vec::new();
        };
        let links = html.into_iter().chain(clone.into_iter().flatten());
        links.filter_map(|link| link.href).collect()
    }
}
