//! Name lookup that forgets addresses which the policy does not allow.
//!
//! The connection is made to what is handed out here and to nothing else, so a name cannot lead to one
//! address when it is checked and to another when it is used.

use crate::policy::Policy;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;
use std::sync::Arc;

/// The resolver for all connections over HTTP, to remotes and to proxies.
#[derive(Debug)]
pub(super) struct Filtered(pub(super) Arc<Policy>);

/// A name has only addresses that the policy does not allow.
#[derive(Debug, thiserror::Error)]
#[error("the addresses of {host} are not allowed")]
pub(super) struct Refused {
    pub(super) host: String,
}

impl Resolve for Filtered {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let mut found = found.peekable();
            let is_known = found.peek().is_some();
            let allowed = found
                .filter(|address| policy.allows_address(address.ip()))
                .collect::<Vec<SocketAddr>>();
            if is_known && allowed.is_empty() {
                return Err(Refused { host }.into());
            }
            Ok::<Addrs, _>(Box::new(allowed.into_iter()))
        })
    }
}
