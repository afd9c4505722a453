//! Names to addresses, with the check between the answer and the connection.
//!
//! The client connects to the addresses that this resolver gives it and to no others, so a name that
//! resolves differently a moment later (DNS rebinding) gains nothing.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::{AddressPolicy, is_metadata_name};

/// Looks a name up. Tests put their own in the place of [`SystemLookup`].
pub trait Lookup: Send + Sync + 'static {
    /// Every address of the host.
    ///
    /// # Errors
    /// If the name has none or the lookup failed.
    fn lookup(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Every address of a name is one that no plugin may reach.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} leads to an address that no plugin may reach: {reason}; the operator can allow it in allow_addresses")]
pub(crate) struct AllBlocked {
    host: String,
    reason: &'static str,
}

impl AllBlocked {
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) const fn reason(&self) -> &'static str {
        self.reason
    }
}

/// The resolver of the HTTP client.
pub(crate) struct CheckedResolver {
    lookup: Arc<dyn Lookup>,
    /// None for upstreams that the operator named.
    policy: Option<Arc<AddressPolicy>>,
}

impl CheckedResolver {
    pub(crate) fn new(lookup: Arc<dyn Lookup>, policy: Option<Arc<AddressPolicy>>) -> Self {
        Self { lookup, policy }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let policy = self.policy.clone();
        if policy.is_some() && is_metadata_name(&host) {
            return Box::pin(async move { Err(AllBlocked { host, reason: "a cloud's metadata service" }.into()) });
        }
        let answer = self.lookup.lookup(&host);
        Box::pin(async move {
            let mut blocked = None;
            let mut open = Vec::new();
            for address in answer.await? {
                match policy.as_ref().and_then(|policy| policy.refusal(address)) {
                    Some(reason) => blocked = Some(reason),
                    None => open.push(SocketAddr::new(address, 0)),
                }
            }
            match (open.is_empty(), blocked) {
                (false, _) => Ok(Box::new(open.into_iter()) as Addrs),
                (true, Some(reason)) => Err(AllBlocked { host, reason }.into()),
                (true, None) => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into()),
            }
        })
    }
}
