//! PostgreSQL alone: two hubs that want the same row at the same moment. One of them is a transaction that is held open, so
//! that the moment is as long as it has to be.

use chrono::Duration;
use patchbay_model::{
    Digest, InstallationId,
    installation::{Installation, VersionPolicy},
    webhook::{Replay, WebhookStatus},
};
use patchbay_storage::{Attempt, Ended, PluginSource, PluginStatus, PluginVersion};
use patchbay_test_postgres::somebody_waits;
use serde_json::json;
use sqlx::Connection as _;

use crate::{
    Store,
    idempotency::{claim, owner},
    identity::SLOW,
    isolation::installation,
    nodes::server,
    store::plugin,
};

async fn store() -> Option<Store> {
    Store::postgres().await
}

#[tokio::test]
async fn a_value_that_is_written_anew_while_the_sweep_waits_for_it_stays() {
    let Some(store) = store().await else { return };
    let stripe = plugin("stripe");
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).kv(&stripe).set("nonce", b"old", Some(store.later(1)), None, store.now()).await.unwrap();
    tx.commit().await.unwrap();

    let mut other = server(&store).connect("postgres").await;
    let mut writer = other.begin().await.unwrap();
    sqlx::query("UPDATE kv SET value = 'new', version = 1, expires_at = $1")
        .bind(store.later(60_000).timestamp_micros())
        .execute(&mut *writer)
        .await
        .unwrap();
    let (database, now) = (store.database.clone(), store.later(10));
    let sweep = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        let swept = tx.hub().sweep_kv(now, 10).await.unwrap();
        tx.commit().await.unwrap();
        swept
    });
    somebody_waits(&mut writer).await;
    writer.commit().await.unwrap();
    assert_eq!(sweep.await.unwrap(), 0);
    let mut tx = store.database.read().await.unwrap();
    let kept = tx.org(store.ours).kv(&stripe).get("nonce", store.later(10)).await.unwrap().unwrap();
    assert_eq!(kept.value, b"new");
}

#[tokio::test]
async fn a_write_that_is_claimed_anew_while_the_sweep_waits_for_it_stays() {
    let Some(store) = store().await else { return };
    let org = store.ours;
    let mut tx = store.database.begin().await.unwrap();
    let first = claim(&store, 1, owner(1, 1));
    assert!(tx.org(org).idempotency().claim(&first, store.now()).await.unwrap());
    tx.commit().await.unwrap();
    store.clock.advance(Duration::hours(24));

    let again = claim(&store, 1, owner(2, 1));
    let mut writer = store.database.begin().await.unwrap();
    assert!(writer.org(org).idempotency().claim(&again, store.now()).await.unwrap());
    let (database, now) = (store.database.clone(), store.now());
    let sweep = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        let swept = tx.hub().sweep_idempotency(now, 10).await.unwrap();
        tx.commit().await.unwrap();
        swept
    });
    server(&store).somebody_waits().await;
    writer.commit().await.unwrap();
    assert_eq!(sweep.await.unwrap(), 0);
    let mut tx = store.database.read().await.unwrap();
    let kept = tx.org(org).idempotency().get(&again.id).await.unwrap().unwrap();
    assert_eq!(kept.owner, again.owner);
}

#[tokio::test]
async fn an_attempt_that_is_counted_while_the_sweep_waits_for_it_stays_counted() {
    let Some(store) = store().await else { return };
    let (subject, start) = ([1; 32], store.now());
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.hub().identities().attempt(&subject, start, SLOW).await.unwrap(), Attempt::Counted);
    tx.commit().await.unwrap();
    store.clock.advance(Duration::hours(2));

    let now = store.now();
    let mut writer = store.database.begin().await.unwrap();
    assert_eq!(writer.hub().identities().attempt(&subject, now, SLOW).await.unwrap(), Attempt::Counted);
    let database = store.database.clone();
    let sweep = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        let swept =
            tx.hub().identities().sweep(Ended { now, idle_since: start, forget_before: start }, 10).await.unwrap();
        tx.commit().await.unwrap();
        swept
    });
    server(&store).somebody_waits().await;
    writer.commit().await.unwrap();
    assert_eq!(sweep.await.unwrap(), 0);
}

