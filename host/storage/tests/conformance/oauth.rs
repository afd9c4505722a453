//! Tokens, clients and authorizations: who may renew, which write counts, and what counts once.

use std::time::Duration;

use patchbay_model::{
    OrgId, RevocationId,
    oauth::{
        AuthorizationStage, DueTokens, Failing, FailingKind, Refused, SealedAuthorization, SealedClient,
        SealedRevocation, SealedTokens,
    },
};
use patchbay_storage::StorageError;

use crate::{Store, isolation::connection, store::plugin};

const HOUR: Duration = Duration::from_secs(3_600);

pub fn tokens(store: &Store, org: OrgId, version: u64) -> SealedTokens {
    SealedTokens {
        org,
        plugin: plugin("openai"),
        sealed: vec![0, 255, 2],
        version,
        client_id: "hub".to_owned(),
        granted_by: "authorization-code".to_owned(),
        scopes: vec!["read".to_owned()],
        account_id: Some("7".to_owned()),
        account_name: None,
        expires_at: Some(store.later(3_600_000)),
        due_at: Some(store.later(3_300_000)),
        failing: None,
        refused: None,
        authorized_at: store.now(),
        renewed_at: store.now(),
    }
}

pub fn authorization(store: &Store, org: OrgId, state: u8) -> SealedAuthorization {
    store.tick();
    SealedAuthorization {
        org,
        plugin: plugin("openai"),
        stage: AuthorizationStage::Browser,
        state: [state; 32],
        sealed: vec![state],
        expires_at: store.later(600_000),
    }
}

pub fn client(store: &Store, org: OrgId) -> SealedClient {
    SealedClient {
        org,
        plugin: plugin("openai"),
        client_id: "own".to_owned(),
        sealed: vec![1, 0],
        created_at: store.now(),
        updated_at: store.now(),
    }
}

/// An org with a connection and its tokens.
async fn connected(store: &Store, org: OrgId) -> SealedTokens {
    let (connection, tokens) = (connection(store, org), tokens(store, org, 10));
    let mut tx = store.database.begin().await.unwrap();
    tx.org(org).connections().put(&connection).await.unwrap();
    assert_eq!(tx.org(org).oauth_tokens().put(&tokens).await.unwrap(), 10);
    tx.commit().await.unwrap();
    tokens
}

pub async fn tokens_belong_to_a_connection_and_go_with_it(store: Store) {
    let lost = tokens(&store, store.ours, 1);
    let mut tx = store.database.begin().await.unwrap();
    let refused = tx.org(store.ours).oauth_tokens().put(&lost).await;
    assert!(matches!(refused, Err(StorageError::Missing(_))), "{refused:?}");
    drop(tx);

    let ours = connected(&store, store.ours).await;
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.org(store.ours).oauth_tokens().get(&ours.plugin).await.unwrap(), Some(ours.clone()));
    // Another put of the connection's other credentials changes nothing here.
    let again = connection(&store, store.ours);
    tx.org(store.ours).connections().put(&again).await.unwrap();
    assert!(tx.org(store.ours).oauth_tokens().get(&ours.plugin).await.unwrap().is_some());
    assert!(tx.org(store.ours).connections().delete(&ours.plugin).await.unwrap());
    assert_eq!(tx.org(store.ours).oauth_tokens().get(&ours.plugin).await.unwrap(), None);
}

