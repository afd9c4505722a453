//! How the databases do what a claim asks of them, whatever they know of the tables: by reading indexes in their order.

use sqlx::{AssertSqlSafe, raw_sql};

use super::{room, turn};
use crate::{Database, DatabaseUrl, Tx};

/// Fills the queue, or empties it again, and has the database count what is there.
const COUNTED: [&str; 2] = [
    "INSERT INTO org (id, name, created_at) SELECT gen_random_uuid(), 'an org', 0 FROM generate_series(1, 3);
     INSERT INTO job_queue (org_id, job_id, lane, rank, due_at, attempts, lease, lease_until, unwanted)
       SELECT id, gen_random_uuid(), 'openai', 1, n, 0, NULL, 0, false FROM org, generate_series(1, 5000) n;
     ANALYZE job_queue",
    "DELETE FROM job_queue; ANALYZE job_queue",
];

#[tokio::test]
async fn on_sqlite_a_claim_reads_indexes_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("patchbay.db"))).await.unwrap();
    database.migrate().await.unwrap();
    let mut tx = database.begin().await.unwrap();
    let Tx::Sqlite(tx) = &mut tx else { panic!("not on SQLite") };
    for (sql, wanted, number) in [
        (super::OF_LANE, "USING INDEX job_queue_next (org_id=? AND lane=? AND rank=? AND due_at<?)", 3),
        (room::ON_SQLITE, "USING INDEX job_queue_running (org_id=? AND lane=? AND lease_until>?)", 1),
    ] {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe(explain)).fetch_all(tx.connection()).await.unwrap();
        let plan: Vec<&str> = plan.iter().map(|(.., step)| step.as_str()).collect();
        assert_eq!(plan.iter().filter(|step| step.contains(wanted)).count(), number, "{plan:#?}");
        assert!(
            !plan.iter().any(|step| step.starts_with("SCAN job_queue") || step.starts_with("SCAN q ")),
            "{plan:#?}"
        );
    }
}

#[tokio::test]
async fn on_postgres_a_claim_reads_indexes_in_their_order_whatever_was_counted() {
    let Some(server) = patchbay_test_postgres::database().await else { return };
    let database = Database::open(&server.url().parse().unwrap()).await.unwrap();
    database.migrate().await.unwrap();
    let mut owner = server.connect("postgres").await;
    let mut plans = vec![kept_for(&database).await];
    for sql in COUNTED {
        raw_sql(sql).execute(&mut owner).await.unwrap();
        plans.push(kept_for(&database).await);
    }
    for [claim, mark] in plans {
        assert_eq!(claim.matches("Index Scan using job_queue_next").count(), 3, "{claim}");
        assert_eq!(mark.matches("Scan using job_queue_next").count(), 3, "{mark}");
        for plan in [claim, mark] {
            for unwanted in ["Sort", "Seq Scan on job_queue"] {
                assert!(!plan.contains(unwanted), "{plan}");
            }
        }
    }
}

/// Of taking jobs and of marking lanes, as they are kept for whatever parameters come.
async fn kept_for(database: &Database) -> [String; 2] {
    let mut tx = database.begin().await.unwrap();
    tx.hub();
    let Tx::Postgres(tx) = &mut tx else { panic!("not on PostgreSQL") };
    let connection = tx.connection().await.unwrap();
    raw_sql("SET LOCAL plan_cache_mode TO force_generic_plan").execute(&mut *connection).await.unwrap();
    let mut plans = Vec::new();
    for (name, parameters, sql) in [("claim", 9, super::AT_ONCE), ("mark", 8, turn::AT_ONCE)] {
        raw_sql(AssertSqlSafe(format!("PREPARE {name} AS {sql}"))).execute(&mut *connection).await.unwrap();
        let nothing = vec!["NULL"; parameters].join(", ");
        let explain = AssertSqlSafe(format!("EXPLAIN (COSTS OFF) EXECUTE {name} ({nothing})"));
        let plan: Vec<(String,)> = sqlx::query_as(explain).fetch_all(&mut *connection).await.unwrap();
        let plan: Vec<String> = plan.into_iter().map(|(step,)| step).collect();
        raw_sql(AssertSqlSafe(format!("DEALLOCATE {name}"))).execute(&mut *connection).await.unwrap();
        plans.push(plan.join("\n"));
    }
    plans.try_into().unwrap()
}
