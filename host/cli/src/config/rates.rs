//! `[rate_limits]`: how often orgs, keys and addresses may ask.

use std::collections::BTreeMap;

use patchbay_hub::{Addresses, RateConfig, StoreUrl};
use patchbay_model::rate::{Endpoint, Rate, RateLimit};
use serde::{Deserialize, Deserializer};

/// `[rate_limits]`; what is missing stays as the hub has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimits {
    /// All that an org asks for.
    pub org: Option<RateLimit>,
    /// Each key.
    pub key: Option<RateLimit>,
    /// An org's calls of each plugin.
    pub plugin: Option<RateLimit>,
    /// An org's calls of each action whose manifest says nothing.
    pub action: Option<RateLimit>,
    /// An org's requests to each class of routes.
    pub endpoints: BTreeMap<Endpoint, RateLimit>,
    /// From each address, to routes that need no key.
    pub addresses: AddressLimits,
    /// A Redis or Valkey in which several hubs count together.
    #[serde(deserialize_with = "store")]
    pub store: Option<StoreUrl>,
}

/// `[rate_limits.addresses]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddressLimits {
    /// Vendors' webhooks.
    pub webhooks: Option<RateLimit>,
    /// Browsers that come back from a vendor.
    pub oauth_callback: Option<RateLimit>,
    /// Pages for people who have a link: to connect an account, to join an organization.
    pub pages: Option<RateLimit>,
    /// People who sign in.
    pub sign_in: Option<RateLimit>,
}

fn store<'de, D: Deserializer<'de>>(from: D) -> Result<Option<StoreUrl>, D::Error> {
    // the error quotes nothing of the URL, which may have a password in it
    let parse = |text: String| text.parse().map_err(serde::de::Error::custom);
    Option::<String>::deserialize(from)?.map(parse).transpose()
}

impl RateLimits {
    /// For the hub.
    pub(super) fn rates(&self) -> RateConfig {
        let RateConfig { org, key, plugin, action, mut endpoints, addresses, store: _ } = RateConfig::default();
        for (endpoint, limit) in &self.endpoints {
            match limit.rate() {
                Some(rate) => endpoints.insert(*endpoint, rate),
                None => endpoints.remove(endpoint),
            };
        }
        let Addresses { webhooks, oauth_callback, pages, sign_in } = addresses;
        RateConfig {
            org: said(self.org, org),
            key: said(self.key, key),
            plugin: said(self.plugin, plugin),
            action: said(self.action, action),
            endpoints,
            addresses: Addresses {
                webhooks: said(self.addresses.webhooks, webhooks),
                oauth_callback: said(self.addresses.oauth_callback, oauth_callback),
                pages: said(self.addresses.pages, pages),
                sign_in: said(self.addresses.sign_in, sign_in),
            },
            store: self.store.clone(),
        }
    }
}

fn said(limit: Option<RateLimit>, default: Option<Rate>) -> Option<Rate> {
    limit.map_or(default, RateLimit::rate)
}