pub async fn an_org_does_not_see_anothers_tokens_and_clients(store: Store) {
    let ours = connected(&store, store.ours).await;
    let client = client(&store, store.ours);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).oauth_clients().put(&client).await.unwrap();

    let mut theirs = tx.org(store.theirs);
    assert_eq!(theirs.oauth_tokens().get(&ours.plugin).await.unwrap(), None);
    assert_eq!(theirs.oauth_tokens().lend(&ours.plugin, &[1; 16], store.now(), HOUR).await.unwrap(), None);
    assert!(!theirs.oauth_tokens().renew(10, &ours).await.unwrap());
    let refused = Refused { at: store.now(), reason: "no".to_owned() };
    assert!(!theirs.oauth_tokens().refuse(&ours.plugin, 10, &refused).await.unwrap());
    assert_eq!(theirs.oauth_clients().get(&client.plugin).await.unwrap(), None);
    assert!(!theirs.oauth_clients().delete(&client.plugin).await.unwrap());
    assert_eq!(tx.org(store.ours).oauth_tokens().get(&ours.plugin).await.unwrap(), Some(ours));
    assert_eq!(tx.org(store.ours).oauth_clients().get(&client.plugin).await.unwrap(), Some(client.clone()));
    assert!(tx.org(store.ours).oauth_clients().delete(&client.plugin).await.unwrap());
}

pub async fn who_has_connected_an_account_by_a_client_is_known_over_all_orgs(store: Store) {
    let (ours, theirs) = (connected(&store, store.ours).await, connected(&store, store.theirs).await);
    let mut both = vec![(store.ours, "7".to_owned()), (store.theirs, "7".to_owned())];
    both.sort_unstable();
    let mut tx = store.database.read().await.unwrap();
    let mut hub = tx.hub();
    let plugin = &ours.plugin;
    assert_eq!(hub.orgs_of_accounts(plugin, "hub", &["8", "7"], 10).await.unwrap(), both);
    assert_eq!(hub.orgs_of_accounts(plugin, "hub", &["7"], 1).await.unwrap(), both[..1]);
    assert_eq!(hub.orgs_of_accounts(plugin, "another", &["7"], 10).await.unwrap(), []);
    assert_eq!(hub.orgs_of_accounts(plugin, "hub", &["8", "", "'"], 10).await.unwrap(), []);
    assert_eq!(hub.orgs_of_accounts(&crate::store::plugin("slack"), "hub", &["7"], 10).await.unwrap(), []);
    drop(tx);
    // what the vendor takes no more is disconnected
    let refused = Refused { at: store.now(), reason: "no".to_owned() };
    let mut tx = store.database.begin().await.unwrap();
    assert!(tx.org(store.theirs).oauth_tokens().refuse(&theirs.plugin, 10, &refused).await.unwrap());
    tx.commit().await.unwrap();
    let mut tx = store.database.read().await.unwrap();
    let left = tx.hub().orgs_of_accounts(plugin, "hub", &["7"], 10).await.unwrap();
    assert_eq!(left, [(store.ours, "7".to_owned())]);
}

pub async fn one_at_a_time_may_renew_until_its_time_is_over(store: Store) {
    let ours = connected(&store, store.ours).await;
    let mut tx = store.database.begin().await.unwrap();
    let mut org = tx.org(store.ours);
    let (now, plugin) = (store.now(), &ours.plugin);
    assert_eq!(org.oauth_tokens().lend(plugin, &[1; 16], now, HOUR).await.unwrap(), Some(ours.clone()));
    assert_eq!(org.oauth_tokens().lend(plugin, &[2; 16], now, HOUR).await.unwrap(), None);
    // What is not one's own cannot be given back or made to last.
    org.oauth_tokens().give_back(plugin, &[2; 16]).await.unwrap();
    assert!(!org.oauth_tokens().extend(plugin, &[2; 16], now, Duration::ZERO).await.unwrap());
    assert_eq!(org.oauth_tokens().lend(plugin, &[2; 16], now, HOUR).await.unwrap(), None);
    // Whose time the lease is by is the database's business, so it ends here by being made to last for nothing.
    assert!(org.oauth_tokens().extend(plugin, &[1; 16], now, Duration::ZERO).await.unwrap());
    assert!(org.oauth_tokens().lend(plugin, &[2; 16], now, HOUR).await.unwrap().is_some());
    assert!(!org.oauth_tokens().extend(plugin, &[1; 16], now, HOUR).await.unwrap(), "somebody else has it");
    org.oauth_tokens().give_back(plugin, &[2; 16]).await.unwrap();
    assert!(!org.oauth_tokens().extend(plugin, &[2; 16], now, HOUR).await.unwrap(), "it was given back");
    assert!(org.oauth_tokens().lend(plugin, &[3; 16], now, HOUR).await.unwrap().is_some());
}

