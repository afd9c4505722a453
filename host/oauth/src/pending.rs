//! An authorization between the hub's redirect and the browser's return.
//!
//! The hub seals [`Pending::to_secret`] under the hash of the state and takes it out with one statement that deletes it:
//! that makes it count once, also when two answers come at the same moment. Rejected: to put all of it, sealed, into
//! the state itself, which needs no storage but counts as often as somebody sends it.

use std::fmt;

use chrono::DateTime;
use patchbay_model::{OrgId, PluginId, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    Callback, CallbackError, Parties, StateHash,
    sealed::{self, Exposed, UnknownForm},
};

/// What waits for the browser's return. Its code verifier is in no text for people.
pub struct Pending {
    /// Whose connection it will be.
    pub org: OrgId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// Where the vendor sends the browser to.
    pub redirect: Url,
    /// Who began.
    pub asked_by: String,
    /// What was asked for.
    pub scopes: Vec<String>,
    /// Between whom: the code goes to no other token endpoint and through no other client.
    pub parties: Parties,
    /// What the vendor's answer says it is from, if it must say so.
    pub issuer: Option<String>,
    /// The vendor's id of the only account that it may be; none: any. To be set before it is sealed.
    pub account: Option<String>,
    /// From when on the answer counts no more: 10 minutes after it began.
    pub expires_at: Timestamp,
    pub(crate) state: StateHash,
    pub(crate) nonce: StateHash,
    pub(crate) verifier: Option<SecretString>,
}

/// A person's consent: a code that gets tokens once.
pub struct Consent {
    pub(crate) code: SecretString,
    pub(crate) verifier: Option<SecretString>,
    pub(crate) redirect: Url,
    pub(crate) scopes: Vec<String>,
    pub(crate) parties: Parties,
}

#[derive(Serialize, Deserialize)]
struct Form {
    org: OrgId,
    plugin: PluginId,
    redirect: String,
    asked_by: String,
    scopes: Vec<String>,
    parties: Parties,
    issuer: Option<String>,
    account: Option<String>,
    /// In microseconds since 1970.
    expires_at: i64,
    state: StateHash,
    nonce: StateHash,
    verifier: Option<Exposed>,
}

impl Pending {
    /// The text to seal.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        sealed::to_text(Form {
            org: self.org,
            plugin: self.plugin.clone(),
            redirect: self.redirect.to_string(),
            asked_by: self.asked_by.clone(),
            scopes: self.scopes.clone(),
            parties: self.parties.clone(),
            issuer: self.issuer.clone(),
            account: self.account.clone(),
            expires_at: self.expires_at.timestamp_micros(),
            state: self.state,
            nonce: self.nonce,
            verifier: self.verifier.clone().map(Exposed),
        })
    }

    /// The authorization that was sealed.
    ///
    /// # Errors
    /// If the text is not one of [`Pending::to_secret`].
    pub fn from_secret(text: &SecretString) -> Result<Self, UnknownForm> {
        const NAME: &str = "authorization";
        let form: Form = sealed::from_text(text, NAME)?;
        Ok(Self {
            org: form.org,
            plugin: form.plugin,
            redirect: Url::parse(&form.redirect).map_err(|_| UnknownForm(NAME))?,
            asked_by: form.asked_by,
            scopes: form.scopes,
            parties: form.parties,
            issuer: form.issuer,
            account: form.account,
            expires_at: DateTime::from_timestamp_micros(form.expires_at).ok_or(UnknownForm(NAME))?,
            state: form.state,
            nonce: form.nonce,
            verifier: form.verifier.map(|verifier| verifier.0),
        })
    }

    /// Takes the browser's answer. `plugin` is the one that the hub's redirect URL named: an answer of one vendor is not
    /// given to another. `nonce` is the browser's cookie.
    ///
    /// # Errors
    /// If the answer is not for this authorization, comes too late or from another browser, or says no.
    pub fn redeem(
        self,
        callback: Callback,
        plugin: &PluginId,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Consent, CallbackError> {
        if now >= self.expires_at || !callback.answers(self.state) || *plugin != self.plugin {
            return Err(CallbackError::NotPending);
        }
        if !nonce.is_some_and(|nonce| self.nonce.is_of(nonce)) {
            return Err(CallbackError::OtherBrowser);
        }
        let code = callback.into_code(self.issuer.as_deref())?;
        let Self { verifier, redirect, scopes, parties, .. } = self;
        Ok(Consent { code, verifier, redirect, scopes, parties })
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("org", &self.org)
            .field("plugin", &self.plugin)
            .field("asked_by", &self.asked_by)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consent([redacted])")
    }
}

#[cfg(test)]
mod tests;
