//! Connections that are authorized by OAuth 2.0: what the hub stores, who may ask, and what events say. Protocol and
//! renewal are the crate [`patchbay_oauth`]'s.
//!
//! Tokens live beside the connection's other credentials and fill the one that the manifest's `[oauth]` names, so a
//! plugin sees no difference. They are looked at when a call begins: a call that begins with good ones costs nothing
//! more, one that begins with ended ones waits for new ones. Rejected: to look at each request of a guest, which would
//! change what the host takes out of texts in the middle of a call.

mod asker;
mod authorize;
mod callback;
mod client;
mod connect;
pub(crate) mod granted;
pub(crate) mod link;
mod live;
mod registered;
mod revoke;
mod store;
pub(crate) mod suspicion;
pub(crate) mod tokens;
pub(crate) mod upkeep;
mod view;

pub use authorize::{Authorization, Begun, Browser};
pub use callback::Authorized;
pub use client::{ClientView, PutClient};
pub use connect::ConnectPage;
pub use registered::OperatorClient;
pub use view::{ClientOwner, OauthState, OauthView};

pub(crate) use live::{Live, OauthSettings, REQUEST_TIME};
pub(crate) use store::TokenStore;
