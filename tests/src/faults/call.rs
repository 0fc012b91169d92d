//! A request to an API server, in the words of its audit log.

use std::fmt;

use axum::http::{Method, Uri};

/// What a request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; and
    /// `event` for an event of an open watch.
    pub verb: String,
    /// The plural, with the subresource as in `kargoapps/status`; the path itself where there is
    /// no resource, as in `/apis`.
    pub target: String,
    /// Empty for what has none.
    pub namespace: String,
    /// Empty for collections.
    pub name: String,
}

impl Call {
    /// Reads method and URL.
    pub fn of(method: &Method, uri: &Uri) -> Self {
        let segments: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let resource = match segments.as_slice() {
            ["api", _version, rest @ ..] if !rest.is_empty() => rest,
            ["apis", _group, _version, rest @ ..] if !rest.is_empty() => rest,
            _ => return Self::without_resource(method, uri),
        };
        let (namespace, rest) = match resource {
            ["namespaces", _, "status" | "finalize"] => ("", resource),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            _ => ("", resource),
        };
        let name = rest.get(1).copied().unwrap_or_default();
        let target = match rest.get(2) {
            Some(subresource) => format!("{}/{subresource}", rest[0]),
            None => rest[0].to_owned(),
        };
        let is_watch = uri.query().is_some_and(|query| {
            query.split('&').any(|part| matches!(part, "watch=true" | "watch=1" | "watch"))
        });
        let verb = match *method {
            Method::GET if is_watch => "watch",
            Method::GET if name.is_empty() => "list",
            Method::GET => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if name.is_empty() => "deletecollection",
            Method::DELETE => "delete",
            _ => "other",
        };
        Self {
            verb: verb.to_owned(),
            target,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Whether it is meant to change something.
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }

    fn without_resource(method: &Method, uri: &Uri) -> Self {
        Self {
            verb: method.as_str().to_lowercase(),
            target: uri.path().to_owned(),
            ..Self::default()
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb, self.target)?;
        if self.name.is_empty() { Ok(()) } else { write!(formatter, " {}", self.name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_as_the_audit_log_names_it() {
        let table = [
            (Method::GET, "/api/v1/configmaps?watch=true", "watch configmaps"),
            (Method::GET, "/api/v1/namespaces/a/configmaps?limit=500", "list configmaps"),
            (Method::GET, "/api/v1/namespaces/a/configmaps/web", "get configmaps web"),
            (Method::GET, "/api/v1/namespaces/a", "get namespaces a"),
            (Method::POST, "/api/v1/namespaces", "create namespaces"),
            (Method::PATCH, "/apis/apps/v1/namespaces/a/deployments/web", "patch deployments web"),
            (
                Method::PATCH,
                "/apis/kargo.krampoline.io/v1alpha1/namespaces/a/kargoapps/shop/status",
                "patch kargoapps/status shop",
            ),
            (Method::DELETE, "/api/v1/namespaces/a/configmaps", "deletecollection configmaps"),
            (Method::GET, "/apis", "get /apis"),
        ];
        for (method, uri, expected) in table {
            let uri: Uri = uri.parse().expect("a URI");
            assert_eq!(Call::of(&method, &uri).to_string(), expected);
        }
    }
}