#[tokio::test]
async fn a_webhook_that_is_replayed_while_old_ones_are_cleared_away_stays() {
    let Some(store) = store().await else { return };
    let mut webhook = store.webhook(store.ours, "evt_1");
    (webhook.status, webhook.next_attempt_at) = (WebhookStatus::Failed, None);
    let mut tx = store.database.begin().await.unwrap();
    assert!(tx.org(store.ours).webhooks().insert_if_new(&webhook).await.unwrap());
    tx.commit().await.unwrap();
    store.tick();

    let mut other = server(&store).connect("postgres").await;
    let mut replay = other.begin().await.unwrap();
    sqlx::query("UPDATE webhook SET status = 'pending', next_attempt_at = 1").execute(&mut *replay).await.unwrap();
    let (database, org, before) = (store.database.clone(), store.ours, store.now());
    let clearing = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        let cleared = tx.org(org).webhooks().clear_before(before, false, 10).await.unwrap();
        tx.commit().await.unwrap();
        cleared
    });
    somebody_waits(&mut replay).await;
    replay.commit().await.unwrap();
    assert_eq!(clearing.await.unwrap(), 0);
    let mut tx = store.database.read().await.unwrap();
    assert!(tx.org(store.ours).webhooks().get(webhook.id).await.unwrap().is_some());
}

#[tokio::test]
async fn of_two_that_replay_a_webhook_at_once_one_does() {
    let Some(store) = store().await else { return };
    let mut webhook = store.webhook(store.ours, "evt_1");
    (webhook.status, webhook.next_attempt_at) = (WebhookStatus::Failed, None);
    let mut tx = store.database.begin().await.unwrap();
    assert!(tx.org(store.ours).webhooks().insert_if_new(&webhook).await.unwrap());
    tx.commit().await.unwrap();

    let (org, now) = (store.ours, store.now());
    let mut first = store.database.begin().await.unwrap();
    assert!(first.org(org).webhooks().replay(&webhook, &Replay::default(), now).await.unwrap());
    let database = store.database.clone();
    let second = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        // Both have read that it failed.
        let read = tx.org(org).webhooks().get(webhook.id).await.unwrap().unwrap();
        (read.status, tx.org(org).webhooks().replay(&read, &Replay::default(), now).await.unwrap())
    });
    server(&store).somebody_waits().await;
    first.commit().await.unwrap();
    assert_eq!(second.await.unwrap(), (WebhookStatus::Failed, false));
}

const DIGEST: Digest = Digest([3; 32]);
const BYTES: &[u8] = b"a package";

/// A version that came from the folder of some hub.
fn version(store: &Store) -> PluginVersion {
    PluginVersion {
        digest: DIGEST,
        plugin: plugin("openai"),
        version: "1.0.0".to_owned(),
        api: "1.0.0".to_owned(),
        publisher: None,
        manifest: json!({}),
        size: 9,
        source: PluginSource::Folder,
        status: PluginStatus::Active,
        error: None,
        created_at: store.now(),
    }
}

fn pinned(store: &Store) -> Installation {
    let policy = VersionPolicy::Pin(DIGEST);
    Installation { policy, id: InstallationId(uuid::Uuid::from_u128(7)), ..installation(store, store.ours, "openai") }
}

async fn kept(store: &Store) -> (PluginStatus, Option<Vec<u8>>) {
    let mut tx = store.database.read().await.unwrap();
    let status = tx.hub().plugin_version(&DIGEST).await.unwrap().unwrap().status;
    (status, tx.hub().package(&DIGEST).await.unwrap())
}

