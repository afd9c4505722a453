//! What the operator decides about how often orgs, keys and addresses may ask.

use std::{collections::BTreeMap, num::NonZeroU32};

use patchbay_limits::{AddressClass, StoreUrl};
use patchbay_model::rate::{Endpoint, Rate};

/// What holds where an org has set nothing. None: no limit.
#[derive(Debug, Clone)]
pub struct RateConfig {
    /// All that an org asks for.
    pub org: Option<Rate>,
    /// Each key.
    pub key: Option<Rate>,
    /// An org's calls of each plugin.
    pub plugin: Option<Rate>,
    /// An org's calls of each action whose manifest says nothing.
    pub action: Option<Rate>,
    /// An org's requests to each class of routes.
    pub endpoints: BTreeMap<Endpoint, Rate>,
    /// From each address, to routes that need no key.
    pub addresses: Addresses,
    /// Where hubs count together; none: each for itself.
    pub store: Option<StoreUrl>,
}

/// Limits on routes that need no key, for each address.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Vendors' webhooks.
    pub webhooks: Option<Rate>,
    /// Browsers that come back from a vendor.
    pub oauth_callback: Option<Rate>,
    /// Pages for people who have a link: to connect an account, to join an org.
    pub pages: Option<Rate>,
    /// People who sign in.
    pub sign_in: Option<Rate>,
}

impl Addresses {
    pub(super) const fn of(&self, class: AddressClass) -> Option<Rate> {
        match class {
            AddressClass::Webhooks => self.webhooks,
            AddressClass::OauthCallback => self.oauth_callback,
            AddressClass::Pages => self.pages,
            AddressClass::SignIn => self.sign_in,
        }
    }
}

fn per_minute(requests: u32) -> Option<Rate> {
    Rate::new(NonZeroU32::new(requests)?, 60)
}

impl Default for RateConfig {
    /// What only a loop that nobody looks at reaches: 60,000 a minute for a key, twice as much for an org, 6,000 for an
    /// address, 600 for its pages and 60 for signing in.
    fn default() -> Self {
        let addresses = Addresses {
            webhooks: per_minute(6_000),
            oauth_callback: per_minute(600),
            pages: per_minute(600),
            sign_in: per_minute(60),
        };
        Self {
            org: per_minute(120_000),
            key: per_minute(60_000),
            plugin: None,
            action: None,
            endpoints: BTreeMap::new(),
            addresses,
            store: None,
        }
    }
}
