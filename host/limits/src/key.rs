//! What is counted.

use std::{fmt, net::IpAddr};

use patchbay_model::{ApiKeyId, OrgId, PluginId, rate::Endpoint};

/// Whose requests are counted together. As text it is the key in a store; it names no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// Those with one key.
    Key(OrgId, ApiKeyId),
    /// All of an org.
    Org(OrgId),
    /// An org's calls of a plugin.
    Plugin(OrgId, PluginId),
    /// An org's calls of an action.
    Action(OrgId, PluginId, String),
    /// An org's requests to a class of routes.
    Endpoint(OrgId, Endpoint),
    /// Those from one address to routes that need no key.
    Address(AddressClass, IpAddr),
}

/// A class of routes that need no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Vendors' webhooks.
    Webhooks,
    /// Browsers that come back from a vendor.
    OauthCallback,
    /// Pages for people who have a link: to connect an account, to join an org.
    Pages,
    /// People who sign in.
    SignIn,
}

impl AddressClass {
    /// Its name, as in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::OauthCallback => "oauth_callback",
            Self::Pages => "pages",
            Self::SignIn => "sign_in",
        }
    }
}

impl LimitKey {
    /// What kind of limit it is, for people and for headers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Key(..) => "key",
            Self::Org(_) => "org",
            Self::Plugin(..) => "plugin",
            Self::Action(..) => "action",
            Self::Endpoint(..) => "endpoint",
            Self::Address(..) => "address",
        }
    }
}

impl fmt::Display for LimitKey {
    /// The braces are for clusters: what one request counts lies on one server.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(org, key) => write!(f, "{{{org}}}:key:{key}"),
            Self::Org(org) => write!(f, "{{{org}}}:org"),
            Self::Plugin(org, plugin) => write!(f, "{{{org}}}:plugin:{plugin}"),
            Self::Action(org, plugin, action) => write!(f, "{{{org}}}:action:{plugin}/{action}"),
            Self::Endpoint(org, endpoint) => write!(f, "{{{org}}}:endpoint:{}", endpoint.as_str()),
            Self::Address(class, address) => write!(f, "{{{address}}}:{}", class.as_str()),
        }
    }
}
