//! OAuth 2.0 as the host speaks it for plugins: how a connection is authorized, and how its tokens stay good.
//!
//! A plugin declares its vendor's endpoints and habits in its manifest and sees no more of all this than a credential;
//! codes, tokens, secrets and keys stay in the host. This crate is protocol and policy. What is stored, who may ask
//! and what an event says are the hub's, which gives this crate a way out, time, randomness and a [`RefreshLease`].
//!
//! * [`Provider`] is a manifest's section made ready, [`Registration`] the hub's client at the vendor ([`RegisteredClient`]: as it is kept), [`OauthClient`]
//!   both together for one org: every request of the protocol is a method of it.
//! * A [`Ticket`] is an authorization that was asked for. [`OauthClient::authorize`] begins one in a browser; [`Pending`] is
//!   what waits for that browser to come back with a [`Callback`]; [`Pending::redeem`] gives the [`Consent`] that
//!   [`OauthClient::exchange`] makes [`Tokens`] of. [`Parties`] says between whom all of it counts.
//! * [`Refresher`] renews tokens: one request however many callers and nodes want them, and a new refresh token stored
//!   before anybody sees the access token that came with it.
//! * [`OidcProvider`] is the other way round: an identity provider (OpenID Connect) that says who somebody is who signs in to
//!   the hub itself.
//!
//! The requests and the regular answers are the `oauth2` crate's. Its HTTP clients are not used: every byte goes
//! through [`patchbay_egress`], with its address checks, caps, deadlines and the operator's map of upstreams. Rejected:
//! `openidconnect` (it needs the `rsa` crate, RUSTSEC-2023-0071) and an own implementation of the grants.
//!
//! No secret is in a text for people: tokens are [`secrecy::SecretString`]s, texts of vendors are redacted and cut, and
//! a body that cannot be read is not quoted.

mod account;
mod answer;
mod assertion;
mod authorize;
mod backoff;
mod callback;
mod client;
mod error;
mod grant;
mod lease;
mod oidc;
mod parties;
mod pending;
mod policy;
mod provider;
mod refresher;
mod registered;
mod registration;
mod revoke;
mod sealed;
mod signing;
mod state;
mod ticket;
mod tokens;
mod wire;

pub use authorize::Started;
pub use callback::{Callback, CallbackError};
pub use client::{Net, OauthClient};
pub use error::{OauthError, VendorAnswer};
pub use lease::{Acquired, Committed, Failing, FailingKind, Reauthorization, RefreshLease, Stored};
pub use oidc::{Identity, OidcError, OidcProvider, OidcSecrets, OidcSettings};
pub use parties::Parties;
pub use pending::{Consent, Pending};
pub use policy::due_at;
pub use provider::{Provider, SetupError};
pub use refresher::{Job, RefreshError, RefreshSettings, Refresher};
pub use registered::RegisteredClient;
pub use registration::Registration;
pub use sealed::UnknownForm;
pub use signing::SigningKey;
pub use state::{StateHash, unguessable};
pub use ticket::Ticket;
pub use tokens::{Account, Tokens};
