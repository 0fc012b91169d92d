//! Which object is meant: group, version, kind, name and namespace.

use std::fmt;

use crate::schema::Schema;
use crate::yaml::Node;

/// In the place of a namespace for kinds that live outside of namespaces.
pub(crate) const NO_NAMESPACE: &str = "_non_namespaceable_";

/// Group, version and kind. As a selector, empty fields match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Gvk {
    pub(crate) group: Box<str>,
    pub(crate) version: Box<str>,
    pub(crate) kind: Box<str>,
}

/// The identity of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) gvk: Gvk,
    pub(crate) name: Box<str>,
    /// As written; empty if the object names none.
    pub(crate) namespace: Box<str>,
    pub(crate) cluster_scoped: bool,
}

/// An identity that an object had before a transformer changed it. Group and version are always those
/// that the object has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Previous {
    pub(crate) kind: Box<str>,
    pub(crate) name: Box<str>,
    /// The effective namespace.
    pub(crate) namespace: Box<str>,
}

/// Splits an `apiVersion` at its first slash.
pub(crate) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

impl Gvk {
    pub(crate) fn new(group: &str, version: &str, kind: &str) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Is this one of those that the selector means?
    pub(crate) fn is_selected_by(&self, selector: &Self) -> bool {
        (selector.group.is_empty() || selector.group == self.group)
            && (selector.version.is_empty() || selector.version == self.version)
            && (selector.kind.is_empty() || selector.kind == self.kind)
    }
}

impl Id {
    /// The identity that an object's own fields give it.
    pub(crate) fn of(node: &Node, schema: &Schema) -> Self {
        let field = |name: &str| node.get(name).map_or("", Node::text);
        let metadata = node.get("metadata");
        let text = |name: &str| {
            let value = metadata
                .and_then(|metadata| metadata.get(name))
                .filter(|value| !value.is_null_or_empty());
            value.map_or("", Node::text)
        };
        let (api_version, kind) = (field("apiVersion"), field("kind"));
        let (group, version) = split_api_version(api_version);
        Self {
            gvk: Gvk::new(group, version, kind),
            name: text("name").into(),
            namespace: text("namespace").into(),
            cluster_scoped: schema.is_cluster_scoped(api_version, kind),
        }
    }

    pub(crate) fn effective_namespace(&self) -> &str {
        if self.cluster_scoped { NO_NAMESPACE } else { effective(&self.namespace) }
    }

    /// A key for maps: two ids have the same key if they mean the same object, whatever their files
    /// call its namespace.
    pub(crate) fn key(&self) -> String {
        key(
            &self.gvk.group,
            &self.gvk.version,
            &self.gvk.kind,
            &self.name,
            self.effective_namespace(),
        )
    }

    pub(crate) fn previous(&self) -> Previous {
        Previous {
            kind: self.gvk.kind.clone(),
            name: self.name.clone(),
            namespace: self.effective_namespace().into(),
        }
    }
}

/// `default` for the empty namespace.
pub(crate) fn effective(namespace: &str) -> &str {
    if namespace.is_empty() { "default" } else { namespace }
}

pub(crate) fn key(group: &str, version: &str, kind: &str, name: &str, namespace: &str) -> String {
    let length = group.len() + version.len() + kind.len() + name.len() + namespace.len() + 4;
    let mut key = String::with_capacity(length);
    for part in [name, kind, namespace, group] {
        key.push_str(part);
        key.push('\0');
    }
    key.push_str(version);
    key
}

/// `Deployment apps/v1 team-a/web`, for messages.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.gvk.kind)?;
        f.write_str(if self.name.is_empty() { "(no name)" } else { &self.name })?;
        let api_version = self.gvk.api_version();
        match (api_version.is_empty(), self.namespace.is_empty()) {
            (true, true) => Ok(()),
            (false, true) => write!(f, " ({api_version})"),
            (true, false) => write!(f, " (namespace {})", self.namespace),
            (false, false) => write!(f, " ({api_version}, namespace {})", self.namespace),
        }
    }
}
