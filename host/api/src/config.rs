//! What the operator decides about the HTTP face.

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use patchbay_model::{Clock, Random, SystemClock, SystemRandom};

use crate::ForwardedBy;

/// Limits on what comes in over HTTP, and what requests are told apart by. [`ApiConfig::default`] suits a
/// small machine.
#[derive(Clone)]
pub struct ApiConfig {
    /// The largest input of an action, in bytes.
    pub max_action_bytes: usize,
    /// The largest body of any other JSON request, in bytes.
    pub max_json_bytes: usize,
    /// The largest uploaded package, in bytes.
    pub max_package_bytes: usize,
    /// How long a body may stand still between two pieces.
    pub body_idle_timeout: Duration,
    /// How long a body that is held in memory may take in all.
    pub body_timeout: Duration,
    /// Networks of the operator's own proxies, which are believed for whom they speak.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they say it.
    pub forwarded_by: ForwardedBy,
    /// Renders `/metrics`; `None` for a hub that records none.
    pub metrics: Option<PrometheusHandle>,
    /// For requests' ids.
    pub clock: Arc<dyn Clock>,
    /// For requests' ids.
    pub random: Arc<dyn Random>,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            max_action_bytes: 4 << 20,
            max_json_bytes: 256 << 10,
            max_package_bytes: 64 << 20,
            body_idle_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(120),
            trusted_proxies: Vec::new(),
            forwarded_by: ForwardedBy::default(),
            metrics: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// Limits of the connections under the HTTP face.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Open connections at once; more wait in the system's backlog.
    pub max_connections: usize,
    /// How long a request's head may take, and how long a connection may idle between two requests.
    pub header_timeout: Duration,
    /// The largest head of a request, in bytes; at least 8 KiB.
    pub max_head_bytes: usize,
    /// Requests at once on one HTTP/2 connection.
    pub max_streams: u32,
    /// How long running requests may go on after the shutdown began.
    pub grace: Duration,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            header_timeout: Duration::from_secs(30),
            max_head_bytes: 64 << 10,
            max_streams: 256,
            grace: Duration::from_secs(15),
        }
    }
}
