//! Rate limits.

use std::collections::BTreeMap;

use patchbay_hub::{Addresses, RateConfig, RateLimitsView};
use patchbay_model::rate::{Endpoint, OrgRates, Rate};
use serde::Serialize;
use utoipa::ToSchema;

/// An org's rate limits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RateLimits {
    /// What holds where nothing was set for the org.
    configured: Configured,
    /// What was set for it.
    #[schema(value_type = OwnRates)]
    own: OrgRates,
}

/// What the operator has configured. Null: no limit.
#[derive(Debug, Serialize, ToSchema)]
struct Configured {
    /// All that an org asks for.
    #[schema(value_type = Option<String>, example = "120000/min")]
    org: Option<Rate>,
    /// Each key.
    #[schema(value_type = Option<String>)]
    key: Option<Rate>,
    /// An org's calls of each plugin.
    #[schema(value_type = Option<String>)]
    plugin: Option<Rate>,
    /// An org's calls of each action whose manifest says nothing.
    #[schema(value_type = Option<String>)]
    action: Option<Rate>,
    /// An org's requests to each class of routes: `actions`, `proxy`, `read`, `write`, `upload`.
    #[schema(value_type = BTreeMap<String, String>)]
    endpoints: BTreeMap<Endpoint, Rate>,
    /// From each address, to routes that need no key.
    addresses: AddressRates,
}

/// Limits on routes that need no key.
#[derive(Debug, Serialize, ToSchema)]
struct AddressRates {
    /// Vendors' webhooks.
    #[schema(value_type = Option<String>)]
    webhooks: Option<Rate>,
    /// Browsers that come back from a vendor.
    #[schema(value_type = Option<String>)]
    oauth_callback: Option<Rate>,
    /// Pages for people who have a link: to connect an account, to join an org.
    #[schema(value_type = Option<String>)]
    pages: Option<Rate>,
    /// People who sign in.
    #[schema(value_type = Option<String>)]
    sign_in: Option<Rate>,
}

/// Rate limits that were set for an org. Each is `unlimited` or a number and a time, as in `100/s`, `6000/min`, `5/10s`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes patchbay_model::rate::OrgRates")]
pub(crate) struct OwnRates {
    /// All that the org asks for.
    #[schema(required = false, nullable = false, value_type = String, example = "5000/min")]
    org: Option<String>,
    /// Each key.
    #[schema(required = false, nullable = false, value_type = String)]
    key: Option<String>,
    /// Single keys, by their ids.
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    keys: BTreeMap<String, String>,
    /// Calls of a plugin.
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    plugins: BTreeMap<String, String>,
    /// Calls of an action, by `plugin/action`.
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    actions: BTreeMap<String, String>,
    /// Requests to a class of routes: `actions`, `proxy`, `read`, `write`, `upload`.
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    endpoints: BTreeMap<String, String>,
}

impl From<RateLimitsView> for RateLimits {
    fn from(view: RateLimitsView) -> Self {
        let RateLimitsView { configured, own } = view;
        let RateConfig { org, key, plugin, action, endpoints, addresses, store: _ } = configured;
        let Addresses { webhooks, oauth_callback, pages, sign_in } = addresses;
        let addresses = AddressRates { webhooks, oauth_callback, pages, sign_in };
        Self { configured: Configured { org, key, plugin, action, endpoints, addresses }, own }
    }
}
