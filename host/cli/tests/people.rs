//! `patchbay org`, `member` and `key` as an operator's script sees them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "in helpers of tests a failure is the test's")]

use std::{
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

/// A folder with a configuration, and nothing else.
struct Operator(TempDir);

impl Operator {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("patchbay.toml"), "[data]\ndir = \"data\"\n").unwrap();
        Self(folder)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patchbay"));
        command.args(arguments).arg("--config").arg(self.0.path().join("patchbay.toml")).env_remove("DATABASE_URL");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// What a command that has to succeed prints, an object per line.
    fn lines(&self, arguments: &[&str], input: &str) -> Vec<Value> {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let output = self.run(&arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn one(&self, arguments: &[&str]) -> Value {
        let lines = self.lines(arguments, "");
        assert_eq!(lines.len(), 1);
        lines[0].clone()
    }

    /// What a command that has to fail says.
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn organizations_are_made_listed_shown_and_renamed() {
    let operator = Operator::new();
    let made = operator.one(&["org", "create", "Acme"]);
    operator.one(&["org", "create", "Other"]);
    let names: Vec<Value> = operator.lines(&["org", "list"], "").iter().map(|org| org["name"].clone()).collect();
    assert_eq!(names, ["Acme", "Other"]);
    let id = made["id"].as_str().unwrap();
    assert_eq!(operator.one(&["org", "rename", "Acme", "Acme & Sons"])["id"], id);
    assert_eq!(operator.one(&["org", "show", id])["name"], "Acme & Sons");
    assert!(operator.fails(&["org", "show", "Acme"]).contains("there is no organization"));
    assert!(operator.fails(&["org", "create", ""]).contains("1 to 200 characters"));
}

#[test]
fn members_are_added_changed_and_removed_and_an_owner_stays() {
    let operator = Operator::new();
    operator.one(&["org", "create", "Acme"]);
    let add = ["member", "add", "--org", "Acme", "--role", "owner", "Ada@example.com", "--password-stdin"];
    let ada = operator.lines(&add, &format!("{PASSWORD}\n"))[0].clone();
    assert_eq!((&ada["email"], &ada["role"]), (&Value::from("ada@example.com"), &Value::from("owner")));
    assert!(operator.fails(&["member", "remove", "--org", "Acme", "ada@example.com"]).contains("last owner"));

    let invited = operator.one(&["member", "invite", "--org", "Acme", "--role", "viewer", "grace@example.com"]);
    assert!(invited["token"].as_str().unwrap().starts_with("pbi_"));
    assert!(invited["url"].as_str().unwrap().starts_with("http://127.0.0.1:8080/invitations/pbi_"));
    operator.one(&["member", "add", "--org", "Acme", "grace@example.com"]);
    let grace = operator.one(&["member", "role", "--org", "Acme", "grace@example.com", "owner"]);
    assert_eq!(grace["role"], "owner");
    let removed = operator.one(&["member", "remove", "--org", "Acme", ada["user"].as_str().unwrap()]);
    assert_eq!(removed["removed"], ada["user"]);
    let left = operator.lines(&["member", "list", "--org", "Acme"], "");
    assert_eq!(left.iter().map(|member| member["email"].clone()).collect::<Vec<_>>(), ["grace@example.com"]);

    let reset = operator.one(&["member", "reset-password", "--org", "Acme", "grace@example.com", "--generate"]);
    assert_eq!(reset["password"].as_str().unwrap().len(), 40);
    let given = ["member", "reset-password", "--org", "Acme", "grace@example.com", "--password-stdin"];
    assert_eq!(operator.lines(&given, PASSWORD)[0]["password"], Value::Null);
    assert!(operator.fails(&given).contains("no password on standard input"));
    assert!(operator.fails(&["member", "list", "--org", "Nobody"]).contains("there is no organization"));
}

#[test]
fn a_key_is_made_replaced_listed_and_revoked() {
    let operator = Operator::new();
    operator.one(&["org", "create", "default"]);
    let made = operator.one(&["key", "create", "--name", "ci", "--scope", "read", "--scope", "keys"]);
    let id = made["id"].as_str().unwrap();
    let replaced = operator.one(&["key", "rotate", id, "--overlap-hours", "1"]);
    assert_ne!(replaced["api_key"], made["api_key"]);
    let keys = operator.lines(&["key", "list"], "");
    assert_eq!(keys.len(), 2);
    assert!(keys[0]["expires_at"].is_string() && keys[1]["expires_at"].is_null());
    assert_eq!(keys[1]["replaces"], id);
    assert_eq!(operator.one(&["key", "revoke", id])["revoked"], true);
    assert!(operator.fails(&["key", "rotate", id]).contains("make a new one"));
    assert!(
        operator
            .fails(&["key", "rotate", replaced["id"].as_str().unwrap(), "--overlap-hours", "169"])
            .contains("at most")
    );
}
