//! `[server]`: the HTTP face.

use std::net::SocketAddr;

use serde::Deserialize;

/// `[server]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// How the outside world reaches the hub: the base of webhook URLs.
    pub public_url: String,
    /// Open connections at once.
    pub max_connections: usize,
    /// The largest input of an action, in KiB.
    pub max_action_kib: usize,
    /// The largest body of a proxied request, in KiB, where the plugin's route names none.
    pub max_proxy_kib: u64,
    /// For a request's head, and between two requests of a connection, in seconds.
    pub header_timeout_s: u64,
    /// Between two pieces of a body, in seconds.
    pub body_idle_timeout_s: u64,
    /// How long running requests may go on after the hub was told to stop, in seconds.
    pub shutdown_grace_s: u64,
    /// Networks of the proxies in front of the hub, which say for whom they speak.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// The header in which they say it: `x-forwarded-for` or `forwarded`.
    pub forwarded_by: Forwarded,
}

/// Which header a proxy sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forwarded {
    /// What most proxies write.
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: "http://127.0.0.1:8080".to_owned(),
            max_connections: 10_000,
            max_action_kib: 4 << 10,
            max_proxy_kib: 32 << 10,
            header_timeout_s: 30,
            body_idle_timeout_s: 15,
            shutdown_grace_s: 15,
            trusted_proxies: Vec::new(),
            forwarded_by: Forwarded::default(),
        }
    }
}
