//! A link that begins an authorization, before anybody has followed it.
//!
//! Whoever asks for a connection is mostly a program, and the person who consents sits at a browser that the hub has not
//! seen. A vendor's URL handed out at once could be bound to no browser; so what is handed out is a link to the hub,
//! which says for whom it is and binds the browser that follows it. It is stored as [`Pending`](crate::Pending) is:
//! sealed, under the hash of what is in the link.

use std::fmt;

use chrono::{DateTime, Duration};
use patchbay_model::{OrgId, PluginId, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::sealed::{self, UnknownForm};

/// How long a link is good: it may be sent to the person.
const PATIENCE: Duration = Duration::hours(1);

/// An authorization that somebody asked for and nobody has begun.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Whose connection it will be.
    pub org: OrgId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// Who asked.
    pub asked_by: String,
    /// From when on it counts no more: an hour after it was asked for.
    pub expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Form {
    org: OrgId,
    plugin: PluginId,
    asked_by: String,
    /// In microseconds since 1970.
    expires_at: i64,
}

impl Ticket {
    /// A ticket that is asked for now.
    #[must_use]
    pub fn new(org: OrgId, plugin: PluginId, asked_by: String, now: Timestamp) -> Self {
        Self { org, plugin, asked_by, expires_at: now + PATIENCE }
    }

    /// The text to seal.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        sealed::to_text(Form {
            org: self.org,
            plugin: self.plugin.clone(),
            asked_by: self.asked_by.clone(),
            expires_at: self.expires_at.timestamp_micros(),
        })
    }

    /// The ticket that was sealed.
    ///
    /// # Errors
    /// If the text is not one of [`Ticket::to_secret`].
    pub fn from_secret(text: &SecretString) -> Result<Self, UnknownForm> {
        const NAME: &str = "ticket";
        let form: Form = sealed::from_text(text, NAME)?;
        let expires_at = DateTime::from_timestamp_micros(form.expires_at).ok_or(UnknownForm(NAME))?;
        Ok(Self { org: form.org, plugin: form.plugin, asked_by: form.asked_by, expires_at })
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("org", &self.org).field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_comes_back_whole() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let org = OrgId(uuid::Uuid::from_u128(7));
        let ticket = Ticket::new(org, "demo".parse().unwrap(), "key_1".to_owned(), now);
        assert_eq!(ticket.expires_at, now + Duration::hours(1));
        assert_eq!(Ticket::from_secret(&ticket.to_secret()).unwrap(), ticket);
        assert!(Ticket::from_secret(&"{}".into()).is_err());
    }
}
