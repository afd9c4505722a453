//! `[endpoints]`: organizations' URLs that events are sent to.

use patchbay_egress::EndpointRules;
use patchbay_hub::DeliverySettings;
use serde::Deserialize;

/// `[endpoints]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoints {
    /// Take `http:` URLs too: for development.
    pub allow_http: bool,
    /// Networks that endpoints may be in although they are private, as in `127.0.0.0/8`.
    pub allow_addresses: Vec<ipnet::IpNet>,
    /// Ports that endpoints may have; empty: any.
    pub ports: Vec<u16>,
    /// Attempts under way at once, over all organizations; one has half of them at most.
    pub concurrency: usize,
    /// How long an endpoint may take to answer, in milliseconds.
    pub timeout_ms: u64,
    /// After so many hours in which it only failed an endpoint is switched off; 0: never.
    pub disable_after_hours: u32,
}

impl Default for Endpoints {
    fn default() -> Self {
        let (rules, deliveries) = (EndpointRules::default(), DeliverySettings::default());
        Self {
            allow_http: rules.allow_http,
            allow_addresses: rules.allow_addresses,
            ports: rules.ports,
            concurrency: deliveries.concurrency,
            timeout_ms: deliveries.timeout_ms,
            disable_after_hours: deliveries.disable_after_hours,
        }
    }
}

impl Endpoints {
    /// Where they may be.
    pub fn rules(&self) -> EndpointRules {
        EndpointRules {
            allow_http: self.allow_http,
            allow_addresses: self.allow_addresses.clone(),
            ports: self.ports.clone(),
        }
    }

    /// How they are sent to.
    pub fn deliveries(&self) -> DeliverySettings {
        DeliverySettings {
            concurrency: self.concurrency,
            timeout_ms: self.timeout_ms,
            disable_after_hours: self.disable_after_hours,
        }
    }
}
