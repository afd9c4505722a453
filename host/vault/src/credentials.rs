//! An org's credentials for a plugin, opened: for the host's own use, never for a guest's.

use std::{collections::BTreeMap, fmt};

use patchbay_model::Timestamp;
use secrecy::SecretString;

/// The values of one credential.
#[derive(Clone)]
pub struct CredentialValues {
    /// The one to use.
    pub current: SecretString,
    /// The one before it, and until when it still counts: a vendor that rotates a secret signs with both for a while.
    pub previous: Option<(SecretString, Timestamp)>,
}

impl fmt::Debug for CredentialValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.previous.as_ref().map(|(_, until)| until);
        f.debug_struct("CredentialValues").field("previous_until", &until).finish_non_exhaustive()
    }
}

/// All credentials of a connection. Its text for people holds their names only.
#[derive(Clone, Default)]
pub struct Credentials {
    values: BTreeMap<String, CredentialValues>,
}

impl Credentials {
    /// From these, by name.
    #[must_use]
    pub fn new(values: BTreeMap<String, CredentialValues>) -> Self {
        Self { values }
    }

    /// The values of a credential that count now, the current one first; none if it has no value.
    #[must_use]
    pub fn get(&self, name: &str, now: Timestamp) -> Vec<&SecretString> {
        let Some(values) = self.values.get(name) else { return Vec::new() };
        let previous = values.previous.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
        std::iter::once(&values.current).chain(previous).collect()
    }

    /// Names of the credentials that have a value, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// True if no credential has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All values by name, to make new ones from.
    #[must_use]
    pub fn values(&self) -> &BTreeMap<String, CredentialValues> {
        &self.values
    }

    /// Every secret, also one that counts no more: what must never be seen.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.values.values().flat_map(|values| {
            std::iter::once(&values.current).chain(values.previous.as_ref().map(|(secret, _)| secret))
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credentials").field(&self.values.keys().collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn credentials(until: Timestamp) -> Credentials {
        let values = CredentialValues { current: "new".into(), previous: Some(("old".into(), until)) };
        Credentials::new(BTreeMap::from([("secret_key".to_owned(), values)]))
    }

    #[test]
    fn the_previous_value_counts_until_its_instant_and_not_at_it() {
        let until = DateTime::from_timestamp_micros(1_000_000).unwrap();
        let before = DateTime::from_timestamp_micros(999_999).unwrap();
        let credentials = credentials(until);
        let at = |now| credentials.get("secret_key", now).iter().map(|s| s.expose_secret()).collect::<Vec<_>>();
        assert_eq!(at(before), ["new", "old"]);
        assert_eq!(at(until), ["new"]);
    }

    #[test]
    fn a_name_without_a_value_gives_nothing() {
        assert!(credentials(Timestamp::default()).get("other", Timestamp::default()).is_empty());
    }

    #[test]
    fn secrets_hold_also_what_counts_no_more() {
        assert_eq!(credentials(Timestamp::default()).secrets().count(), 2);
    }

    #[test]
    fn debug_output_shows_names_and_no_secret() {
        let credentials = credentials(Timestamp::default());
        let text = format!("{credentials:?} {:?}", credentials.values().values().collect::<Vec<_>>());
        assert!(text.contains("secret_key"));
        assert!(!text.contains("new\"") && !text.contains("old"), "{text}");
    }
}
