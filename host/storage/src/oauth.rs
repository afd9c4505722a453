//! Connections that are authorized by OAuth 2.0, as the vault sealed them.

pub(crate) mod authorization;
pub(crate) mod client;
pub(crate) mod revocation;
pub(crate) mod token;
