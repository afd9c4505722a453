//! What a vendor gave: the tokens, how long they are good, and what they are good for.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Duration};
use patchbay_model::Timestamp;
use patchbay_package::manifest::oauth::Grant;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::{
    Parties,
    sealed::{self, Exposed, UnknownForm},
};

/// A token that ends within this time is not handed out any more: the request that carries it needs some as well.
const LEEWAY: Duration = Duration::seconds(10);

/// Whose account it is at the vendor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What stays the same; at most 500 characters.
    pub id: Option<String>,
    /// What people call it; at most 500 characters.
    pub name: Option<String>,
}

/// A connection's tokens. The secrets in it are in no text for people.
#[derive(Clone)]
pub struct Tokens {
    /// What fills the credential.
    pub access: SecretString,
    /// What gets the next one, if the vendor gave it.
    pub refresh: Option<SecretString>,
    /// By which grant they were got, and are got again if there is no refresh token.
    pub grant: Grant,
    /// Whose client got them, and where: they are renewed and given back there and nowhere else.
    pub parties: Parties,
    /// When the vendor was asked for the access token.
    pub issued_at: Timestamp,
    /// When the access token ends, by the vendor's word or the manifest's; none: when the vendor refuses it.
    pub expires_at: Option<Timestamp>,
    /// When it should be renewed; none if it does not end, or if only a person can get another one.
    pub due_at: Option<Timestamp>,
    /// What was granted, by the vendor's word, else what was asked for.
    pub scopes: Vec<String>,
    /// Whose account it is, as far as that is known.
    pub account: Account,
    /// What the manifest's `keep` found in the answer. No secrets.
    pub kept: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Form {
    access: Exposed,
    refresh: Option<Exposed>,
    grant: Grant,
    parties: Parties,
    /// Times are in microseconds since 1970.
    issued_at: i64,
    expires_at: Option<i64>,
    due_at: Option<i64>,
    scopes: Vec<String>,
    account: Account,
    kept: BTreeMap<String, String>,
}

impl Tokens {
    /// The text to seal.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        let micros = |at: &Timestamp| at.timestamp_micros();
        sealed::to_text(Form {
            access: Exposed(self.access.clone()),
            refresh: self.refresh.clone().map(Exposed),
            grant: self.grant,
            parties: self.parties.clone(),
            issued_at: micros(&self.issued_at),
            expires_at: self.expires_at.as_ref().map(micros),
            due_at: self.due_at.as_ref().map(micros),
            scopes: self.scopes.clone(),
            account: self.account.clone(),
            kept: self.kept.clone(),
        })
    }

    /// The tokens that were sealed.
    ///
    /// # Errors
    /// If the text is not one of [`Tokens::to_secret`].
    pub fn from_secret(text: &SecretString) -> Result<Self, UnknownForm> {
        let form: Form = sealed::from_text(text, "token")?;
        let time = |micros| DateTime::from_timestamp_micros(micros).unwrap_or_default();
        Ok(Self {
            access: form.access.0,
            refresh: form.refresh.map(|refresh| refresh.0),
            grant: form.grant,
            parties: form.parties,
            issued_at: time(form.issued_at),
            expires_at: form.expires_at.map(time),
            due_at: form.due_at.map(time),
            scopes: form.scopes,
            account: form.account,
            kept: form.kept,
        })
    }

    /// True if there is a way to get others in their place without a person.
    #[must_use]
    pub fn is_renewable(&self) -> bool {
        self.refresh.is_some() || self.grant != Grant::AuthorizationCode
    }

    /// True if it is time to renew them.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|at| at <= now) || !self.is_usable(now)
    }

    /// True if a request that begins now may still carry the access token.
    #[must_use]
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now + LEEWAY < at)
    }

    /// These tokens as what `old` became by a renewal: what the vendor did not say again stays.
    pub(crate) fn in_place_of(mut self, old: &Self) -> Self {
        let Account { id, name } = &old.account;
        self.account.id = self.account.id.or_else(|| id.clone());
        self.account.name = self.account.name.or_else(|| name.clone());
        for (name, value) in &old.kept {
            self.kept.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if self.refresh.is_none() {
            self.refresh = old.refresh.clone();
        }
        self
    }

    /// The secrets, for a redactor.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.access).chain(&self.refresh).map(|secret| secret.expose_secret())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("grant", &self.grant)
            .field("refresh", &self.refresh.is_some())
            .field("expires_at", &self.expires_at)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn tokens() -> Tokens {
        Tokens {
            access: "canary-access".into(),
            refresh: Some("canary-refresh".into()),
            grant: Grant::AuthorizationCode,
            parties: Parties { client_id: "hub".to_owned(), origin: "https://auth.example.com".to_owned() },
            issued_at: at(0),
            expires_at: Some(at(3_600)),
            due_at: Some(at(3_300)),
            scopes: vec!["read".to_owned()],
            account: Account { id: Some("7".to_owned()), name: None },
            kept: BTreeMap::from([("instance_url".to_owned(), "https://eu.example.com".to_owned())]),
        }
    }

    #[test]
    fn what_was_sealed_comes_back_whole() {
        let back = Tokens::from_secret(&tokens().to_secret()).unwrap();
        assert_eq!(back.to_secret().expose_secret(), tokens().to_secret().expose_secret());
        assert_eq!(back.access.expose_secret(), "canary-access");
        assert_eq!((back.issued_at, back.expires_at, back.due_at), (at(0), Some(at(3_600)), Some(at(3_300))));
    }

    #[test]
    fn a_text_of_another_kind_is_refused_without_being_shown() {
        let other = tokens().to_secret().expose_secret().replace("\"v\":1", "\"v\":2");
        for text in ["", "canary-access", "{\"access\":\"canary-access\"}", &other] {
            let error = Tokens::from_secret(&text.into()).unwrap_err();
            assert_eq!(error.to_string(), "the stored token has an unknown form: authorize the connection again");
        }
    }

    #[test]
    fn a_token_is_due_before_it_ends_and_usable_until_ten_seconds_before() {
        let tokens = tokens();
        assert!(!tokens.is_due(at(3_299)) && tokens.is_due(at(3_300)));
        assert!(tokens.is_usable(at(3_589)) && !tokens.is_usable(at(3_590)));
        let endless = Tokens { expires_at: None, due_at: None, ..tokens.clone() };
        assert!(!endless.is_due(at(1 << 30)) && endless.is_usable(at(1 << 30)));
        let last = Tokens { due_at: None, ..tokens };
        assert!(!last.is_due(at(3_589)) && last.is_due(at(3_590)));
    }

    #[test]
    fn a_renewal_keeps_what_the_vendor_did_not_say_again() {
        let new = Tokens {
            access: "new".into(),
            refresh: None,
            account: Account { id: None, name: Some("acme".to_owned()) },
            kept: BTreeMap::new(),
            ..tokens()
        };
        let now = new.in_place_of(&tokens());
        assert_eq!(now.refresh.as_ref().unwrap().expose_secret(), "canary-refresh");
        assert_eq!(now.account, Account { id: Some("7".to_owned()), name: Some("acme".to_owned()) });
        assert_eq!(now.kept["instance_url"], "https://eu.example.com");
    }

    #[test]
    fn no_text_for_people_holds_a_token() {
        assert!(!format!("{:?}", tokens()).contains("canary"));
    }
}
