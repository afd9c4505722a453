//! What a query that forgets its org gets and does.

use patchbay_model::{
    EndpointId, EventId, OrgId,
    billing::DayCheck,
    export::Export,
    identity::Role,
    object::{ObjectChange, StandardObject},
    plan::Metric,
    rate::OrgRates,
    run::RunKind,
};
use patchbay_storage::{LaneKey, NewDelivery, OrgKey};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{execute, store};
use crate::{
    Store,
    billing::{entry, reading},
    budgets::{ask, budget},
    cached_answers::answer,
    deliveries::endpoint,
    exports::export,
    idempotency::claim,
    identity::{connect_session, invitation, member, session, user},
    isolation::{api_key, audit, blob, connection, installation},
    jobs::schedule,
    oauth::{authorization, client, revocation, tokens},
    store::{Home, plugin, put},
    syncs,
};

/// A row in each table.
async fn fill(store: &Store, org: OrgId) {
    let webhook = store.webhook(org, "evt_1");
    let mut commit = store.commit(org);
    // not a call, which would be a second counter
    commit.run.kind = RunKind::Webhook;
    commit.usage = vec![store.usage(&commit.run, "tokens", 1, None)];
    // its one event is that it was made, and the index has it once
    let (object, id) = (StandardObject::Contact, "openai:1".to_owned());
    let data = Some(json!({"email": "ada@example.com"}));
    commit.object_changes = vec![ObjectChange { object, id, data, expected: None }];
    commit.plugin_changes = vec![put("a", json!({}), None)];
    // its driver is the one job
    let (_, changes) = syncs::something(store, org).await;
    commit.sync = Some(changes);
    commit.run.plugin = syncs::hubspot();
    commit.sync_hints = vec![(StandardObject::Contact, "3".to_owned())];
    store.journal().commit(commit).await.unwrap();
    let lane = LaneKey { org, endpoint: EndpointId(org.0) };
    let delivery = NewDelivery {
        org,
        endpoint: lane.endpoint,
        event: EventId(org.0),
        sequence: 1,
        kind: "openai.done".to_owned(),
    };
    let mut all = store.database.begin().await.unwrap();
    all.orgs([org]).add_deliveries(&[delivery], store.now()).await.unwrap();
    all.org(org).relay().changed().await.unwrap();
    all.org(org).endpoints().put(&endpoint(store, org)).await.unwrap();
    all.commit().await.unwrap();
    let mut all = store.database.begin().await.unwrap();
    let mut tx = all.org(org);
    tx.webhooks().insert_if_new(&webhook).await.unwrap();
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(org.0.as_bytes());
    tx.api_keys().insert(&api_key(store, org), &hash).await.unwrap();
    let user = user(store, &format!("{org}@example.com"));
    all.hub().identities().insert_user(&user, None).await.unwrap();
    let mut tx = all.org(org);
    tx.members().insert(&member(store, org, &user, Role::Owner)).await.unwrap();
    tx.invitations().put(&invitation(store, org, "grace@example.com"), &hash).await.unwrap();
    tx.sessions().insert(&session(store, org, user.id), &hash).await.unwrap();
    tx.connect_sessions().insert(&connect_session(store, org), &hash).await.unwrap();
    tx.keys().insert(&OrgKey { version: 1, kek_version: 1, wrapped: vec![1] }).await.unwrap();
    tx.installations().put(&installation(store, org, "openai")).await.unwrap();
    tx.connections().put(&connection(store, org)).await.unwrap();
    tx.oauth_tokens().put(&tokens(store, org, 1)).await.unwrap();
    tx.oauth_clients().put(&client(store, org)).await.unwrap();
    tx.oauth_authorizations().insert(&authorization(store, org, 1)).await.unwrap();
    tx.oauth_revocations().insert(&revocation(store, org)).await.unwrap();
    tx.blobs().insert(&blob(store, org, "aa")).await.unwrap();
    tx.plans().put(store.now(), "pro", store.now()).await.unwrap();
    tx.billing().next_ticket(store.now()).await.unwrap();
    tx.billing().add_entry(&entry("paid", store.now())).await.unwrap();
    tx.billing().add_reading(&reading(org, store.now(), 0, 1)).await.unwrap();
    let check =
        DayCheck { day: store.now(), metric: Metric::Minutes, ours: 1, theirs: 1, refused: 0, checked_at: store.now() };
    tx.billing().put_check(&check).await.unwrap();
    tx.cached_answers().put(&answer(store, 1, org.0.as_u128()), None, store.now()).await.unwrap();
    let budget = budget(store, org, 10);
    tx.budgets().put(&budget).await.unwrap();
    tx.budgets().reserve(&ask(store, budget.id, 1)).await.unwrap();
    tx.audit().append(&audit(store, org)).await.unwrap();
    tx.schedules().put(&schedule(store, org, "nightly", Some(store.now()))).await.unwrap();
    tx.exports().insert(&Export { org, ..export(store, 1, None) }).await.unwrap();
    tx.rate_limits().put(&OrgRates::default(), store.now()).await.unwrap();
    let owner = patchbay_storage::Owner { call: org.0, node: org.0 };
    tx.idempotency().claim(&claim(store, 1, owner), store.now()).await.unwrap();
    tx.kv(&plugin("openai")).set("k", b"v", Some(store.later(1)), None, store.now()).await.unwrap();
    all.commit().await.unwrap();
}

