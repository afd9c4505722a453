//! What the operator decides about the way out.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ipnet::IpNet;
use url::Url;

use crate::EndpointRules;

/// The operator's settings. The defaults are those of a hub that talks to vendors on the open Internet.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// A vendor's host name to the base URL that is called instead: a simulator, a sandbox, a gateway.
    /// http is allowed here, and the address check does not apply: the operator named the place. A path
    /// of the base is put before the request's.
    pub upstreams: BTreeMap<String, Url>,
    /// Those of the mapped hosts that an org's settings may name, where a plugin lets them name hosts: a gateway that the
    /// operator offers to everybody. The other ones are reached by plugins whose manifests name them alone.
    pub open_upstreams: BTreeSet<String>,
    /// Networks that plugins may reach although they are blocked by default. A cloud's metadata address
    /// needs an entry of its own (`169.254.169.254/32`): a wider network does not include it.
    pub allow_addresses: Vec<IpNet>,
    /// Ports that plugins may reach; mapped upstreams are exempt.
    pub ports: Vec<u16>,
    /// Where orgs may have endpoints.
    pub endpoints: EndpointRules,
    /// For DNS, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Of the request's and of the response's headers: names, values and the URL, in bytes.
    pub max_header_bytes: usize,
    /// Headers in the request and in the response.
    pub max_headers: usize,
    /// Of a response's body as it reaches the guest, in bytes.
    pub max_body_bytes: u64,
    /// Of a compressed body after decoding, in bytes.
    pub max_decompressed_bytes: u64,
    /// How many times larger than its compressed form a body may be, once more than 1 MiB was decoded.
    pub max_ratio: u64,
    /// Requests sent again after the first, at most.
    pub max_retries: usize,
    /// The longest wait before a repeat. A vendor that asks for more has its answer handed to the guest.
    pub max_retry_wait: Duration,
    /// Idle connections kept per org and host.
    pub max_idle_per_host: usize,
    /// How long an idle connection is kept. Below the 60 s after which many vendors close theirs.
    pub idle_timeout: Duration,
    /// Clients kept (two for an org that also uses mapped upstreams); the least recently used is dropped.
    pub max_clients: usize,
    /// PEM of certificate authorities to trust beside the system's.
    pub extra_roots: Option<String>,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            upstreams: BTreeMap::new(),
            open_upstreams: BTreeSet::new(),
            allow_addresses: Vec::new(),
            ports: vec![443],
            endpoints: EndpointRules::default(),
            connect_timeout: Duration::from_secs(5),
            max_header_bytes: 64 << 10,
            max_headers: 100,
            max_body_bytes: 1 << 30,
            max_decompressed_bytes: 128 << 20,
            max_ratio: 100,
            max_retries: 2,
            max_retry_wait: Duration::from_secs(10),
            max_idle_per_host: 64,
            idle_timeout: Duration::from_secs(45),
            max_clients: 1024,
            extra_roots: None,
        }
    }
}

/// Settings that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An entry of the upstreams.
    #[error("upstream {host:?}: {reason}")]
    Upstream {
        /// Its host name.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// No trusted certificate authorities, or the TLS library refuses the settings.
    #[error("tls: {0}; install the system's CA certificates or name a file in SSL_CERT_FILE")]
    Tls(String),
    /// The HTTP client refuses the settings.
    #[error("http client: {0}")]
    Client(String),
}
