//! Who is calling: API keys.
//!
//! A key is found by its HMAC, so neither the database nor the cache holds a key that somebody could
//! use. What is cached is checked against the clock on each use, because a key expires without anybody
//! telling the cache; revoking tells it.

use patchbay_model::{ApiKeyId, Code, Failure, OrgId, org::ApiKey, org::Scope};

use crate::hub::Hub;

/// What every API key starts with.
const PREFIX: &str = "pb_";
/// The prefix and 32 bytes in base64url.
const LENGTH: usize = PREFIX.len() + 43;

/// A set of [`Scope`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    const fn bit(scope: Scope) -> u8 {
        match scope {
            Scope::Invoke => 1,
            Scope::Read => 2,
            Scope::Admin => 4,
            Scope::Operator => 8,
        }
    }

    /// True if the scope is in the set.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & Self::bit(scope) != 0
    }

    /// The scopes of the set, in the order of [`Scope`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | Self::bit(scope)))
    }
}

/// Somebody whose key was good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// For which org they act.
    pub org: OrgId,
    /// With which key.
    pub key: ApiKeyId,
    /// What they may do.
    pub scopes: Scopes,
}

impl Caller {
    /// Fails with `scope_missing` if the key does not have the scope. No scope implies another.
    pub fn require(&self, scope: Scope) -> Result<(), Failure> {
        if self.scopes.contains(scope) {
            return Ok(());
        }
        Err(Failure::new(Code::ScopeMissing, format!("this needs an API key with the scope `{}`", scope.as_str())))
    }
}

impl Hub {
    /// The caller behind an API key (the key alone, without `Bearer `). `unauthenticated` for one that
    /// is malformed, unknown or revoked; `key_expired` for one that was good once.
    pub async fn authenticate(&self, presented: &str) -> Result<Caller, Failure> {
        if !looks_like_a_key(presented) {
            return Err(Failure::new(Code::Unauthenticated, "an API key starts with `pb_` and has 46 characters"));
        }
        let hub = &*self.0;
        let hash = hub.hasher.hash(presented);
        let load = || async {
            let mut tx = hub.database.read().await?;
            Ok::<_, Failure>(tx.hub().api_key_by_hash(&hash).await?)
        };
        let Some(key) = hub.keys.get(&hash, load).await? else {
            return Err(Failure::new(Code::Unauthenticated, "there is no such API key"));
        };
        check(&key, hub.clock.now())
    }
}

/// True for what could be an API key. Costs nothing, so junk never reaches the database.
pub(crate) fn looks_like_a_key(text: &str) -> bool {
    text.len() == LENGTH
        && text
            .strip_prefix(PREFIX)
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'))
}

fn check(key: &ApiKey, now: patchbay_model::Timestamp) -> Result<Caller, Failure> {
    if key.revoked_at.is_some() {
        return Err(Failure::new(Code::Unauthenticated, "the API key was revoked"));
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err(Failure::new(Code::KeyExpired, ""));
    }
    Ok(Caller { org: key.org, key: key.id, scopes: key.scopes.iter().copied().collect() })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::{NewApiKey, testing::TestHub};

    #[test]
    fn scopes_do_not_imply_each_other() {
        let scopes: Scopes = [Scope::Admin].into_iter().collect();
        assert!(scopes.contains(Scope::Admin) && !scopes.contains(Scope::Read));
        assert_eq!(scopes.iter().collect::<Vec<_>>(), [Scope::Admin]);
    }

    #[test]
    fn junk_does_not_look_like_a_key() {
        let good = format!("pb_{}", "aZ0-_".repeat(9).get(..43).unwrap());
        assert!(looks_like_a_key(&good));
        for junk in ["", "pb_", "sk-abc", &good.replace("pb_", "pc_"), &format!("{good}x"), &good.replace('0', "é")] {
            assert!(!looks_like_a_key(junk), "{junk}");
        }
    }

    async fn code(test: &TestHub, key: &str) -> Code {
        test.hub.authenticate(key).await.unwrap_err().code
    }

    #[tokio::test]
    async fn a_key_opens_its_own_org_with_its_own_scopes() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let key = test.key(&org, &[Scope::Read]).await;
        let caller = test.hub.authenticate(key.expose_secret()).await.unwrap();
        assert_eq!(caller.org, org.id);
        caller.require(Scope::Read).unwrap();
        assert_eq!(caller.require(Scope::Invoke).unwrap_err().code, Code::ScopeMissing);
    }

    #[tokio::test]
    async fn an_unknown_key_is_nobodys() {
        let test = TestHub::open().await;
        assert_eq!(code(&test, &format!("pb_{}", "A".repeat(43))).await, Code::Unauthenticated);
        assert_eq!(code(&test, "sk-something").await, Code::Unauthenticated);
    }

    #[tokio::test]
    async fn a_key_expires_by_the_clock_also_when_it_is_cached() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let expires_at = Some(test.hub.0.clock.now() + chrono::Duration::minutes(1));
        let new = NewApiKey { name: "short".to_owned(), scopes: vec![Scope::Read], expires_at };
        let (_, key) = test.hub.create_api_key(org.id, new).await.unwrap();
        test.hub.authenticate(key.expose_secret()).await.unwrap();
        test.clock.advance(chrono::Duration::minutes(1));
        assert_eq!(code(&test, key.expose_secret()).await, Code::KeyExpired);
    }

    #[tokio::test]
    async fn a_revoked_key_stops_working_at_once() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let new = NewApiKey { name: "leaked".to_owned(), scopes: vec![Scope::Read], expires_at: None };
        let (stored, key) = test.hub.create_api_key(org.id, new).await.unwrap();
        test.hub.authenticate(key.expose_secret()).await.unwrap();
        test.hub.revoke_api_key(org.id, stored.id).await.unwrap();
        assert_eq!(code(&test, key.expose_secret()).await, Code::Unauthenticated);
        test.hub.revoke_api_key(org.id, stored.id).await.unwrap();
    }

    #[tokio::test]
    async fn another_orgs_key_cannot_be_revoked() {
        let test = TestHub::open().await;
        let (ours, theirs) = (test.org().await, test.org().await);
        let caller = test.caller(&theirs).await;
        assert_eq!(test.hub.revoke_api_key(ours.id, caller.key).await.unwrap_err().code, Code::NotFound);
    }

    #[tokio::test]
    async fn a_key_needs_a_name_scopes_and_a_future() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let new = |name: &str, scopes: &[Scope], expires_at| NewApiKey {
            name: name.to_owned(),
            scopes: scopes.to_vec(),
            expires_at,
        };
        let now = Some(test.hub.0.clock.now());
        for (new, pointer) in [
            (new("", &[Scope::Read], None), "/name"),
            (new("x", &[], None), "/scopes"),
            (new("x", &[Scope::Read], now), "/expires_at"),
        ] {
            let failure = test.hub.create_api_key(org.id, new).await.unwrap_err();
            assert_eq!(failure.violations[0].pointer, pointer);
        }
    }
}
