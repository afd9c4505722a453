//! A look-up among a hundred thousand records reads a few places of the index and the records found, and says so itself.

use chrono::DateTime;
use patchbay_model::org::Org;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _};

use super::*;
use crate::{Database, DatabaseUrl};

const OURS: OrgId = OrgId(Uuid::from_u128(1));

async fn fill(database: &Database) {
    database.migrate().await.unwrap();
    let created_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let mut tx = database.begin().await.unwrap();
    tx.hub().insert_org(&Org { id: OURS, name: "ours".to_owned(), created_at }).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn on_sqlite_a_look_up_is_a_range_of_the_primary_key() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("patchbay.db"))).await.unwrap();
    fill(&database).await;
    let writer = database.sqlite_writer().unwrap();
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO object_index SELECT $1, 'contact', 'email', 's' || i || '@example.com', 'hubspot:' || i FROM n",
    )
    .bind(OURS.0)
    .execute(writer)
    .await
    .unwrap();
    let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", HAVING[0]));
    let plan = sqlx::query(sql).fetch_all(writer).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
    let expected = "SEARCH object_index USING PRIMARY KEY (org_id=? AND object=? AND field=? AND value=? AND id>?)";
    assert!(plan.iter().any(|step| step == expected), "{plan:?}");
    assert!(!plan.iter().any(|step| step.contains("ORDER BY")), "and nothing is sorted: {plan:?}");

    let plan =
        sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {NAMED_SQLITE}"))).fetch_all(writer).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
    assert!(plan[0].starts_with("SEARCH object_record"), "{plan:?}");
    assert!(
        plan[0].ends_with("(org_id=? AND object=? AND id=?)"),
        "and no record is read that is not asked for: {plan:?}"
    );

    let mut tx = database.read().await.unwrap();
    let value = ["s777@example.com".to_owned()];
    let found = tx.org(OURS).objects().having(StandardObject::Contact, "email", &value, "").await.unwrap();
    assert_eq!(found, ["hubspot:777"]);
}

/// Blocks that a plan has read, by itself and by those below it.
fn blocks(plan: &Value) -> u64 {
    ["Shared Hit Blocks", "Shared Read Blocks"].iter().filter_map(|name| plan[name].as_u64()).sum()
}

#[tokio::test]
async fn on_postgres_a_look_up_reads_a_few_blocks() {
    let Some(server) = patchbay_test_postgres::database().await else { return };
    let database = Database::open(&server.url().parse().unwrap()).await.unwrap();
    fill(&database).await;
    let mut superuser = server.connect("postgres").await;
    sqlx::query(
        "INSERT INTO object_index SELECT $1, 'contact', 'email', 's' || i || '@example.com', 'hubspot:' || i
         FROM generate_series(1, 100000) AS n (i)",
    )
    .bind(OURS.0)
    .execute(&mut superuser)
    .await
    .unwrap();
    sqlx::query("ANALYZE object_index").execute(&mut superuser).await.unwrap();
    let sql = AssertSqlSafe(format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}", HAVING[1]));
    let explained = sqlx::query(sql)
        .bind(OURS.0)
        .bind("contact")
        .bind(vec!["email"])
        .bind(vec!["s777@example.com"])
        .bind("")
        .bind(50_i64)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    let explained: Value = explained.get(0);
    let plan = &explained[0]["Plan"];
    assert!(plan["Actual Rows"] == json!(1) || plan["Actual Rows"] == json!(1.0), "{explained}");
    assert!(blocks(plan) <= 8, "{explained}");
}

/// As after a first synchronization, before anybody has told the planner how many records there are.
#[tokio::test]
async fn on_postgres_records_are_read_one_by_one_of_an_object_that_was_just_filled() {
    let Some(server) = patchbay_test_postgres::database().await else { return };
    let database = Database::open(&server.url().parse().unwrap()).await.unwrap();
    fill(&database).await;
    let mut superuser = server.connect("postgres").await;
    sqlx::query(
        "INSERT INTO object_record SELECT $1, 'contact', 'hubspot:' || i, 1, '{\"name\": \"Ada\"}', '[]', 'hubspot', $1, 0,
           'hubspot', $1, 0 FROM generate_series(1, 100000) AS n (i)",
    )
    .bind(OURS.0)
    .execute(&mut superuser)
    .await
    .unwrap();
    let sql = AssertSqlSafe(format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {NAMED_POSTGRES}"));
    let explained = sqlx::query(sql)
        .bind(OURS.0)
        .bind("contact")
        .bind(Json(["hubspot:777", "hubspot:nobody"]))
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    let explained: Value = explained.get(0);
    let plan = &explained[0]["Plan"];
    assert!(plan["Actual Rows"] == json!(1) || plan["Actual Rows"] == json!(1.0), "{explained}");
    assert!(blocks(plan) <= 16, "{explained}");
}
