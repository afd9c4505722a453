//! `patchbay db` as an operator's script sees it: what it prints, and with which status it ends.
#![expect(clippy::unwrap_used, reason = "in helpers of tests a failure is the test's")]

use std::{
    fs,
    process::{Command, Output},
};

use patchbay_test_postgres::{OWNER, TestDatabase};
use serde_json::Value;
use sqlx::{AssertSqlSafe, raw_sql};
use tempfile::TempDir;

/// A configuration that names the database, and nothing else.
struct Operator {
    folder: TempDir,
    url: String,
}

impl Operator {
    fn on(url: &str) -> Self {
        let operator = Self { folder: tempfile::tempdir().unwrap(), url: url.to_owned() };
        fs::write(operator.folder.path().join("patchbay.toml"), "").unwrap();
        operator
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patchbay"));
        command.args(arguments).arg("--config").arg(self.folder.path().join("patchbay.toml"));
        command.env("DATABASE_URL", &self.url).output().unwrap()
    }

    /// What a command that has to succeed prints.
    fn json(&self, command: &str) -> Value {
        let output = self.run(&["db", command, "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a command that has to fail prints, and what it says.
    fn fails(&self, command: &str) -> (Value, String) {
        let output = self.run(&["db", command, "--json"]);
        assert_eq!(output.status.code(), Some(1));
        (serde_json::from_slice(&output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

async fn spoil(database: &TestDatabase, sql: &str) {
    let mut owner = database.connect(OWNER).await;
    raw_sql(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
}

#[test]
fn migrations_of_a_file_are_made_once() {
    let operator = Operator::on("");
    let (status, said) = operator.fails("status");
    assert_eq!(status["up_to_date"], false);
    assert!(said.contains("fix: run `patchbay db migrate`"), "{said}");
    assert!(!operator.folder.path().join("data").exists(), "looking makes nothing");
    let made = operator.json("migrate")["applied"].as_array().unwrap().len();
    assert!(made >= 7, "{made}");
    let status = operator.json("status");
    assert_eq!(status["up_to_date"], true);
    assert_eq!(status["migrations"].as_array().unwrap().len(), made);
    assert_eq!(operator.json("migrate")["applied"].as_array().unwrap().len(), 0);
    assert!(operator.folder.path().join("data/patchbay.db").exists());
}

#[test]
fn a_file_has_no_row_level_security_to_audit() {
    let operator = Operator::on("");
    let output = operator.run(&["db", "rls-audit"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("the configured database is SQLite") && said.contains("fix: "), "{said}");
}

#[tokio::test]
async fn an_audit_fails_on_a_gap_and_says_how_to_close_it() {
    let Some(database) = patchbay_test_postgres::database().await else { return };
    let operator = Operator::on(&database.url());
    let empty = operator.run(&["db", "rls-audit"]);
    assert!(!empty.status.success(), "a database without tables proves nothing");
    assert!(String::from_utf8_lossy(&empty.stderr).contains("patchbay db migrate"));

    assert!(!operator.json("migrate")["applied"].as_array().unwrap().is_empty());
    let report = operator.json("rls-audit");
    assert_eq!(report["gaps"], Value::Array(vec![]));
    assert!(report["tables"].as_array().unwrap().len() >= 14);
    let for_people = String::from_utf8(operator.run(&["db", "rls-audit"]).stdout).unwrap();
    assert!(for_people.contains("no gap: "), "{for_people}");

    spoil(&database, "DROP POLICY org_isolation ON kv; CREATE POLICY all_of_it ON run USING (true)").await;
    let output = operator.run(&["db", "rls-audit", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let gaps = report["gaps"].as_array().unwrap();
    let kinds: Vec<&str> = gaps.iter().filter_map(|gap| gap["kind"].as_str()).collect();
    assert!(kinds.contains(&"no_policy") && kinds.contains(&"always_true"), "{kinds:?}");
    for gap in gaps {
        spoil(&database, gap["fix"].as_str().unwrap()).await;
    }
    assert_eq!(operator.json("rls-audit")["gaps"], Value::Array(vec![]));
}

#[tokio::test]
async fn looking_at_migrations_makes_no_roles_and_fails_unless_all_are_there() {
    let Some(database) = patchbay_test_postgres::database_alone().await else { return };
    let operator = Operator::on(&database.url());
    let roles = async || -> i64 {
        let sql = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'patchbay\\_%' AND NOT rolcanlogin";
        sqlx::query_as::<_, (i64,)>(sql).fetch_one(&mut database.connect(OWNER).await).await.unwrap().0
    };
    let (status, _) = operator.fails("status");
    assert_eq!(status["up_to_date"], false);
    assert_eq!(roles().await, 0);
    operator.json("migrate");
    assert_eq!(operator.json("status")["up_to_date"], true);
    assert!(roles().await >= 3);
    spoil(&database, "INSERT INTO _sqlx_migrations SELECT 999, 'later', now(), true, '', 0").await;
    let (status, said) = operator.fails("status");
    assert_eq!(status["migrations"].as_array().unwrap().last().unwrap()["state"], "unknown");
    assert!(said.contains("newer release"), "{said}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_said_without_its_password() {
    let operator = Operator::on("postgres://hub:hunter2@127.0.0.1:1/patchbay");
    for command in ["migrate", "status", "rls-audit"] {
        let output = operator.run(&["db", command]);
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("cannot be reached") && !said.contains("hunter2"), "{said}");
    }
}
