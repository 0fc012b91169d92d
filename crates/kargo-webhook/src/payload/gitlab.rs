//! GitLab: webhooks of projects and groups, and system hooks.
//!
//! <https://docs.gitlab.com/user/project/integrations/webhook_events>

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Payload {
    project: Option<Project>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names of the documentation")]
struct Project {
    git_http_url: Option<String>,
    git_ssh_url: Option<String>,
    web_url: Option<String>,
}

/// The older form of the same, which some events have alone.
#[derive(Deserialize)]
struct Repository {
    git_http_url: Option<String>,
    git_ssh_url: Option<String>,
    homepage: Option<String>,
}

impl Payload {
    pub(super) fn addresses(self) -> Vec<String> {
        let project = self.project.map(|Project { git_http_url, git_ssh_url, web_url }| {
            [git_http_url, git_ssh_url, web_url]
        });
        let repository =
            self.repository.map(|Repository { git_http_url, git_ssh_url, homepage }| {
                [git_http_url, git_ssh_url, homepage]
            });
        project.into_iter().chain(repository).flatten().flatten().collect()
    }
}
