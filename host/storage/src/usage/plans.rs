//! How PostgreSQL reads a page of many rows of which it has counted few: in the order of their keys, and no more than the page.

use sqlx::{AssertSqlSafe, raw_sql};
use uuid::Uuid;

use crate::{Database, Tx};
use patchbay_model::OrgId;

/// An org with few records, which the database counts.
const FEW: &str = "INSERT INTO org (id, name, created_at) VALUES ('00000000-0000-0000-0000-000000000001', 'an org', 0);
     INSERT INTO usage_record (org_id, id, plugin, run_id, meter, quantity, basis, at)
       SELECT id, lpad(to_hex(n), 32, '0')::uuid, 'openai', id, 'token', 1, 'reported', n FROM org, generate_series(1, 500) n;
     ANALYZE usage_record";
/// Many more, which it does not.
const MANY: &str = "INSERT INTO usage_record (org_id, id, plugin, run_id, meter, quantity, basis, at)
     SELECT id, lpad(to_hex(n), 32, '0')::uuid, 'openai', id, 'token', 1, 'reported', n FROM org, generate_series(501, 20000) n";

#[tokio::test]
async fn a_page_is_read_in_the_order_of_keys_however_old_the_statistics_are() {
    let Some(server) = patchbay_test_postgres::database().await else { return };
    let database = Database::open(&server.url().parse().unwrap()).await.unwrap();
    database.migrate().await.unwrap();
    let mut owner = server.connect("postgres").await;
    raw_sql("ALTER TABLE usage_record SET (autovacuum_enabled = off)").execute(&mut owner).await.unwrap();
    for sql in [FEW, MANY] {
        raw_sql(sql).execute(&mut owner).await.unwrap();
        // of the first page, of one among those that were counted, and of one that nobody has counted
        for after in [0_u32, 250, 10_000] {
            let plan = plan(&database, after).await;
            assert!(plan.contains("Index Scan using usage_record_pkey"), "{plan}");
            assert!(!plan.contains("Sort") && !plan.contains("Bitmap"), "{plan}");
        }
    }
}

async fn plan(database: &Database, after: u32) -> String {
    let mut tx = database.begin().await.unwrap();
    tx.org_in_bulk(OrgId(Uuid::from_u128(1)));
    let Tx::Postgres(tx) = &mut tx else { panic!("not on PostgreSQL") };
    let connection = tx.connection().await.unwrap();
    raw_sql(AssertSqlSafe(format!("PREPARE walk (uuid, uuid, uuid, bigint, bigint, text, bigint) AS {}", super::WALK)))
        .execute(&mut *connection)
        .await
        .unwrap();
    let id = |number: u32| format!("'{}'::uuid", Uuid::from_u128(number.into()));
    let (org, after, upto) = (id(1), id(after), id(u32::MAX));
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE walk ({org}, {after}, {upto}, 0, {}, NULL, 1000)", i64::MAX);
    let plan: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
    raw_sql("DEALLOCATE walk").execute(&mut *connection).await.unwrap();
    plan.into_iter().map(|(step,)| step).collect::<Vec<_>>().join("\n")
}
