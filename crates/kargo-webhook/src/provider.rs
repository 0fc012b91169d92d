//! Which forge a delivery comes from.

/// The kind of forge, which decides where the proof and the repository are looked for.
///
/// It comes from the path that the forge was given, never from a header: headers are not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// github.com and GitHub Enterprise Server.
    Github,
    /// gitlab.com and GitLab of one's own.
    Gitlab,
    /// Gitea and Forgejo.
    Gitea,
    /// Bitbucket Cloud and Data Center.
    Bitbucket,
    /// Anything that can compute an HMAC: a pipeline, a script, a server's hook.
    Generic,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Github, Self::Gitlab, Self::Gitea, Self::Bitbucket, Self::Generic];

    /// The provider of `/hooks/<name>`.
    pub fn of_path(name: &str) -> Option<Self> {
        if name == "forgejo" {
            return Some(Self::Gitea);
        }
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    /// Its name in the path and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
            Self::Bitbucket => "bitbucket",
            Self::Generic => "generic",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Provider;

    #[test]
    fn the_path_says_who_it_is() {
        let table = [
            ("github", Some(Provider::Github)),
            ("gitlab", Some(Provider::Gitlab)),
            ("gitea", Some(Provider::Gitea)),
            ("forgejo", Some(Provider::Gitea)),
            ("bitbucket", Some(Provider::Bitbucket)),
            ("generic", Some(Provider::Generic)),
            ("GitHub", None),
            ("gogs", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(Provider::of_path(name), expected, "{name}");
        }
    }
}
