//! Who an object is: group, kind, namespace and name. The version is not part of it: the same object is
//! served in several.

use std::fmt;

use serde_json::Value;

/// Group and kind: what a watch, a health rule or a band is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind, as in `kind:`.
    pub kind: String,
}

impl GroupKind {
    /// Group and kind from their texts.
    pub fn new(group: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { group: group.into(), kind: kind.into() }
    }

    /// Whether it is this group and this kind.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }

    /// Reads `group/Kind`, the form of [`fmt::Display`]; the core group's part is empty (`/Service`).
    pub fn parse(text: &str) -> Option<Self> {
        let (group, kind) = text.split_once('/')?;
        (!kind.is_empty() && !kind.contains('/')).then(|| Self::new(group, kind))
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.group, self.kind)
    }
}

/// The identity of an object in one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// Group and kind.
    pub group_kind: GroupKind,
    /// The namespace; `None` for what is cluster-scoped.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl ObjectId {
    /// An identity from its parts.
    pub fn new(group_kind: GroupKind, namespace: Option<&str>, name: &str) -> Self {
        Self { group_kind, namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }

    /// The identity that an object's own text claims; `None` if kind or name are missing.
    pub fn of(object: &Value) -> Option<Self> {
        let (group, _) = group_version(object.get("apiVersion")?.as_str()?);
        let kind = object.get("kind")?.as_str()?;
        let metadata = object.get("metadata")?;
        let namespace =
            metadata.get("namespace").and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(Self::new(GroupKind::new(group, kind), namespace, metadata.get("name")?.as_str()?))
    }

    /// `Kind/name`, as people say it.
    pub fn short(&self) -> String {
        format!("{}/{}", self.group_kind.kind, self.name)
    }
}

/// `group/Kind/namespace/name`: the form of the identity annotation and of refused claims.
impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}/{}/{}",
            self.group_kind,
            self.namespace.as_deref().unwrap_or(""),
            self.name
        )
    }
}

impl std::str::FromStr for ObjectId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(4, '/');
        let mut next = || parts.next().ok_or(());
        let (group, kind, namespace, name) = (next()?, next()?, next()?, next()?);
        let namespace = (!namespace.is_empty()).then_some(namespace);
        if kind.is_empty() || name.is_empty() {
            return Err(());
        }
        Ok(Self::new(GroupKind::new(group, kind), namespace, name))
    }
}

/// Splits `apiVersion` into group and version; the core group is empty.
pub fn group_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The namespace and name of a `KargoApp`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppKey {
    /// The namespace of the `KargoApp`.
    pub namespace: String,
    /// The name of the `KargoApp`.
    pub name: String,
}

impl fmt::Display for AppKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}
