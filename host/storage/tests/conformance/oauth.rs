//! Tokens, clients and authorizations: who may renew, which write counts, and what counts once.

use patchbay_model::{
    OrgId,
    oauth::{Refused, SealedAuthorization, SealedClient, SealedTokens},
};
use patchbay_storage::StorageError;

use crate::{Store, isolation::connection, store::plugin};

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
    assert_eq!(theirs.oauth_tokens().lend(&ours.plugin, &[1; 16], store.now(), store.later(1)).await.unwrap(), None);
    assert!(!theirs.oauth_tokens().renew(10, &ours).await.unwrap());
    let refused = Refused { at: store.now(), reason: "no".to_owned() };
    assert!(!theirs.oauth_tokens().refuse(&ours.plugin, 10, &refused).await.unwrap());
    assert_eq!(theirs.oauth_clients().get(&client.plugin).await.unwrap(), None);
    assert!(!theirs.oauth_clients().delete(&client.plugin).await.unwrap());
    assert_eq!(tx.org(store.ours).oauth_tokens().get(&ours.plugin).await.unwrap(), Some(ours));
    assert_eq!(tx.org(store.ours).oauth_clients().get(&client.plugin).await.unwrap(), Some(client.clone()));
    assert!(tx.org(store.ours).oauth_clients().delete(&client.plugin).await.unwrap());
}

pub async fn one_at_a_time_may_renew_until_its_time_is_over(store: Store) {
    let ours = connected(&store, store.ours).await;
    let mut tx = store.database.begin().await.unwrap();
    let mut org = tx.org(store.ours);
    let (now, until) = (store.now(), store.later(1_000));
    assert_eq!(org.oauth_tokens().lend(&ours.plugin, &[1; 16], now, until).await.unwrap(), Some(ours.clone()));
    assert_eq!(org.oauth_tokens().lend(&ours.plugin, &[2; 16], store.later(999), until).await.unwrap(), None);
    // What is not one's own cannot be given back.
    org.oauth_tokens().give_back(&ours.plugin, &[2; 16]).await.unwrap();
    assert_eq!(org.oauth_tokens().lend(&ours.plugin, &[2; 16], now, until).await.unwrap(), None);
    let later = store.later(1_000);
    assert!(org.oauth_tokens().lend(&ours.plugin, &[2; 16], later, store.later(2_000)).await.unwrap().is_some());
    org.oauth_tokens().give_back(&ours.plugin, &[2; 16]).await.unwrap();
    assert!(org.oauth_tokens().lend(&ours.plugin, &[3; 16], now, until).await.unwrap().is_some());
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
    assert_eq!(tx.hub().take_oauth_authorization(&[1; 32]).await.unwrap(), Some(first));
    assert_eq!(tx.hub().take_oauth_authorization(&[1; 32]).await.unwrap(), None);
    assert_eq!(tx.hub().sweep_oauth_authorizations(store.later(599_999), 10).await.unwrap(), 0);
    assert_eq!(tx.hub().sweep_oauth_authorizations(store.later(600_000), 10).await.unwrap(), 1);
    assert_eq!(tx.hub().take_oauth_authorization(&[2; 32]).await.unwrap(), None);
}

pub async fn the_newest_twenty_authorizations_of_a_plugin_are_kept(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    for state in 0..25 {
        let one = authorization(&store, store.ours, state);
        tx.org(store.ours).oauth_authorizations().insert(&one).await.unwrap();
    }
    for state in 0..25 {
        let taken = tx.hub().take_oauth_authorization(&[state; 32]).await.unwrap();
        assert_eq!(taken.is_some(), state >= 5, "{state}");
    }
}
