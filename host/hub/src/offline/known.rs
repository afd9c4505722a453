//! What the database said last of installations: their settings, and their credentials as they are sealed there.
//!
//! An opened credential lies in memory for a minute at most, as for every installation that is called. What is kept here is what
//! it is opened from: the sealed bytes and the wrapped data key, which only the vault can make use of.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use patchbay_model::{OrgId, PluginId};

use crate::{hub::lock, tenant::Stored};

/// Whose installation, of which plugin.
pub(crate) type Key = (OrgId, PluginId);

/// How long it counts. Nobody can hear of what is changed elsewhere while the database is away.
const COUNTS: Duration = Duration::from_secs(3_600);

/// Installations that are kept at most; of more than these the later ones are not.
const MOST: usize = 10_000;

/// What was said last.
#[derive(Default)]
pub(crate) struct Known(Mutex<All>);

#[derive(Default)]
struct All {
    installations: HashMap<Key, Said>,
    /// By the token in a webhook's URL.
    tokens: HashMap<String, Key>,
}

struct Said {
    stored: Arc<Stored>,
    at: Instant,
}

impl Known {
    /// Takes note of what the database said.
    pub(crate) fn note(&self, key: &Key, stored: Arc<Stored>, at: Instant) {
        let mut all = lock(&self.0);
        if all.installations.len() >= MOST && !all.installations.contains_key(key) {
            return;
        }
        all.tokens.insert(stored.installation.hook_token.clone(), key.clone());
        all.installations.insert(key.clone(), Said { stored, at });
    }

    /// What it said of an installation, if that counts still.
    pub(crate) fn get(&self, key: &Key, now: Instant) -> Option<Arc<Stored>> {
        let all = lock(&self.0);
        let said = all.installations.get(key).filter(|said| now.duration_since(said.at) < COUNTS)?;
        Some(Arc::clone(&said.stored))
    }

    /// Whose webhooks the URL of this token takes, likewise.
    pub(crate) fn by_token(&self, token: &str, now: Instant) -> Option<Key> {
        let key = lock(&self.0).tokens.get(token).cloned()?;
        self.get(&key, now).map(|_| key)
    }

    /// True if something was known.
    pub(crate) fn forget(&self, key: &Key) -> bool {
        let mut all = lock(&self.0);
        let Some(said) = all.installations.remove(key) else { return false };
        all.tokens.remove(&said.stored.installation.hook_token);
        true
    }

    /// Gives those of which something was known.
    pub(crate) fn forget_org(&self, org: OrgId) -> Vec<Key> {
        let keys: Vec<Key> = lock(&self.0).installations.keys().filter(|(of, _)| *of == org).cloned().collect();
        keys.into_iter().filter(|key| self.forget(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::{
        InstallationId, Timestamp,
        installation::{Installation, VersionPolicy},
    };
    use uuid::Uuid;

    use super::*;

    fn key(org: u128) -> Key {
        (OrgId(Uuid::from_u128(org)), "ivr".parse().unwrap())
    }

    fn stored(org: u128) -> Arc<Stored> {
        let (org, plugin) = key(org);
        let installation = Installation {
            id: InstallationId(Uuid::from_u128(7)),
            org,
            plugin,
            enabled: true,
            config: serde_json::json!({}),
            policy: VersionPolicy::default(),
            approved: None,
            hook_token: format!("token of {org}"),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        Arc::new(Stored { installation, connection: None, oauth: Default::default(), withheld: false })
    }

    #[test]
    fn what_was_said_counts_for_an_hour_and_until_it_is_changed() {
        let (known, begun) = (Known::default(), Instant::now());
        for org in [1, 2] {
            known.note(&key(org), stored(org), begun);
        }
        let token = stored(1).installation.hook_token.clone();
        assert_eq!(known.by_token(&token, begun), Some(key(1)));
        assert!(known.get(&key(1), begun + COUNTS).is_none());
        assert_eq!(known.by_token(&token, begun + COUNTS), None);
        assert_eq!(known.forget_org(key(1).0), [key(1)]);
        assert!(known.get(&key(1), begun).is_none() && known.by_token(&token, begun).is_none());
        assert!(known.get(&key(2), begun).is_some(), "another organization's stays");
        assert!(known.forget(&key(2)) && !known.forget(&key(2)));
    }
}
