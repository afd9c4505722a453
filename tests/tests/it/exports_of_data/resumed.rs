//! Exports that a crash interrupts: they are gone on with where they were, and each row is in the file once.

use std::{sync::Arc, time::Duration};

use patchbay_model::{Clock as _, ManualClock, SystemClock, UsageId};
use patchbay_tests::{
    TestHub,
    hub::{HubProcess, on_postgres, program},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use super::{ask, done, download, ids, lines, look};
use crate::sdk::run;

/// For tens of thousands of rows in a program that was built for tests.
const LONG: Duration = Duration::from_secs(180);

/// Rows of usage in a hurry: no call could make so many in a test.
const MANY: i64 = 60_000;

/// The ids that they have, in order.
fn seeded() -> Vec<String> {
    (0..MANY)
        .map(|number| UsageId(uuid::Uuid::from_u128((1_700_000_000_000_u128 << 80) | number as u128)).to_string())
        .collect()
}

fn check_all(text: &str) {
    let lines = lines(text);
    assert_eq!(lines.len() as i64, MANY, "each row once");
    assert_eq!(ids(&lines), seeded(), "in their order");
}

async fn a_hub_killed_while_it_exports() {
    // behind, so that it leaves the job to the other one
    let clock = Arc::new(ManualClock::new(SystemClock.now() - chrono::Duration::hours(1)));
    let survivor = TestHub::setup().clock(clock.clone()).start().await;
    let org = survivor.org("acme").await;
    let mut superuser = survivor.postgres().unwrap().connect("postgres").await;
    sqlx::query(
        "INSERT INTO usage_record (org_id, id, plugin, run_id, meter, quantity, basis, at)
         SELECT $1, ('018bcfe5-6800-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, 'echo', $1, 'calls', n, 'reported',
           1700000000000000 + n
         FROM generate_series(0, $2 - 1) AS n",
    )
    .bind(org.id.0)
    .bind(MANY)
    .execute(&mut superuser)
    .await
    .unwrap();
    let mut doomed = HubProcess::beside(&survivor, &[]).await;
    let there = doomed.see(&org);
    let id = ask(&there, json!({"what": "usage", "format": "jsonl"})).await;
    let half_way = || async {
        let export = look(&there, &id).await;
        (export["rows"].as_u64() >= Some(10_000)).then_some(export)
    };
    let half = there.wait_for(LONG, half_way).await;
    doomed.kill().await;
    assert_eq!(half["status"], "running", "it was killed in the middle of it");
    // to the present, however long it took up to here, and over the lease of the one that was killed
    clock.advance(SystemClock.now() - clock.now() + chrono::Duration::minutes(2));
    let export = done(&org, &id, LONG).await;
    assert_eq!(export["rows"].as_i64(), Some(MANY));
    let file = download(&org, &export).await.expect(200);
    assert_eq!(hex::encode(Sha256::digest(&file.body)), export["sha256"]);
    check_all(&file.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_a_hub_that_was_killed_is_taken_up_by_another_one() {
    on_postgres(a_hub_killed_while_it_exports()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_was_killed_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("patchbay.toml");
    std::fs::write(&config, "[data]\ndir = \"data\"\n").unwrap();
    let patchbay = |arguments: &[&str]| {
        let mut command = Command::new(program());
        command.args(arguments).arg("--config").arg(&config).env_remove("DATABASE_URL").kill_on_drop(true);
        command
    };
    let _ = run(&mut patchbay(&["init"])).await.unwrap();
    let database = format!("sqlite://{}", folder.path().join("data/patchbay.db").display());
    let pool = sqlx::SqlitePool::connect(&database).await.unwrap();
    sqlx::query(
        "WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < $1)
         INSERT INTO usage_record (org_id, id, plugin, run_id, meter, quantity, basis, at)
         SELECT org.id, unhex('018bcfe5680000000000' || printf('%012x', n)), 'echo', org.id, 'calls', n, 'reported',
           1700000000000000 + n
         FROM number, org",
    )
    .bind(MANY)
    .execute(&pool)
    .await
    .unwrap();
    let out = folder.path().join("usage.jsonl");
    let out = out.to_str().unwrap();
    let asked = ["export", "default", "--what", "usage", "--format", "jsonl", "--out", out, "--json"];
    let mut doomed = patchbay(&asked).spawn().unwrap();
    let half_way = async {
        loop {
            let row: Option<(Vec<u8>, i64)> = sqlx::query_as("SELECT id, rows FROM export WHERE status = 'open'")
                .fetch_optional(&pool)
                .await
                .unwrap();
            if let Some((id, rows)) = row.filter(|(_, rows)| *rows >= 10_000) {
                return (id, rows);
            }
            tokio::task::yield_now().await;
        }
    };
    let (id, rows) = tokio::time::timeout(LONG, half_way).await.unwrap();
    doomed.kill().await.unwrap();
    assert!(rows < MANY && !std::path::Path::new(out).exists(), "it was killed in the middle of it");
    let id = format!("exp_{}", hex::encode(id));
    let resumed = run(&mut patchbay(&["export", "default", "--resume", &id, "--out", out, "--json"])).await.unwrap();
    let told: Value = serde_json::from_str(resumed.lines().last().unwrap()).unwrap();
    let text = std::fs::read_to_string(out).unwrap();
    assert_eq!(told["rows"].as_i64(), Some(MANY));
    assert_eq!(hex::encode(Sha256::digest(text.as_bytes())), told["sha256"]);
    check_all(&text);
    let gone = run(&mut patchbay(&["export", "default", "--resume", &id, "--out", out])).await.unwrap_err();
    assert!(gone.contains("no such export"), "{gone}");
}
