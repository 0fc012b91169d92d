//! Who wants to hear of what.

use std::collections::{BTreeMap, BTreeSet};

use kargo_core::object::AppKey;
use kargo_webhook::{Receiver, Repository, SecretName};

/// The apps by what they want to hear of and whose word they take.
#[derive(Default)]
pub(super) struct Directory {
    by_app: BTreeMap<AppKey, Receiver>,
    /// Ordered by the repository first.
    apps: BTreeMap<Receiver, BTreeSet<AppKey>>,
}

impl Directory {
    /// Notes what an app wants to hear of; `secret` is the name of its own, if it has one. Whether that is new.
    pub(super) fn know(&mut self, app: &AppKey, repo_url: &str, secret: Option<&str>) -> bool {
        let secret = match secret {
            Some(name) => SecretName::Own(format!("{}/{name}", app.namespace).into()),
            None => SecretName::Installation,
        };
        let wanted = Repository::at(repo_url).map(|repository| Receiver { repository, secret });
        if self.by_app.get(app) == wanted.as_ref() {
            return false;
        }
        self.forget(app);
        if let Some(receiver) = wanted {
            self.by_app.insert(app.clone(), receiver.clone());
            self.apps.entry(receiver).or_default().insert(app.clone());
        }
        true
    }

    /// An app is gone.
    pub(super) fn forget(&mut self, app: &AppKey) {
        let Some(receiver) = self.by_app.remove(app) else { return };
        if let Some(apps) = self.apps.get_mut(&receiver) {
            apps.remove(app);
            if apps.is_empty() {
                self.apps.remove(&receiver);
            }
        }
    }

    /// All apps of a namespace, or of all, are among these.
    pub(super) fn keep(&mut self, namespace: Option<&str>, listed: &BTreeSet<&AppKey>) {
        let is_gone = |app: &&AppKey| {
            namespace.is_none_or(|namespace| app.namespace == namespace) && !listed.contains(app)
        };
        let gone: Vec<AppKey> = self.by_app.keys().filter(is_gone).cloned().collect();
        for app in &gone {
            self.forget(app);
        }
    }

    /// The apps of a receiver.
    pub(super) fn apps(&self, receiver: &Receiver) -> BTreeSet<AppKey> {
        self.apps.get(receiver).cloned().unwrap_or_default()
    }

    /// The apps that name a secret.
    pub(super) fn apps_of(&self, secret: &SecretName) -> Vec<AppKey> {
        let naming = self.by_app.iter().filter(|(_, receiver)| receiver.secret == *secret);
        naming.map(|(app, _)| app.clone()).collect()
    }

    /// The secrets whose word counts for a repository, each once.
    pub(super) fn secrets_for(&self, repository: &Repository) -> Vec<SecretName> {
        let first = Receiver { repository: repository.clone(), secret: SecretName::Installation };
        self.apps
            .range(first..)
            .map(|(receiver, _)| receiver)
            .take_while(|receiver| receiver.repository == *repository)
            .map(|receiver| receiver.secret.clone())
            .collect()
    }

    /// All secrets that somebody names.
    pub(super) fn secrets(&self) -> BTreeSet<SecretName> {
        self.apps.keys().map(|receiver| receiver.secret.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{AppKey, Directory, Receiver, Repository, SecretName};

    fn app(name: &str) -> AppKey {
        let (namespace, name) = name.split_once('/').unwrap();
        AppKey { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    fn own(name: &str) -> SecretName {
        SecretName::Own(name.into())
    }

    const SHOP: &str = "https://git.example/team/shop";

    fn shop(secret: SecretName) -> Receiver {
        Receiver { repository: Repository::at(SHOP).unwrap(), secret }
    }

    #[test]
    fn apps_of_one_repository_hear_by_the_secret_that_they_name() {
        let mut directory = Directory::default();
        assert!(directory.know(&app("a/one"), SHOP, None));
        assert!(directory.know(&app("a/two"), "git@git.example:team/shop.git", Some("hook")));
        assert!(directory.know(&app("b/three"), SHOP, Some("hook")));
        assert!(directory.know(&app("b/other"), "https://git.example/team/shops", Some("hook")));
        assert!(!directory.know(&app("a/one"), SHOP, None), "nothing new");
        let repository = Repository::at(SHOP).unwrap();
        let names = [SecretName::Installation, own("a/hook"), own("b/hook")];
        assert_eq!(directory.secrets_for(&repository), names);
        assert_eq!(directory.apps(&shop(own("a/hook"))), BTreeSet::from([app("a/two")]));
        assert_eq!(directory.apps_of(&own("b/hook")), [app("b/other"), app("b/three")]);
    }

    #[test]
    fn an_app_that_changes_or_goes_hears_nothing_of_what_was() {
        let mut directory = Directory::default();
        directory.know(&app("a/one"), SHOP, None);
        assert!(directory.know(&app("a/one"), SHOP, Some("hook")));
        assert!(directory.apps(&shop(SecretName::Installation)).is_empty());
        assert_eq!(directory.apps(&shop(own("a/hook"))), BTreeSet::from([app("a/one")]));
        assert!(directory.know(&app("a/one"), "no address", Some("hook")));
        assert!(directory.secrets().is_empty());
        directory.know(&app("a/one"), SHOP, None);
        directory.forget(&app("a/one"));
        assert!(directory.secrets().is_empty());
    }

    #[test]
    fn what_a_list_does_not_have_is_gone() {
        let mut directory = Directory::default();
        for name in ["a/one", "a/two", "b/three"] {
            directory.know(&app(name), SHOP, None);
        }
        directory.keep(Some("a"), &BTreeSet::from([&app("a/two")]));
        let left = BTreeSet::from([app("a/two"), app("b/three")]);
        assert_eq!(directory.apps(&shop(SecretName::Installation)), left);
        directory.keep(None, &BTreeSet::new());
        assert!(directory.secrets().is_empty());
    }
}
