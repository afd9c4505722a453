//! HTTP clients, one per org and way out, so that no org's request travels on another's connection.
//!
//! A read lock over a map and one atomic store is all that a request costs here. A cache crate was
//! rejected: the map changes only when an org shows up for the first time.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use patchbay_model::OrgId;
use reqwest::{Client, redirect, retry};

use crate::{ConfigError, EgressConfig, Lookup, address::AddressPolicy, endpoint, resolver::CheckedResolver, tls::Tls};

/// Where a client may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// Only to addresses that pass the check.
    Checked,
    /// To upstreams that the operator named. Apart from the other, or a name that the operator mapped
    /// would be open to a plugin that lists it as a host of its own.
    Mapped,
    /// To URLs that orgs chose themselves, with a check of their own.
    Endpoint,
}

struct Entry {
    client: Client,
    used: AtomicU64,
}

/// The clients in use.
pub(crate) struct Pool {
    clients: RwLock<HashMap<(OrgId, Way), Entry>>,
    /// Counts uses, to tell which client was used least recently.
    uses: AtomicU64,
    factory: Factory,
}

impl Pool {
    pub(crate) fn new(config: Arc<EgressConfig>, lookup: Arc<dyn Lookup>) -> Result<Self, ConfigError> {
        let policy = Arc::new(AddressPolicy::new(config.allow_addresses.clone()));
        let of_endpoints = endpoint::policy(&config.endpoints);
        let factory = Factory { tls: Tls::new(config.extra_roots.as_deref())?, lookup, policy, of_endpoints, config };
        // What cannot be built should say so when the hub starts, not at the first call.
        factory.client(Way::Checked)?;
        Ok(Self { clients: RwLock::default(), uses: AtomicU64::new(0), factory })
    }

    /// The org's client, made at its first use.
    pub(crate) fn client(&self, org: OrgId, way: Way) -> Result<Client, ConfigError> {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.clients.read().unwrap_or_else(PoisonError::into_inner).get(&(org, way)) {
            entry.used.store(now, Ordering::Relaxed);
            return Ok(entry.client.clone());
        }
        let client = self.factory.client(way)?;
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= self.factory.config.max_clients {
            let oldest =
                clients.iter().min_by_key(|(_, entry)| entry.used.load(Ordering::Relaxed)).map(|(key, _)| *key);
            oldest.map(|key| clients.remove(&key));
        }
        let entry = clients.entry((org, way)).or_insert_with(|| Entry { client, used: AtomicU64::new(now) });
        Ok(entry.client.clone())
    }

    pub(crate) fn lookup(&self) -> &dyn Lookup {
        &*self.factory.lookup
    }

    pub(crate) fn endpoint_policy(&self) -> &AddressPolicy {
        &self.factory.of_endpoints
    }

    /// Closes the org's idle connections; requests under way go on.
    pub(crate) fn forget(&self, org: OrgId) {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        for way in [Way::Checked, Way::Mapped, Way::Endpoint] {
            clients.remove(&(org, way));
        }
    }

    /// Closes everybody's idle connections; requests under way go on.
    pub(crate) fn forget_all(&self) {
        self.clients.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

struct Factory {
    tls: Tls,
    lookup: Arc<dyn Lookup>,
    policy: Arc<AddressPolicy>,
    of_endpoints: Arc<AddressPolicy>,
    config: Arc<EgressConfig>,
}

impl Factory {
    fn client(&self, way: Way) -> Result<Client, ConfigError> {
        let config = &self.config;
        let (policy, https_only) = match way {
            Way::Checked => (Some(self.policy.clone()), true),
            Way::Mapped => (None, false),
            Way::Endpoint => (Some(self.of_endpoints.clone()), !config.endpoints.allow_http),
        };
        let mut builder = Client::builder()
            .tls_backend_preconfigured(self.tls.client()?)
            .https_only(https_only)
            .dns_resolver(CheckedResolver::new(self.lookup.clone(), policy))
            .redirect(redirect::Policy::none())
            // Repeats are ours to decide; without clones of each request for the client's own.
            .retry(retry::never().max_retries_per_request(0))
            .no_proxy()
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .tcp_nodelay(true)
            .connect_timeout(config.connect_timeout)
            .pool_max_idle_per_host(config.max_idle_per_host)
            .pool_idle_timeout(config.idle_timeout)
            // Twice the cap, so that it is our check that speaks, and names the size.
            .http2_max_header_list_size(u32::try_from(config.max_header_bytes.saturating_mul(2)).unwrap_or(u32::MAX))
            .http2_adaptive_window(true);
        // 100 is the parser's own cap, and up to it the headers are parsed on the stack.
        if config.max_headers > 100 {
            builder = builder.http1_max_headers(config.max_headers);
        }
        builder.build().map_err(|error| ConfigError::Client(error.to_string()))
    }
}
