use std::collections::BTreeMap;

use patchbay_model::{ConnectionId, installation::SealedConnection};
use patchbay_oauth::{OauthError, Parties, VendorAnswer};
use patchbay_package::manifest::oauth::Grant;
use secrecy::ExposeSecret as _;

use super::*;
use crate::testing::TestHub;

const TIME: Duration = Duration::from_secs(20);

struct Scene {
    test: TestHub,
    store: TokenStore,
    key: Key,
}

fn granted(access: &str, clock: &dyn Clock) -> Tokens {
    Tokens {
        access: access.into(),
        refresh: Some(format!("refresh-of-{access}").into()),
        grant: Grant::AuthorizationCode,
        parties: Parties { client_id: "hub".to_owned(), origin: "https://auth.example.com".to_owned() },
        issued_at: clock.now(),
        expires_at: None,
        due_at: None,
        scopes: vec!["read".to_owned()],
        account: patchbay_oauth::Account::default(),
        kept: BTreeMap::new(),
    }
}

impl Scene {
    /// A connection with tokens under the version 10.
    async fn new() -> Self {
        let test = TestHub::open().await;
        let (org, plugin) = (test.org().await.id, "demo".parse::<PluginId>().unwrap());
        let inner = &test.hub.0;
        let store = TokenStore {
            database: inner.database.clone(),
            vault: Arc::clone(&inner.vault),
            tenants: Arc::clone(&inner.tenants),
            clock: Arc::clone(&inner.clock),
            random: Arc::clone(&inner.random),
            links: inner.links.clone(),
        };
        let now = inner.clock.now();
        let tokens = granted("access-1", &*inner.clock);
        let mut tx = inner.database.begin().await.unwrap();
        let id = ConnectionId::new(&*inner.clock, &*inner.random);
        let sealed = inner.vault.seal_connection(&mut tx.org(org), id, &plugin, &BTreeMap::new()).await.unwrap();
        let connection = SealedConnection {
            id,
            org,
            plugin: plugin.clone(),
            credentials: Vec::new(),
            account: None,
            sealed,
            created_at: now,
            updated_at: now,
        };
        tx.org(org).connections().put(&connection).await.unwrap();
        let row = SealedTokens {
            org,
            plugin: plugin.clone(),
            sealed: tokens::seal(&inner.vault, &mut tx.org(org), &plugin, &tokens).await.unwrap(),
            version: 10,
            client_id: "hub".to_owned(),
            granted_by: "authorization-code".to_owned(),
            scopes: Vec::new(),
            account_id: None,
            account_name: None,
            expires_at: None,
            due_at: None,
            refused: None,
            failing: None,
            authorized_at: now,
            renewed_at: now,
        };
        tx.org(org).oauth_tokens().put(&row).await.unwrap();
        tx.commit().await.unwrap();
        Self { store, key: (org, plugin), test }
    }

    async fn acquire(&self) -> Option<(Lease, Stored)> {
        match self.store.acquire(&self.key, TIME).await.unwrap() {
            Acquired::Mine(lease, stored) => Some((lease, stored)),
            Acquired::Theirs => None,
            Acquired::Gone => panic!("it is gone"),
        }
    }

    fn tokens(&self, access: &str) -> Tokens {
        granted(access, &*self.test.hub.0.clock)
    }

    /// Time passes, also for a server that has a clock of its own.
    async fn pass(&self, seconds: i64) {
        self.test.clock.advance(chrono::Duration::seconds(seconds));
        if let Some(database) = &self.test.database {
            let sql = format!("UPDATE oauth_token SET lease_until = lease_until - {seconds} * 1000000::int8");
            database.execute(&sql).await;
        }
    }