pub async fn what_is_due_is_looked_after_by_one_until_its_time(store: Store) {
    let (ours, theirs) = (connected(&store, store.ours).await, connected(&store, store.theirs).await);
    let due = |tokens: &SealedTokens| DueTokens { org: tokens.org, plugin: tokens.plugin.clone(), version: 10 };
    let mut tx = store.database.begin().await.unwrap();
    let (first, later) = (ours.due_at.unwrap(), theirs.due_at.unwrap());
    let before = first - chrono::Duration::microseconds(1);
    assert_eq!(tx.hub().due_oauth_tokens(before, 10).await.unwrap(), []);
    assert_eq!(tx.hub().due_oauth_tokens(first, 10).await.unwrap(), [due(&ours)]);
    let mut all = tx.hub().due_oauth_tokens(later, 10).await.unwrap();
    all.sort_by_key(|due| due.org);
    assert_eq!(all, [due(&ours), due(&theirs)]);
    assert_eq!(tx.hub().due_oauth_tokens(later, 1).await.unwrap().len(), 1);

    let until = store.later(3_900_000);
    let plugin = &ours.plugin;
    assert!(!tx.org(store.ours).oauth_tokens().claim_due(plugin, 9, later, until).await.unwrap(), "of another version");
    assert!(!tx.org(store.ours).oauth_tokens().claim_due(plugin, 10, store.now(), until).await.unwrap(), "not due");
    assert!(tx.org(store.ours).oauth_tokens().claim_due(plugin, 10, later, until).await.unwrap());
    assert!(!tx.org(store.ours).oauth_tokens().claim_due(plugin, 10, later, until).await.unwrap(), "once");
    assert_eq!(tx.hub().due_oauth_tokens(later, 10).await.unwrap(), [due(&theirs)]);
    assert_eq!(tx.hub().due_oauth_tokens(until, 10).await.unwrap().len(), 2);

    // Renewed ones are due by their own time, refused ones never.
    let renewed = SealedTokens { due_at: Some(store.later(9_000_000)), ..ours.clone() };
    assert!(tx.org(store.ours).oauth_tokens().renew(10, &renewed).await.unwrap());
    let refused = Refused { at: store.now(), reason: "invalid_grant".to_owned() };
    assert!(tx.org(store.theirs).oauth_tokens().refuse(plugin, 10, &refused).await.unwrap());
    assert_eq!(tx.hub().due_oauth_tokens(store.later(8_999_999), 10).await.unwrap(), []);
    assert_eq!(tx.hub().due_oauth_tokens(store.later(9_000_000), 10).await.unwrap().len(), 1);
}

pub async fn a_failure_that_may_pass_is_written_down_once_and_ends_with_success(store: Store) {
    let ours = connected(&store, store.ours).await;
    let failing = |kind| Failing { kind, at: store.later(5), reason: "HTTP 401, invalid_client".to_owned() };
    let (rejected, refused) = (failing(FailingKind::ClientRejected), failing(FailingKind::GrantRefused));
    let mut tx = store.database.begin().await.unwrap();
    let mut org = tx.org(store.ours);
    assert!(!org.oauth_tokens().fail(&ours.plugin, 9, &rejected).await.unwrap());
    assert!(org.oauth_tokens().fail(&ours.plugin, 10, &rejected).await.unwrap());
    assert!(!org.oauth_tokens().fail(&ours.plugin, 10, &rejected).await.unwrap(), "once");
    let stored = org.oauth_tokens().get(&ours.plugin).await.unwrap().unwrap();
    assert_eq!((stored.failing, stored.refused), (Some(rejected), None));
    assert!(org.oauth_tokens().fail(&ours.plugin, 10, &refused).await.unwrap(), "another failure is news");
    assert!(org.oauth_tokens().renew(10, &ours).await.unwrap());
    assert_eq!(org.oauth_tokens().get(&ours.plugin).await.unwrap().unwrap().failing, None);
}

