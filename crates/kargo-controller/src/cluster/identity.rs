//! As whom Kargo asks the API server.

use std::fmt;

use kargo_core::object::AppKey;

/// As whom a request is made. There is no empty one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// As Kargo itself.
    Controller,
    /// As a `ServiceAccount`, by impersonation.
    Account(ServiceAccount),
}

/// A `ServiceAccount` whose name is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceAccount {
    namespace: String,
    name: String,
}

impl ServiceAccount {
    /// `None` if one of the two is empty or no name: it becomes part of a header.
    pub fn new(namespace: &str, name: &str) -> Option<Self> {
        let is_name = |text: &str| {
            let inside = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
            };
            !text.is_empty() && text.len() <= 253 && text.bytes().all(inside)
        };
        (is_name(namespace) && is_name(name))
            .then(|| Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name in the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name by which the API server knows it. It adds the groups of every `ServiceAccount` by itself, which
    /// is why we name none: that would take a right to impersonate groups.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// The account that a user name stands for.
    pub fn of_user(user: &str) -> Option<Self> {
        let (namespace, name) = user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        Self::new(namespace, name)
    }
}

impl fmt::Display for ServiceAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// Which identity an installation gives to its apps.
#[derive(Debug, Clone, Default)]
pub struct Identities {
    /// The name of the `ServiceAccount` of apps that name none, each in the namespace of the app.
    pub default_account: Option<String>,
    /// Whether no app may act as Kargo itself.
    pub account_required: bool,
}

/// This app may not act as anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoIdentity {
    /// It names nobody, and the installation demands that it does.
    #[error(
        "this installation deploys only as a ServiceAccount, and spec.serviceAccountName names none"
    )]
    Missing,
    /// What it names is no name.
    #[error("{0:?} is not the name of a ServiceAccount")]
    Invalid(String),
}

impl NoIdentity {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        "Set spec.serviceAccountName to the name of a ServiceAccount in the namespace of the KargoApp that may do what the repository needs"
    }
}

impl Identities {
    /// As whom everything for this app is done. What is empty or wrong never becomes Kargo itself.
    pub fn of(&self, app: &AppKey, account: Option<&str>) -> Result<Identity, NoIdentity> {
        match account.or(self.default_account.as_deref()) {
            Some(name) => ServiceAccount::new(&app.namespace, name)
                .map(Identity::Account)
                .ok_or_else(|| NoIdentity::Invalid(name.to_owned())),
            None if self.account_required => Err(NoIdentity::Missing),
            None => Ok(Identity::Controller),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::kargo_itself(None, None, false, Ok("kargo"))]
    #[case::of_the_app(Some("deployer"), None, false, Ok("system:serviceaccount:team:deployer"))]
    #[case::by_default(None, Some("default"), false, Ok("system:serviceaccount:team:default"))]
    #[case::the_app_wins(
        Some("deployer"),
        Some("default"),
        true,
        Ok("system:serviceaccount:team:deployer")
    )]
    #[case::required(None, None, true, Err(NoIdentity::Missing))]
    #[case::empty(Some(""), None, false, Err(NoIdentity::Invalid(String::new())))]
    #[case::empty_does_not_fall_back(
        Some(""),
        Some("default"),
        false,
        Err(NoIdentity::Invalid(String::new()))
    )]
    #[case::another_namespace(Some("kube-system:admin"), None, false, Err(NoIdentity::Invalid("kube-system:admin".to_owned())))]
    #[case::a_header(Some("a\r\nImpersonate-Group: b"), None, false, Err(NoIdentity::Invalid("a\r\nImpersonate-Group: b".to_owned())))]
    fn an_app_acts_as_one_account_or_not_at_all(
        #[case] account: Option<&str>,
        #[case] default_account: Option<&str>,
        #[case] account_required: bool,
        #[case] expected: Result<&str, NoIdentity>,
    ) {
        let identities =
            Identities { default_account: default_account.map(str::to_owned), account_required };
        let app = AppKey { namespace: "team".to_owned(), name: "shop".to_owned() };
        let identity = identities.of(&app, account).map(|identity| match identity {
            Identity::Controller => "kargo".to_owned(),
            Identity::Account(account) => account.user(),
        });
        assert_eq!(identity, expected.map(str::to_owned));
    }
}