#[tokio::test]
async fn a_package_that_is_pinned_while_another_hub_lets_go_of_it_stays() {
    let Some(store) = store().await else { return };
    let mut tx = store.database.begin().await.unwrap();
    tx.hub().put_plugin_version(&version(&store)).await.unwrap();
    tx.commit().await.unwrap();

    let mut pin = store.database.begin().await.unwrap();
    assert!(pin.hub().keep_package(&DIGEST, BYTES).await.unwrap(), "others have to be told");
    pin.org(store.ours).installations().put(&pinned(&store)).await.unwrap();
    let database = store.database.clone();
    let release = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        let released = tx.hub().release_package(&DIGEST).await.unwrap();
        tx.commit().await.unwrap();
        released
    });
    server(&store).somebody_waits().await;
    pin.commit().await.unwrap();
    assert!(!release.await.unwrap());
    assert_eq!(kept(&store).await, (PluginStatus::Active, Some(BYTES.to_vec())));

    let mut tx = store.database.begin().await.unwrap();
    assert!(!tx.hub().keep_package(&DIGEST, BYTES).await.unwrap(), "there is no news");
    tx.org(store.ours).installations().delete(&plugin("openai")).await.unwrap();
    assert!(tx.hub().release_package(&DIGEST).await.unwrap(), "nobody is pinned to it any more");
    tx.commit().await.unwrap();
    assert_eq!(kept(&store).await, (PluginStatus::Withdrawn, None));
}

#[tokio::test]
async fn a_package_that_another_hub_is_letting_go_of_is_kept_anew_by_a_pin() {
    let Some(store) = store().await else { return };
    let mut tx = store.database.begin().await.unwrap();
    tx.hub().put_plugin_version(&version(&store)).await.unwrap();
    tx.hub().put_package(&DIGEST, BYTES).await.unwrap();
    tx.commit().await.unwrap();

    let mut release = store.database.begin().await.unwrap();
    assert!(release.hub().release_package(&DIGEST).await.unwrap());
    let (database, org, pinned) = (store.database.clone(), store.ours, pinned(&store));
    let pin = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        let news = tx.hub().keep_package(&DIGEST, BYTES).await.unwrap();
        tx.org(org).installations().put(&pinned).await.unwrap();
        tx.commit().await.unwrap();
        news
    });
    server(&store).somebody_waits().await;
    release.commit().await.unwrap();
    assert!(pin.await.unwrap(), "others have to be told");
    assert_eq!(kept(&store).await, (PluginStatus::Active, Some(BYTES.to_vec())));
}

#[tokio::test]
async fn an_uploaded_package_is_not_let_go_of() {
    let Some(store) = store().await else { return };
    let mut tx = store.database.begin().await.unwrap();
    let uploaded = PluginVersion { source: PluginSource::Upload, ..version(&store) };
    tx.hub().put_plugin_version(&uploaded).await.unwrap();
    tx.hub().put_package(&DIGEST, BYTES).await.unwrap();
    assert!(!tx.hub().release_package(&DIGEST).await.unwrap());
    let active = tx.hub().active_versions(Some(&plugin("openai"))).await.unwrap();
    assert_eq!(active.iter().map(|one| (one.digest, one.source)).collect::<Vec<_>>(), [(DIGEST, PluginSource::Upload)]);
    assert_eq!(tx.hub().active_versions(Some(&plugin("stripe"))).await.unwrap(), []);
}

#[tokio::test]
async fn of_two_hubs_that_switch_a_plugin_on_at_once_both_tell_the_id_that_is_stored() {
    let Some(store) = store().await else { return };
    let (one, mut other) = (installation(&store, store.ours, "openai"), installation(&store, store.ours, "openai"));
    other.id = InstallationId(uuid::Uuid::from_u128(8));
    other.hook_token = "another".to_owned();
    let mut first = store.database.begin().await.unwrap();
    let stored = first.org(store.ours).installations().put(&one).await.unwrap();
    assert_eq!(stored, one);
    let (database, org) = (store.database.clone(), store.ours);
    let second = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        let stored = tx.org(org).installations().put(&other).await.unwrap();
        tx.commit().await.unwrap();
        stored
    });
    server(&store).somebody_waits().await;
    first.commit().await.unwrap();
    let stored = second.await.unwrap();
    assert_eq!((stored.id, stored.hook_token), (one.id, one.hook_token));
}
