//! The one way out: every byte that leaves the hub for a vendor goes through [`Egress::send`], and what an org's endpoints
//! get through [`Egress::post`].
//!
//! In order, and each step for a reason: the plugin's allow-list ([`rules`]) on the logical URL; the
//! operator's map of upstreams ([`config`]); the credential, put in only after the check ([`inject`]);
//! a connection to an address that was checked at the moment of connecting ([`address`], [`resolver`]);
//! nothing before the pause is over that the vendor last asked for ([`asked_pause`]); repeats that cannot do harm
//! ([`retry`]); decoding under caps ([`decode`]); and the connection's secrets
//! taken out of what comes back ([`redact`]).
//!
//! Rejected: checking addresses before the request (the name may resolve differently a moment later);
//! following redirects (each hop would need every check again, and a vendor's API has none worth it);
//! one client for all orgs (a pooled connection may carry a login, and limits would be shared).

pub mod address;
mod asked_pause;
pub mod body;
pub mod config;
mod decode;
pub mod endpoint;
pub mod error;
pub mod filter;
mod forms;
mod headers;
pub mod inject;
mod inject_body;
mod pool;
pub mod redact;
pub mod request;
pub mod resolver;
pub mod response;
mod retry;
pub mod rules;
mod send;
mod tls;
mod upload;
mod upstream;

pub use body::ResponseBody;
pub use config::{ConfigError, EgressConfig};
pub use endpoint::{EndpointRules, Post, Posted};
pub use error::EgressError;
pub use filter::Filter;
pub use inject::Injection;
pub use inject_body::BodySecret;
pub use redact::Redactor;
pub use request::{Body, Request};
pub use resolver::{Lookup, SystemLookup};
pub use response::Response;
pub use rules::{Rules, RulesError};
pub use send::Egress;