pub async fn tokens_are_taken_out_once_as_they_are_stored_then(store: Store) {
    let ours = connected(&store, store.ours).await;
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.org(store.theirs).oauth_tokens().take(&ours.plugin).await.unwrap(), None);
    let renewed = SealedTokens { sealed: vec![7], ..ours.clone() };
    assert!(tx.org(store.ours).oauth_tokens().renew(10, &renewed).await.unwrap());
    let taken = tx.org(store.ours).oauth_tokens().take(&ours.plugin).await.unwrap();
    assert_eq!(taken, Some(SealedTokens { version: 11, ..renewed }));
    assert_eq!(tx.org(store.ours).oauth_tokens().take(&ours.plugin).await.unwrap(), None);
    assert!(!tx.org(store.ours).oauth_tokens().renew(11, &ours).await.unwrap(), "nothing to renew");
    assert!(tx.org(store.ours).connections().get(&ours.plugin).await.unwrap().is_some(), "the rest stays");
}

pub fn revocation(store: &Store, org: OrgId) -> SealedRevocation {
    store.tick();
    SealedRevocation {
        id: RevocationId::new(&store.clock, &store.random),
        org,
        plugin: plugin("openai"),
        sealed: vec![4, 0],
        actor: "operator".to_owned(),
        attempts: 0,
        next_attempt_at: store.now(),
        created_at: store.now(),
    }
}

pub async fn a_revocation_is_tried_by_one_at_a_time_until_it_is_done(store: Store) {
    let (ours, theirs) = (revocation(&store, store.ours), revocation(&store, store.theirs));
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).oauth_revocations().insert(&ours).await.unwrap();
    tx.org(store.theirs).oauth_revocations().insert(&theirs).await.unwrap();
    let (now, next) = (store.now(), store.later(60_000));
    let all = [(ours.org, ours.id), (theirs.org, theirs.id)];
    assert_eq!(tx.hub().due_oauth_revocations(now, 10).await.unwrap(), all);
    assert_eq!(tx.hub().due_oauth_revocations(now, 1).await.unwrap().len(), 1);

    assert_eq!(tx.org(store.theirs).oauth_revocations().begin(ours.id, now, next).await.unwrap(), None);
    let begun = tx.org(store.ours).oauth_revocations().begin(ours.id, now, next).await.unwrap();
    assert_eq!(begun, Some(SealedRevocation { attempts: 1, next_attempt_at: next, ..ours.clone() }));
    assert_eq!(tx.org(store.ours).oauth_revocations().begin(ours.id, now, next).await.unwrap(), None, "one at a time");
    assert_eq!(tx.hub().due_oauth_revocations(now, 10).await.unwrap(), all[1..]);
    tx.org(store.ours).oauth_revocations().put_off(ours.id, now).await.unwrap();
    assert_eq!(tx.hub().due_oauth_revocations(now, 10).await.unwrap().len(), 2);

    assert!(!tx.org(store.theirs).oauth_revocations().delete(ours.id).await.unwrap());
    assert!(tx.org(store.ours).oauth_revocations().delete(ours.id).await.unwrap());
    assert_eq!(tx.hub().due_oauth_revocations(store.later(90_000), 10).await.unwrap(), all[1..]);
}