/// What a query that forgets its org gets and does, on every table that the catalogue knows. The repositories' own
/// queries without it: `src/tx/forgetful.rs`.
#[tokio::test]
async fn a_query_without_its_org_reaches_no_other_orgs_rows() {
    let Some((store, mut owner)) = store().await else { return };
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
         WHERE attname = 'org_id' AND c.relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
    )
    .fetch_all(&mut owner.superuser)
    .await
    .unwrap();
    fill(&store, store.ours).await;
    owner.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO patchbay_app").await;
    let Home::Postgres(database) = &store.home else { panic!("not PostgreSQL") };
    let mut app = database.connect(patchbay_test_postgres::OWNER).await;
    for (table,) in tables {
        let rows = format!("SELECT to_jsonb({table}) FROM {table} WHERE org_id = $1");
        let row: Option<(Value,)> =
            sqlx::query_as(AssertSqlSafe(rows)).bind(store.ours.0).fetch_optional(&mut owner.superuser).await.unwrap();
        let (row,) = row.unwrap_or_else(|| panic!("`fill` puts nothing into {table}"));
        for who in ["", &store.theirs.0.to_string()] {
            reaches_nothing(&mut app, who, &table, &row).await;
        }
        let mut tx = speak_for(&mut app, &store.ours.0.to_string()).await;
        assert_eq!(affected(&mut tx, &format!("SELECT FROM {table}")).await, 1, "{table}: its own row and no other");
        tx.rollback().await.unwrap();
    }
}

async fn speak_for<'c>(app: &'c mut PgConnection, org: &str) -> sqlx::Transaction<'c, sqlx::Postgres> {
    let mut tx = app.begin().await.unwrap();
    execute(&mut tx, &format!("SET LOCAL ROLE patchbay_app; SET LOCAL app.org_id TO '{org}'")).await;
    tx
}

async fn affected(tx: &mut PgConnection, sql: &str) -> u64 {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(tx).await.unwrap().rows_affected()
}

async fn reaches_nothing(app: &mut PgConnection, who: &str, table: &str, row: &Value) {
    let mut tx = speak_for(app, who).await;
    for sql in
        [format!("SELECT FROM {table}"), format!("UPDATE {table} SET org_id = org_id"), format!("DELETE FROM {table}")]
    {
        assert_eq!(affected(&mut tx, &sql).await, 0, "{sql} as {who:?}");
    }
    let insert = format!("INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::public.{table}, $1)");
    let refused = sqlx::query(AssertSqlSafe(insert)).bind(row).execute(&mut *tx).await.unwrap_err();
    let code = refused.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    assert_eq!(code, "42501", "{table} as {who:?}: {refused}");
    tx.rollback().await.unwrap();
}
