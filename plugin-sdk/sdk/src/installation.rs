//! What this installation is.

use serde::de::DeserializeOwned;

use crate::{Error, host};

/// The vendor's account behind the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// How the vendor calls it, where known.
    pub name: Option<String>,
    /// What the owner granted.
    pub scopes: Vec<String>,
    /// Names of the credentials that have a value.
    pub credentials: Vec<String>,
}

/// The org's settings for this plugin; `T` is the connector's [`crate::Connector::Config`].
///
/// # Errors
/// [`Error::Internal`] if they are not a `T`: the host has checked them by its schema already.
pub fn config<T: DeserializeOwned>() -> Result<T, Error> {
    serde_json::from_str(&host::config()).map_err(|error| Error::Internal(format!("settings: {error}")))
}

/// The connection; `None` while the org has not made one.
#[must_use]
pub fn connection() -> Option<Account> {
    host::connection()
}

/// The public URL at which the vendor's webhooks reach this installation.
#[must_use]
pub fn webhook_url() -> String {
    host::webhook_url()
}
