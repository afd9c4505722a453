//! How the databases find what a step of a sync asks for, whatever they know of the tables: by indexes, and no more than that.

use patchbay_model::OrgId;
use sqlx::{AssertSqlSafe, raw_sql};
use uuid::Uuid;

use super::{link, queue};
use crate::{Database, DatabaseUrl, Tx, postgres::Scope};

const OURS: OrgId = OrgId(Uuid::from_u128(1));

/// Adds much that is never counted, and counts it then.
const COUNTED: [&str; 2] = [
    "INSERT INTO org (id, name, created_at) VALUES ('00000000-0000-0000-0000-000000000001', 'an org', 0);
     ALTER TABLE sync_link SET (autovacuum_enabled = off);
     ALTER TABLE sync_hint SET (autovacuum_enabled = off);
     ALTER TABLE sync_outbox SET (autovacuum_enabled = off);
     ALTER TABLE object_record SET (autovacuum_enabled = off);
     INSERT INTO object_record (org_id, object, id, version, data, sources, created_by, created_run, created_at, updated_by,
       updated_run, updated_at)
       SELECT id, 'contact', 'hubspot:' || n, 1, '{}', '[]', 'hubspot', id, 0, 'hubspot', id, 0
       FROM org, generate_series(1, 20000) n;
     INSERT INTO sync_link (org_id, plugin, object, vendor_id, record_id, base, version, synced_at)
       SELECT id, 'hubspot', 'contact', 'v' || n, 'hubspot:' || n, json_build_object('/name', repeat('x', 500)), 1, 0
       FROM org, generate_series(1, 50000) n;
     INSERT INTO sync_hint SELECT id, 'hubspot', 'contact', 'v' || n, n FROM org, generate_series(1, 20000) n;
     INSERT INTO sync_outbox SELECT id, 'hubspot', 'contact', 'hubspot:' || n, n FROM org, generate_series(1, 20000) n",
    "ANALYZE sync_link; ANALYZE sync_hint; ANALYZE sync_outbox; ANALYZE object_record",
];

#[tokio::test]
async fn on_sqlite_a_step_reads_indexes_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("patchbay.db"))).await.unwrap();
    database.migrate().await.unwrap();
    let mut tx = database.begin().await.unwrap();
    let Tx::Sqlite(tx) = &mut tx else { panic!("not on SQLite") };
    for (sql, wanted) in [
        (link::BY_VENDOR[0], "(org_id=? AND plugin=? AND object=? AND vendor_id=?)"),
        (link::BY_RECORD[0], "USING INDEX sync_link_record (org_id=? AND record_id=?)"),
        (link::EVER_BY_RECORD[0], "USING INDEX sync_link_record (org_id=? AND record_id=?)"),
        (link::RECORDS[0], "USING INDEX sync_link_record (org_id=? AND record_id=?)"),
        (link::RECORDS[0], "(org_id=? AND object=? AND id>?)"),
        (link::BEHIND, "(org_id=? AND plugin=? AND object=? AND vendor_id>?)"),
        (queue::HINTS, "USING COVERING INDEX sync_hint_next (org_id=? AND plugin=? AND object=?)"),
        (queue::OUTBOX, "USING COVERING INDEX sync_outbox_next (org_id=? AND plugin=? AND object=?)"),
    ] {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(tx.connection()).await.unwrap();
        let plan: Vec<&str> = plan.iter().map(|(.., step)| step.as_str()).collect();
        let found = |step: &&str| step.starts_with("SEARCH") && step.contains(wanted);
        assert!(plan.iter().any(found), "{plan:#?}");
        let is_unwanted = |step: &&str| ["SCAN sync", "SCAN object", "ORDER BY"].iter().any(|one| step.contains(one));
        assert!(!plan.iter().any(is_unwanted), "{plan:#?}");
    }
}

#[tokio::test]
async fn on_postgres_a_step_reads_indexes_in_their_order_whatever_was_counted() {
    let Some(server) = patchbay_test_postgres::database().await else { return };
    let database = Database::open(&server.url().parse().unwrap()).await.unwrap();
    database.migrate().await.unwrap();
    let mut owner = server.connect("postgres").await;
    let (many, in_order) = (Scope::Several(OURS), Scope::InOrder(OURS));
    let ids = |prefix: &str| {
        let ids: Vec<String> = (1..=2_000).map(|number| format!("{prefix}{number}")).collect();
        format!("'{{{}}}'", ids.join(","))
    };
    let (vendor_ids, record_ids) = (ids("v"), ids("hubspot:"));
    for sql in COUNTED {
        raw_sql(sql).execute(&mut owner).await.unwrap();
        for (scope, sql, types, last, index, condition) in [
            (&many, link::BY_VENDOR[1], "text[]", vendor_ids.as_str(), "sync_link_pkey", "(vendor_id = asked.id)"),
            (&many, link::BY_RECORD[1], "text[]", record_ids.as_str(), "sync_link_record", "(record_id = asked.id)"),
            (
                &many,
                link::EVER_BY_RECORD[1],
                "text[]",
                record_ids.as_str(),
                "sync_link_record",
                "(record_id = asked.id)",
            ),
            (&in_order, link::RECORDS[1], "text, bigint", "'h', 2000", "sync_link_record", "(record_id = page.id)"),
            (&in_order, link::RECORDS[1], "text, bigint", "'h', 2000", "object_record_pkey", "(id > 'h'::text)"),
            (&in_order, link::BEHIND, "text, bigint", "'v5', 100", "sync_link_pkey", "(vendor_id > 'v5'::text)"),
            (&in_order, queue::HINTS, "bigint", "100", "sync_hint_next", "(object = 'contact'::text)"),
            (&in_order, queue::OUTBOX, "bigint", "100", "sync_outbox_next", "(object = 'contact'::text)"),
        ] {
            let plan = plan(&database, scope, sql, types, last).await;
            assert!(plan.contains(&format!("using {index} on")) && plan.contains(condition), "{plan}");
            for unwanted in ["Sort", "Seq Scan", "Bitmap"] {
                assert!(!plan.contains(unwanted), "{plan}");
            }
        }
    }
}

async fn plan(database: &Database, scope: &Scope, sql: &str, types: &str, last: &str) -> String {
    let mut tx = database.begin().await.unwrap();
    let Tx::Postgres(tx) = &mut tx else { panic!("not on PostgreSQL") };
    tx.speak_for(scope.clone());
    let connection = tx.connection().await.unwrap();
    raw_sql(AssertSqlSafe(format!("PREPARE step (uuid, text, text, {types}) AS {sql}")))
        .execute(&mut *connection)
        .await
        .unwrap();
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE step ('{}', 'hubspot', 'contact', {last})", OURS.0);
    let plan: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
    raw_sql("DEALLOCATE step").execute(&mut *connection).await.unwrap();
    plan.into_iter().map(|(step,)| step).collect::<Vec<_>>().join("\n")
}
