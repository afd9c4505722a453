//! A repository that forgets whose rows it asks for.
//!
//! In a test build the org can be taken out of the text of every query of this thread. On SQLite the same calls then
//! give the other org's rows, which shows that the org was really taken out; on PostgreSQL they give and change nothing.

use std::cell::Cell;

use chrono::DateTime;
use patchbay_model::{
    ApiKeyId, BlobId, BudgetId, InstallationId, OrgId, PluginId, Timestamp, WebhookId,
    budget::{Budget, BudgetSubject, BudgetUnit},
    installation::{Installation, VersionPolicy},
    org::{ApiKey, Org, Scope},
    record::Blob,
    webhook::{Webhook, WebhookStatus},
};
use serde_json::json;
use sqlx::{AssertSqlSafe, SqlSafeStr};
use uuid::Uuid;

use crate::{Database, DatabaseUrl, WebhookFilter, WebhookOutcome};

thread_local! {
    static FORGETFUL: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn text(sql: &'static str) -> impl SqlSafeStr {
    let forget = FORGETFUL.get() && sql.contains("org_id = $1");
    // The parameter stays, or the others would have other numbers.
    let sql = if forget { sql.replace("org_id = $1", "$1 IS NOT NULL") } else { sql.to_owned() };
    AssertSqlSafe(sql)
}

const OURS: OrgId = OrgId(Uuid::from_u128(1));
const THEIRS: OrgId = OrgId(Uuid::from_u128(2));

fn id() -> Uuid {
    Uuid::from_u128(7)
}

fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn plugin() -> PluginId {
    "openai".parse().unwrap()
}

/// Two orgs, of which the second has a row in several tables.
async fn fill(database: &Database) {
    database.migrate().await.unwrap();
    let mut tx = database.begin().await.unwrap();
    for id in [OURS, THEIRS] {
        tx.hub().insert_org(&Org { id, name: "an org".to_owned(), created_at: now() }).await.unwrap();
    }
    let mut theirs = tx.org(THEIRS);
    let key = ApiKey {
        id: ApiKeyId(id()),
        org: THEIRS,
        name: "ci".to_owned(),
        scopes: vec![Scope::Read],
        expires_at: None,
        revoked_at: None,
        created_at: now(),
        made_by: None,
        used_at: None,
        replaces: None,
        spends_as: None,
    };
    theirs.api_keys().insert(&key, &[1; 32]).await.unwrap();
    let installation = Installation {
        id: InstallationId(id()),
        org: THEIRS,
        plugin: plugin(),
        enabled: true,
        config: json!({}),
        policy: VersionPolicy::Track("^1".to_owned()),
        approved: None,
        hook_token: "token".to_owned(),
        created_at: now(),
        updated_at: now(),
    };
    theirs.installations().put(&installation).await.unwrap();
    let blob = Blob {
        id: BlobId(id()),
        org: THEIRS,
        plugin: plugin(),
        content_type: "audio/mpeg".to_owned(),
        size: 3,
        sha256: "aa".to_owned(),
        created_at: now(),
    };
    theirs.blobs().insert(&blob).await.unwrap();
    let webhook = Webhook {
        id: WebhookId(id()),
        org: THEIRS,
        installation: InstallationId(id()),
        plugin: plugin(),
        vendor_id: "evt_1".to_owned(),
        kind: "invoice.paid".to_owned(),
        occurred_at: None,
        method: "POST".to_owned(),
        url: "https://hub.example/hooks/x".to_owned(),
        headers: vec![],
        body: b"{}".to_vec(),
        status: WebhookStatus::Pending,
        reason: None,
        attempts: 0,
        next_attempt_at: Some(now()),
        received_at: now(),
        replay: None,
    };
    theirs.webhooks().insert_if_new(&webhook).await.unwrap();
    let budget = Budget {
        id: BudgetId(id()),
        org: THEIRS,
        subject: BudgetSubject::Org,
        unit: BudgetUnit::Money,
        cap: 1,
        created_at: now(),
        updated_at: now(),
    };
    theirs.budgets().put(&budget).await.unwrap();
    theirs.kv(&plugin()).set("k", b"v", None, None, now()).await.unwrap();
    tx.commit().await.unwrap();
}

/// What the first org reaches of the second's, by repositories that forget the org: how many of these rows it
/// reads, and how many it changes or deletes.
async fn reached(database: &Database) -> (usize, usize) {
    FORGETFUL.set(true);
    let mut tx = database.begin().await.unwrap();
    let mut ours = tx.org(OURS);
    let filter = WebhookFilter { limit: 10, ..WebhookFilter::default() };
    let read = [
        ours.api_keys().list(None, 10).await.unwrap().len(),
        ours.installations().list().await.unwrap().len(),
        ours.installations().get(&plugin()).await.unwrap().iter().len(),
        ours.blobs().get(&plugin(), BlobId(id())).await.unwrap().iter().len(),
        ours.webhooks().list(&filter).await.unwrap().len(),
        ours.budgets().list().await.unwrap().len(),
        ours.kv(&plugin()).get("k", now()).await.unwrap().iter().len(),
    ];
    let outcome = WebhookOutcome {
        id: WebhookId(id()),
        lease: now(),
        status: WebhookStatus::Processed,
        reason: None,
        attempts: 1,
        next_attempt_at: None,
    };
    let changed = [
        ours.api_keys().revoke(ApiKeyId(id()), now()).await.unwrap(),
        ours.webhooks().settle(&outcome).await.unwrap(),
        ours.installations().delete(&plugin()).await.unwrap(),
        ours.blobs().delete(&plugin(), BlobId(id())).await.unwrap(),
        ours.budgets().delete(BudgetId(id())).await.unwrap(),
    ];
    tx.commit().await.unwrap();
    FORGETFUL.set(false);
    (read.iter().sum(), changed.iter().filter(|changed| **changed).count())
}

#[tokio::test]
async fn on_sqlite_the_query_is_all_that_keeps_orgs_apart() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("patchbay.db"))).await.unwrap();
    fill(&database).await;
    assert_eq!(reached(&database).await, (7, 5));
}

#[tokio::test]
async fn on_postgres_a_query_without_its_org_reaches_no_other_orgs_rows() {
    let Some(server) = patchbay_test_postgres::database().await else { return };
    let database = Database::open(&server.url().parse().unwrap()).await.unwrap();
    fill(&database).await;
    assert_eq!(reached(&database).await, (0, 0));
    // They are all still there for the org that has them.
    let mut tx = database.begin().await.unwrap();
    let mut theirs = tx.org(THEIRS);
    assert_eq!(theirs.api_keys().get(ApiKeyId(id())).await.unwrap().unwrap().revoked_at, None);
    assert!(theirs.installations().get(&plugin()).await.unwrap().is_some());
    assert!(theirs.blobs().get(&plugin(), BlobId(id())).await.unwrap().is_some());
}