    async fn delete(&self) {
        let mut tx = self.store.database.begin().await.unwrap();
        assert!(tx.org(self.key.0).connections().delete(&self.key.1).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn events(&self) -> Vec<String> {
        let mut tx = self.store.database.read().await.unwrap();
        let events = tx.org(self.key.0).events().list(0, &[], 100).await.unwrap();
        events.into_iter().map(|(_, event)| event.kind).collect()
    }
}

fn access(committed: &Committed) -> (u64, &str) {
    match committed {
        Committed::Stored(stored) | Committed::Newer(stored) => (stored.version, stored.tokens.access.expose_secret()),
        Committed::Gone => panic!("it is gone"),
    }
}

fn refused() -> OauthError {
    OauthError::InvalidGrant(VendorAnswer { status: 400, code: Some("invalid_grant".to_owned()), description: None })
}

#[tokio::test]
async fn a_node_that_dies_holds_the_right_until_its_time_is_over_and_what_it_stored_late_counts() {
    let scene = Scene::new().await;
    let (dead, stored) = scene.acquire().await.unwrap();
    assert_eq!(stored.version, 10);
    scene.pass(10).await;
    assert!(scene.acquire().await.is_none());
    scene.pass(10).await;
    let (next, stored) = scene.acquire().await.unwrap();
    assert_eq!((stored.version, stored.tokens.access.expose_secret()), (10, "access-1"));
    assert!(!scene.store.extend(&dead, TIME).await.unwrap(), "another one has it");
    // It was only slow.
    let late = scene.store.commit(&dead, 10, &scene.tokens("access-2")).await.unwrap();
    assert!(matches!(late, Committed::Stored(_)));
    let lost = scene.store.commit(&next, 10, &scene.tokens("access-3")).await.unwrap();
    assert!(matches!(lost, Committed::Newer(_)));
    assert_eq!((access(&late), access(&lost)), ((11, "access-2"), (11, "access-2")));
}

#[tokio::test]
async fn a_right_that_is_extended_outlasts_its_time() {
    let scene = Scene::new().await;
    let (lease, _) = scene.acquire().await.unwrap();
    for _ in 0..5 {
        scene.pass(15).await;
        assert!(scene.store.extend(&lease, TIME).await.unwrap());
        assert!(scene.acquire().await.is_none());
    }
    scene.store.release(&lease).await;
    assert!(scene.acquire().await.is_some());
}

/// The database committed and could not say so.
#[tokio::test]
async fn a_commit_of_which_only_the_news_was_lost_is_found_by_the_next() {
    let scene = Scene::new().await;
    let (lease, _) = scene.acquire().await.unwrap();
    let tokens = scene.tokens("access-2");
    scene.store.commit(&lease, 10, &tokens).await.unwrap();
    let again = scene.store.commit(&lease, 10, &tokens).await.unwrap();
    assert!(matches!(again, Committed::Newer(_)));
    assert_eq!(access(&again), (11, "access-2"));
    assert_eq!(scene.store.read_newer(&scene.key, 10).await.unwrap().unwrap().version, 11);
    assert!(scene.store.read_newer(&scene.key, 11).await.unwrap().is_none());
}

#[tokio::test]
async fn what_a_person_must_know_is_told_once_and_ends_with_tokens_that_are_good() {
    let scene = Scene::new().await;
    let (lease, _) = scene.acquire().await.unwrap();
    let why = Reauthorization { reason: refused(), at: scene.store.clock.now() };
    for _ in 0..2 {
        let marked = scene.store.require_authorization(&lease, 10, &why).await.unwrap();
        assert!(matches!(marked, Committed::Stored(Stored { needs_authorization: true, version: 10, .. })));
    }
    assert_eq!(scene.events().await, ["connection.reauthorization_needed"]);
    let stored = scene.store.commit(&lease, 10, &scene.tokens("access-2")).await.unwrap();
    assert!(matches!(stored, Committed::Stored(Stored { needs_authorization: false, .. })));
    let stale = scene.store.require_authorization(&lease, 10, &why).await.unwrap();
    assert!(matches!(stale, Committed::Newer(_)), "of tokens that are not stored any more");
    assert_eq!(scene.events().await.len(), 1);
}

#[tokio::test]
async fn a_failure_that_may_pass_is_told_once_of_each_kind() {
    let scene = Scene::new().await;
    let (lease, _) = scene.acquire().await.unwrap();
    let failing = |kind| Failing { kind, reason: refused(), at: scene.store.clock.now() };
    for kind in [FailingKind::ClientRejected, FailingKind::ClientRejected, FailingKind::GrantRefused] {
        scene.store.note_failing(&lease, 10, &failing(kind)).await.unwrap();
    }
    scene.store.note_failing(&lease, 9, &failing(FailingKind::ClientRejected)).await.unwrap();
    assert_eq!(scene.events().await, ["connection.client_rejected", "connection.reauthorization_needed"]);
}

#[tokio::test]
async fn a_connection_that_is_gone_takes_nothing_and_what_came_for_it_waits_to_be_given_back() {
    let scene = Scene::new().await;
    let (lease, _) = scene.acquire().await.unwrap();
    scene.delete().await;
    let tokens = scene.tokens("access-2");
    assert!(matches!(scene.store.commit(&lease, 10, &tokens).await.unwrap(), Committed::Gone));
    assert!(!scene.store.extend(&lease, TIME).await.unwrap());
    assert!(matches!(scene.store.acquire(&scene.key, TIME).await.unwrap(), Acquired::Gone));
    scene.store.revoke_later(&scene.key, &tokens).await.unwrap();
    let mut tx = scene.store.database.read().await.unwrap();
    let due = tx.hub().due_oauth_revocations(scene.store.clock.now(), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].0, scene.key.0);
}
