//! `patchbay vault`, `audit` and `org delete` as an operator's script sees them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "in helpers of tests a failure is the test's")]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;
use sqlx::Connection as _;
use tempfile::TempDir;

/// A folder with a configuration, and an organization in its database.
struct Operator {
    folder: TempDir,
    url: String,
    org: String,
}

impl Operator {
    fn new(url: &str) -> Self {
        let mut operator = Self { folder: tempfile::tempdir().unwrap(), url: url.to_owned(), org: String::new() };
        operator.configure("");
        operator.org = operator.json(&["init", "--json"])["org"].as_str().unwrap().to_owned();
        operator
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, text: &str) {
        fs::write(self.path("patchbay.toml"), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patchbay"));
        command.args(arguments).env("PATCHBAY_CONFIG", self.path("patchbay.toml")).env("DATABASE_URL", &self.url);
        command.env("PATCHBAY_TEST_KEK", "ab".repeat(32)).output().unwrap()
    }

    /// What a command that has to succeed prints.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a command that has to fail says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    async fn tamper(&self, sql: &'static str) {
        let url = format!("sqlite:{}", self.path("data/patchbay.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// With several keys from a file, a command and the environment, one after the other.
fn a_key_is_followed_by_others(url: &str) {
    let operator = Operator::new(url);
    let status = operator.json(&["vault", "status", "--json"]);
    assert_eq!((&status["current"], &status["known"]), (&1.into(), &serde_json::json!([1])));
    let file = operator.path("kek-2");
    let made = operator.json(&["vault", "new-key", file.to_str().unwrap(), "--version", "2", "--json"]);
    assert_eq!(made["version"], 2);
    assert!(operator.refused(&["vault", "new-key", file.to_str().unwrap(), "--version", "2"]).contains("kek-2"));
    operator
        .configure("[vault]\ncurrent = 1\nkeys = { 1 = { file = \"data/keys/master\" }, 2 = { file = \"kek-2\" } }\n");
    assert_eq!(operator.json(&["vault", "status", "--json"])["known"], serde_json::json!([1, 2]));
    operator.configure(
        "[vault.keys.1]\nfile = \"data/keys/master\"\n[vault.keys.2]\nfile = \"kek-2\"\n\
         [vault.keys.3]\ncommand = [\"printenv\", \"PATCHBAY_TEST_KEK\"]\n",
    );
    let rotated = operator.json(&["vault", "rotate", "--json"]);
    assert_eq!((&rotated["current"], &rotated["rewrapped"], &rotated["remaining"]), (&3.into(), &0.into(), &0.into()));
    let sealed = operator.json(&["vault", "rotate", "--data-keys", "--json"]);
    assert_eq!(sealed["failed"], 0);
    assert_eq!(sealed["organizations"][0]["version"], Value::Null, "nothing is sealed yet");
    operator.configure("[vault.keys.3]\nenv = \"PATCHBAY_TEST_KEK\"\n");
    assert_eq!(operator.json(&["vault", "status", "--json"])["known"], serde_json::json!([3]));
    operator.configure("[vault.keys.3]\nfile = \"kek-2\"\n");
    let said = operator.refused(&["vault", "status"]);
    assert!(said.contains("kek-2") && said.contains("version 2"), "{said}");
    operator.configure("[vault.keys.3]\ncommand = [\"printf\", \"cd\"]\n");
    let said = operator.refused(&["vault", "status"]);
    assert!(said.contains("printf") && said.contains("does not print a key"), "{said}");
    let other = "cd".repeat(32);
    operator.configure(&format!("[vault.keys.3]\ncommand = [\"echo\", \"{other}\"]\n"));
    let said = operator.refused(&["vault", "status"]);
    assert!(said.contains("key-encryption key 3") && !said.contains(&other), "{said}");
}

#[test]
fn on_a_file_keys_follow_each_other() {
    a_key_is_followed_by_others("");
}

#[tokio::test]
async fn on_postgres_keys_follow_each_other() {
    let Some(database) = patchbay_test_postgres::database().await else { return };
    let url = database.url();
    tokio::task::spawn_blocking(move || a_key_is_followed_by_others(&url)).await.unwrap();
}

#[tokio::test]
async fn a_log_that_was_tampered_with_fails_the_script() {
    let operator = Operator::new("");
    operator.configure("[audit]\ncheckpoints = \"outside/checkpoints\"\n");
    fs::create_dir(operator.path("outside")).unwrap();
    for name in ["a", "b"] {
        operator.json(&["key", "create", "--name", name, "--scope", "read", "--json"]);
    }
    let checkpoints = operator.path("outside/checkpoints");
    let checkpoints = checkpoints.to_str().unwrap();
    assert_eq!(operator.json(&["audit", "checkpoint", "--json"])["signed"], 2, "the hub's and the organization's");
    let verified = operator.json(&["audit", "verify", "--checkpoints", checkpoints, "--json"]);
    assert_eq!(verified["intact"], true);
    let log = &verified["logs"][1];
    assert_eq!(
        (log["log"].as_str(), log["entries"].as_u64(), log["signed"].as_u64()),
        (Some(&*operator.org), Some(4), Some(4))
    );
    assert_eq!(operator.json(&["audit", "verify", "default", "--json"])["logs"].as_array().unwrap().len(), 1);

    let exported = operator.run(&["audit", "export", "default"]);
    let exported = String::from_utf8(exported.stdout).unwrap();
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((lines[3]["seq"].as_u64(), lines[3]["action"].as_str()), (Some(4), Some("api_key.create")));
    assert_eq!(lines[3]["hash"], log["head"]);
    let key = operator.json(&["audit", "key", "--json"]);
    assert_eq!(key["public_key"].as_str().unwrap().len(), 64);

    operator.tamper("UPDATE audit SET actor = 'nobody' WHERE seq = 3").await;
    let output = operator.run(&["audit", "verify", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["intact"], false);
    assert_eq!(report["logs"][1]["damage"]["kind"], "edited");
    assert_eq!(report["logs"][1]["damage"]["seq"], 3);
    let output = operator.run(&["audit", "verify", &operator.org]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("edited from entry 3 on"), "{said}");
    assert!(operator.refused(&["audit", "verify", "--checkpoints", "no-such-file"]).contains("no-such-file"));
}

#[tokio::test]
async fn a_key_that_signs_is_followed_by_another_that_names_it() {
    let operator = Operator::new("");
    operator.json(&["audit", "checkpoint", "--json"]);
    let first = operator.json(&["audit", "key", "--json"])["public_key"].as_str().unwrap().to_owned();
    fs::rename(operator.path("data/keys/audit"), operator.path("data/keys/former")).unwrap();
    assert!(operator.refused(&["audit", "key"]).contains("`audit`"), "another key is an accident");
    operator.configure(&format!("[audit]\nformer_keys = [\"{first}\"]\n"));
    let second = operator.json(&["audit", "key", "--json"])["public_key"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    operator.json(&["key", "create", "--name", "a", "--scope", "read", "--json"]);
    operator.json(&["audit", "checkpoint", "--json"]);
    assert_eq!(operator.json(&["audit", "verify", "--json"])["intact"], true);
    operator.configure("");
    assert!(
        !operator.run(&["audit", "verify", "--json"]).status.success(),
        "who does not know the first key trusts nothing of it"
    );
}

#[test]
fn an_organization_is_deleted_by_its_id_and_only_if_that_is_meant() {
    let operator = Operator::new("");
    assert!(operator.refused(&["org", "delete", "default", "--yes"]).contains("org_018f"));
    assert!(operator.refused(&["org", "delete", &operator.org]).contains("--yes"));
    let deleted = operator.json(&["org", "delete", &operator.org, "--yes", "--json"]);
    assert_eq!((deleted["org"].as_str(), deleted["name"].as_str()), (Some(&*operator.org), Some("default")));
    assert!(operator.refused(&["org", "delete", &operator.org, "--yes"]).contains("no such organization"));
    assert_eq!(operator.json(&["audit", "verify", "--json"])["intact"], true);
    let log = operator.run(&["audit", "export", "hub"]);
    assert!(String::from_utf8_lossy(&log.stdout).contains("org.deleted"));
}