pub async fn a_renewal_counts_only_upon_what_it_was_based_on(store: Store) {
    let ours = connected(&store, store.ours).await;
    let renewed = SealedTokens { sealed: vec![9], scopes: vec![], expires_at: None, ..ours.clone() };
    let mut tx = store.database.begin().await.unwrap();
    let mut org = tx.org(store.ours);
    let refused = Refused { at: store.later(5), reason: "invalid_grant".to_owned() };
    assert!(!org.oauth_tokens().refuse(&ours.plugin, 9, &refused).await.unwrap());
    assert!(org.oauth_tokens().refuse(&ours.plugin, 10, &refused).await.unwrap());
    assert!(!org.oauth_tokens().refuse(&ours.plugin, 10, &refused).await.unwrap(), "once");
    assert_eq!(org.oauth_tokens().get(&ours.plugin).await.unwrap().unwrap().refused, Some(refused));
    assert!(org.oauth_tokens().renew(10, &renewed).await.unwrap());
    assert!(!org.oauth_tokens().renew(10, &ours).await.unwrap());
    let stored = org.oauth_tokens().get(&ours.plugin).await.unwrap();
    assert_eq!(stored, Some(SealedTokens { version: 11, ..renewed }));
    // A new authorization has a higher version, whatever it asks for.
    assert_eq!(org.oauth_tokens().put(&tokens(&store, store.ours, 3)).await.unwrap(), 12);
    assert_eq!(org.oauth_tokens().put(&tokens(&store, store.ours, 90)).await.unwrap(), 90);
}

pub async fn an_authorization_is_taken_once_and_swept_when_it_has_expired(store: Store) {
    let (first, second) = (authorization(&store, store.ours, 1), authorization(&store, store.theirs, 2));
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).oauth_authorizations().insert(&first).await.unwrap();
    tx.org(store.theirs).oauth_authorizations().insert(&second).await.unwrap();
    // A link's ticket is no state, and the other way round.
    assert_eq!(tx.hub().oauth_authorization(AuthorizationStage::Link, &[1; 32]).await.unwrap(), None);
    assert_eq!(tx.hub().take_oauth_authorization(AuthorizationStage::Link, &[1; 32]).await.unwrap(), None);
    let found = tx.hub().oauth_authorization(AuthorizationStage::Browser, &[1; 32]).await.unwrap();
    assert_eq!(found.as_ref(), Some(&first));
    assert_eq!(tx.hub().take_oauth_authorization(AuthorizationStage::Browser, &[1; 32]).await.unwrap(), Some(first));
    assert_eq!(tx.hub().take_oauth_authorization(AuthorizationStage::Browser, &[1; 32]).await.unwrap(), None);
    assert_eq!(tx.hub().sweep_oauth_authorizations(store.later(599_999), 10).await.unwrap(), 0);
    assert_eq!(tx.hub().sweep_oauth_authorizations(store.later(600_000), 10).await.unwrap(), 1);
    assert_eq!(tx.hub().take_oauth_authorization(AuthorizationStage::Browser, &[2; 32]).await.unwrap(), None);
}

pub async fn the_newest_twenty_authorizations_of_a_plugin_are_kept(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    for state in 0..25 {
        let one = authorization(&store, store.ours, state);
        tx.org(store.ours).oauth_authorizations().insert(&one).await.unwrap();
    }
    for state in 100..125 {
        let one = SealedAuthorization {
            stage: AuthorizationStage::Link,
            expires_at: store.later(3_600_000),
            ..authorization(&store, store.ours, state)
        };
        tx.org(store.ours).oauth_authorizations().insert(&one).await.unwrap();
    }
    for state in 0..25 {
        let taken = tx.hub().take_oauth_authorization(AuthorizationStage::Browser, &[state; 32]).await.unwrap();
        assert_eq!(taken.is_some(), state >= 5, "{state}");
        let link = tx.hub().take_oauth_authorization(AuthorizationStage::Link, &[state + 100; 32]).await.unwrap();
        assert_eq!(link.is_some(), state >= 5, "links and browsers are counted apart: {state}");
    }
}
