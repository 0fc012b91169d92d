//! GitHub, and Gitea and Forgejo, which took its shape over.
//!
//! <https://docs.github.com/webhooks/webhook-events-and-payloads#push>, <https://docs.gitea.com/usage/webhooks>

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Payload {
    repository: Option<Repository>,
}

/// `original_url` of a mirror is not in here: that is another repository.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names of the documentation")]
struct Repository {
    clone_url: Option<String>,
    ssh_url: Option<String>,
    html_url: Option<String>,
}

impl Payload {
    pub(super) fn addresses(self) -> Vec<String> {
        self.repository
            .map(|Repository { clone_url, ssh_url, html_url }| [clone_url, ssh_url, html_url])
            .into_iter()
            .flatten()
            .flatten()
            .collect()
    }
}
