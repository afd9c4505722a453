//! The audit log against those who can write to the database: whatever is done to it is found.

use std::{path::PathBuf, sync::Arc};

use patchbay_hub::{ChainReport, DamageKind, Hub, HubConfig, NewApiKey, VerifyAudit, read_checkpoints};
use patchbay_model::{OrgId, SystemClock, SystemRandom, org::Scope};
use patchbay_runtime::Compiler;
use patchbay_storage::{
    Database, DatabaseUrl,
    chain::{AuditLine, Chain},
};
use patchbay_tests::{Fixture, Setup, TestHub};
use patchbay_vault::CheckpointKey;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _};

/// A hub whose checkpoints go to a file as well.
struct Scene {
    hub: TestHub,
    outside: PathBuf,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn start() -> Self {
        Self::of(TestHub::setup()).await
    }

    /// Where nobody signs but the test: a hub that runs signs each log as soon as it looks.
    async fn at_rest() -> Self {
        Self::of(TestHub::setup().without_background()).await
    }

    async fn of(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("checkpoints");
        let file = outside.clone();
        let hub = setup.edit(move |config| config.audit.checkpoints_file = Some(file)).start().await;
        Self { hub, outside, _folder: folder }
    }

    /// An org with six entries, of which some are signed.
    async fn org(&self, signed: usize) -> OrgId {
        let org = self.hub.hub.create_org("acme").await.unwrap().id;
        for number in 1..6 {
            if number == signed {
                self.hub.hub.checkpoint_audit().await.unwrap();
            }
            let name = format!("key {number}");
            let new = NewApiKey { name, scopes: vec![Scope::Read], ..NewApiKey::default() };
            self.hub.hub.create_api_key(org, new).await.unwrap();
        }
        if signed == 6 {
            self.hub.hub.checkpoint_audit().await.unwrap();
        }
        org
    }

    async fn database(&self) -> Database {
        let url = match self.hub.postgres() {
            Some(database) => database.url().parse().unwrap(),
            None => DatabaseUrl::sqlite(self.hub.data_dir().join("patchbay.db")),
        };
        Database::open(&url).await.unwrap()
    }

    /// As whoever owns the database can. `{org}` stands for the org's id, as the database writes it, and `{blank}` for a
    /// detail with a blank before it.
    async fn tamper(&self, org: OrgId, sql: &str) {
        match self.hub.postgres() {
            Some(database) => {
                let blank = "(' ' || detail::text)::json";
                let sql = AssertSqlSafe(sql.replace("{org}", &format!("'{}'", org.0)).replace("{blank}", blank));
                sqlx::raw_sql(sql).execute(&mut database.connect("postgres").await).await.unwrap();
            }
            None => {
                let url = format!("sqlite:{}", self.hub.data_dir().join("patchbay.db").display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                let id = format!("X'{}'", org.0.simple());
                let sql = AssertSqlSafe(sql.replace("{org}", &id).replace("{blank}", "' ' || detail"));
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    async fn lines(&self, org: OrgId) -> Vec<AuditLine> {
        self.hub.hub.audit_lines(Chain::Org(org), 0, 100).await.unwrap()
    }

    /// Gives an entry another text and computes every hash from there on anew, the end's too.
    async fn restamp(&self, org: OrgId, seq: u64) {
        let (chain, mut before) = (Chain::Org(org), Chain::Org(org).genesis());
        let bytes =
            |hash: &str| if self.hub.postgres().is_some() { format!("'\\x{hash}'") } else { format!("X'{hash}'") };
        for mut line in self.lines(org).await {
            if line.seq == seq {
                line.detail = "{\"name\":\"another\"}".to_owned();
            }
            before = line.link(chain, before);
            let hash = bytes(&before.to_string());
            let set = format!(
                "UPDATE audit SET detail = '{}', hash = {hash} WHERE org_id = {{org}} AND seq = {}",
                line.detail, line.seq
            );
            self.tamper(org, &set).await;
        }
        self.tamper(
            org,
            &format!("UPDATE audit_head SET hash = {} WHERE org_id = {{org}}", bytes(&before.to_string())),
        )
        .await;
    }

    async fn verify(&self, org: OrgId, with_file: bool) -> ChainReport {
        let checkpoints = if with_file { read_checkpoints(&self.outside).unwrap() } else { Vec::new() };
        let verify = VerifyAudit { only: Some(Chain::Org(org)), checkpoints, keys: Vec::new() };
        self.hub.hub.verify_audit(verify).await.unwrap().remove(0)
    }

    /// What is found, with the checkpoints of the database alone.
    async fn found(&self, org: OrgId) -> Option<(DamageKind, u64)> {
        self.verify(org, false).await.damage.map(|damage| (damage.kind, damage.seq))
    }
}

pub async fn whatever_is_done_to_an_entry_is_found() {
    let scene = Scene::at_rest().await;
    let whole = scene.org(4).await;
    let report = scene.verify(whole, true).await;
    assert_eq!((report.entries, report.signed, report.checkpoints, report.damage), (6, 4, 1, None));
    assert_eq!(report.head, scene.lines(whole).await.last().unwrap().hash);

    for (attack, sql, found) in [
        ("edit a detail", "UPDATE audit SET detail = '{}' WHERE org_id = {org} AND seq = 3", (DamageKind::Edited, 3)),
        ("edit a blank", "UPDATE audit SET detail = {blank} WHERE org_id = {org} AND seq = 2", (DamageKind::Edited, 2)),
        ("edit an actor", "UPDATE audit SET actor = 'hub' WHERE org_id = {org} AND seq = 2", (DamageKind::Edited, 2)),
        ("edit an action", "UPDATE audit SET action = 'x' WHERE org_id = {org} AND seq = 6", (DamageKind::Edited, 6)),
        ("edit a resource", "UPDATE audit SET subject = 'x' WHERE org_id = {org} AND seq = 6", (DamageKind::Edited, 6)),
        ("edit a time", "UPDATE audit SET at = at + 1 WHERE org_id = {org} AND seq = 1", (DamageKind::Edited, 1)),
        ("make a time of it that is none", "UPDATE audit SET at = 9223372036854775807 WHERE org_id = {org} AND seq = 3", (DamageKind::Edited, 3)),
        ("cut a hash short", "UPDATE audit SET hash = substr(hash, 1, 5) WHERE org_id = {org} AND seq = 5", (DamageKind::Edited, 5)),
        ("cut the hash of the end short", "UPDATE audit_head SET hash = substr(hash, 1, 5) WHERE org_id = {org}", (DamageKind::Edited, 6)),
        ("cut a signature short", "UPDATE audit_checkpoint SET signature = substr(signature, 1, 5) WHERE chain = {org}",
           (DamageKind::ForgedCheckpoint, 1)),
        ("take a hash away", "UPDATE audit SET hash = NULL WHERE org_id = {org} AND seq = 5", (DamageKind::Edited, 5)),
        ("delete one", "DELETE FROM audit WHERE org_id = {org} AND seq = 3", (DamageKind::Missing, 3)),
        ("delete the first", "DELETE FROM audit WHERE org_id = {org} AND seq = 1", (DamageKind::Missing, 1)),
        ("delete several", "DELETE FROM audit WHERE org_id = {org} AND seq IN (3, 4)", (DamageKind::Missing, 3)),
        ("delete one and close the gap", "DELETE FROM audit WHERE org_id = {org} AND seq = 6; DELETE FROM audit WHERE org_id = {org} AND seq = 2;
           UPDATE audit SET seq = seq - 1 WHERE org_id = {org} AND seq = 3; UPDATE audit SET seq = seq - 1 WHERE org_id = {org} AND seq = 4;
           UPDATE audit SET seq = seq - 1 WHERE org_id = {org} AND seq = 5", (DamageKind::Edited, 2)),
        ("swap two", "UPDATE audit SET seq = 100 WHERE org_id = {org} AND seq = 2; UPDATE audit SET seq = 2 WHERE org_id = {org} AND seq = 4;
           UPDATE audit SET seq = 4 WHERE org_id = {org} AND seq = 100", (DamageKind::Reordered, 2)),
        ("swap neighbours", "UPDATE audit SET seq = 100 WHERE org_id = {org} AND seq = 5; UPDATE audit SET seq = 5 WHERE org_id = {org} AND seq = 6;
           UPDATE audit SET seq = 6 WHERE org_id = {org} AND seq = 100", (DamageKind::Reordered, 5)),
        ("cut the end off", "DELETE FROM audit WHERE org_id = {org} AND seq > 5", (DamageKind::Truncated, 6)),
        ("cut all of it off", "DELETE FROM audit WHERE org_id = {org}", (DamageKind::Truncated, 1)),
        ("cut it off before what was signed, and say so", "DELETE FROM audit WHERE org_id = {org} AND seq > 3;
           UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE org_id = {org} AND seq = 3) WHERE org_id = {org}",
           (DamageKind::Truncated, 4)),
        ("cut all of it off, and forget it", "DELETE FROM audit WHERE org_id = {org}; DELETE FROM audit_head WHERE org_id = {org}", (DamageKind::Truncated, 1)),
        ("forget where it ends", "DELETE FROM audit_head WHERE org_id = {org}", (DamageKind::Edited, 6)),
        ("add one", "INSERT INTO audit (org_id, seq, id, actor, action, subject, detail, at, hash)
           SELECT org_id, 7, org_id, actor, action, subject, detail, at, hash FROM audit WHERE org_id = {org} AND seq = 6", (DamageKind::Edited, 7)),
        ("take another's hash for the end", "UPDATE audit_head SET hash = (SELECT hash FROM audit WHERE org_id = {org} AND seq = 1) WHERE org_id = {org}",
           (DamageKind::Edited, 6)),
    ] {
        let org = scene.org(4).await;
        scene.tamper(org, sql).await;
        assert_eq!(scene.found(org).await, Some(found), "{attack}");
    }
    let all = scene.hub.hub.verify_audit(VerifyAudit::default()).await.unwrap();
    assert_eq!(all[0].log, Chain::Hub);
    assert_eq!(all.iter().filter(|report| report.damage.is_none()).count(), 2, "the hub's, and the one that is whole");
}

pub async fn a_row_that_cannot_be_read_keeps_no_other_log_from_being_signed() {
    let scene = Scene::at_rest().await;
    let (signed, entry, end, whole) = (scene.org(3).await, scene.org(0).await, scene.org(0).await, scene.org(0).await);
    for (org, sql) in [
        (signed, "UPDATE audit_checkpoint SET at = 9223372036854775807 WHERE chain = {org}"),
        (entry, "UPDATE audit SET hash = substr(hash, 1, 5) WHERE org_id = {org} AND seq = 3"),
        (end, "UPDATE audit_head SET hash = substr(hash, 1, 5) WHERE org_id = {org}"),
    ] {
        scene.tamper(org, sql).await;
    }
    scene.hub.hub.checkpoint_audit().await.unwrap();
    assert_eq!(scene.verify(whole, false).await.signed, 6, "the last in their order");
    for org in [entry, end] {
        assert_eq!(scene.verify(org, false).await.checkpoints, 0);
    }
    assert_eq!(scene.found(signed).await, Some((DamageKind::ForgedCheckpoint, 1)));
}

pub async fn a_chain_made_anew_contradicts_what_was_signed() {
    let scene = Scene::at_rest().await;
    let (signed, later) = (scene.org(6).await, scene.org(4).await);
    // What was signed cannot be made anew, what comes after it can, until the next checkpoint.
    scene.restamp(signed, 2).await;
    assert_eq!(scene.found(signed).await, Some((DamageKind::Restamped, 1)));
    scene.restamp(later, 5).await;
    assert_eq!(scene.found(later).await, None);
    // The hub goes on to add to what was made anew, and does not sign it.
    let new = NewApiKey { name: "late".to_owned(), scopes: vec![Scope::Read], ..NewApiKey::default() };
    scene.hub.hub.create_api_key(signed, new).await.unwrap();
    let before = scene.verify(signed, true).await.checkpoints;
    scene.hub.hub.checkpoint_audit().await.unwrap();
    assert_eq!(scene.verify(signed, true).await.checkpoints, before);
    assert_eq!(scene.verify(later, true).await.signed, 6);

    // Who takes the checkpoints of the database away too is found by those outside of it.
    scene.tamper(signed, "DELETE FROM audit_checkpoint WHERE chain = {org}").await;
    let inside = scene.verify(signed, false).await;
    assert_eq!((inside.signed, inside.damage), (0, None), "the chain alone does not tell");
    let outside = scene.verify(signed, true).await.damage.unwrap();
    assert_eq!((outside.kind, outside.seq), (DamageKind::Restamped, 1));
}

pub async fn a_checkpoint_cannot_be_forged_or_taken_out() {
    let scene = Scene::at_rest().await;
    let forged = scene.org(4).await;
    let lines = scene.lines(forged).await;
    let folder = tempfile::tempdir().unwrap();
    let theirs = CheckpointKey::from_file_or_create(&folder.path().join("key"), &SystemRandom).unwrap();
    let head = lines[4].hash.unwrap();
    let checkpoint = theirs.sign(Chain::Org(forged), 5, head, patchbay_model::Timestamp::default(), None);
    let database = scene.database().await;
    let mut tx = database.begin().await.unwrap();
    assert!(tx.hub().insert_audit_checkpoint(&checkpoint).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(scene.found(forged).await, Some((DamageKind::ForgedCheckpoint, 5)));
    let trusting =
        VerifyAudit { only: Some(Chain::Org(forged)), keys: vec![theirs.public()], ..VerifyAudit::default() };
    assert_eq!(scene.hub.hub.verify_audit(trusting).await.unwrap()[0].damage, None, "for who knows that key");

    let changed = scene.org(4).await;
    scene.tamper(changed, "UPDATE audit_checkpoint SET entries = 3 WHERE chain = {org}").await;
    assert_eq!(scene.found(changed).await, Some((DamageKind::ForgedCheckpoint, 3)));

    let taken = scene.org(2).await;
    for _ in 0..2 {
        scene.hub.hub.checkpoint_audit().await.unwrap();
        let new = NewApiKey { name: "more".to_owned(), scopes: vec![Scope::Read], ..NewApiKey::default() };
        scene.hub.hub.create_api_key(taken, new).await.unwrap();
    }
    assert_eq!(scene.verify(taken, true).await.checkpoints, 3);
    scene.tamper(taken, "DELETE FROM audit_checkpoint WHERE chain = {org} AND entries = 6").await;
    assert_eq!(scene.found(taken).await, Some((DamageKind::MissingCheckpoint, 7)));
    assert_eq!(scene.verify(taken, true).await.damage, None, "the file has it");
    database.close().await;
}

/// An org that is taken out whole leaves no log to verify, but others tell of it.
pub async fn an_organization_that_vanished_is_missed_and_one_that_was_deleted_is_not() {
    let scene = Scene::start().await;
    let (vanished, deleted) = (scene.org(1).await, scene.org(1).await);
    scene.hub.hub.checkpoint_audit().await.unwrap();
    scene.hub.hub.delete_org(deleted).await.unwrap();
    let damaged = async |scene: &Scene| {
        let verify = VerifyAudit { checkpoints: read_checkpoints(&scene.outside).unwrap(), ..VerifyAudit::default() };
        let all = scene.hub.hub.verify_audit(verify).await.unwrap();
        all.into_iter().filter(|report| report.damage.is_some()).map(|report| report.log).collect::<Vec<_>>()
    };
    assert_eq!(damaged(&scene).await, []);
    scene.tamper(vanished, "DELETE FROM audit_head WHERE org_id = {org}; DELETE FROM audit WHERE org_id = {org}; DELETE FROM api_key WHERE org_id = {org}; DELETE FROM org WHERE id = {org}").await;
    assert_eq!(damaged(&scene).await, [Chain::Org(vanished)]);
    // The hub's log is in nobody's way either.
    scene.tamper(vanished, "DELETE FROM hub_audit WHERE seq = 1").await;
    assert!(damaged(&scene).await.contains(&Chain::Hub));
}

/// As after an upgrade: entries with numbers and without hashes.
pub async fn logs_of_before_are_chained_at_the_start() {
    let scene = Scene::at_rest().await;
    let org = scene.org(0).await;
    scene
        .tamper(
            org,
            "UPDATE audit SET hash = NULL WHERE org_id = {org}; UPDATE audit_head SET hash = NULL WHERE org_id = {org}",
        )
        .await;
    let mut config = HubConfig::new(scene.hub.data_dir(), Compiler::InProcess);
    config.database_url = scene.hub.postgres().map(|database| database.url().parse().unwrap());
    for _ in 0..2 {
        let hub = Hub::open(config.clone(), Arc::new(SystemClock), Arc::new(SystemRandom)).await.unwrap();
        hub.shutdown().await;
    }
    let lines = scene.lines(org).await;
    assert_eq!(lines.len(), 7, "one entry is added, once");
    assert_eq!((lines[6].entry.action.as_str(), lines[6].entry.actor.as_str()), ("audit.chained", "hub"));
    assert_eq!(scene.found(org).await, None);
    scene.hub.hub.checkpoint_audit().await.unwrap();
    assert_eq!(scene.verify(org, true).await.signed, 7);
    scene.tamper(org, "UPDATE audit SET actor = 'x' WHERE org_id = {org} AND seq = 2").await;
    assert_eq!(scene.found(org).await, Some((DamageKind::Edited, 7)), "they are under the first hash together");
}

pub async fn a_change_is_told_with_who_asked_for_it_and_by_which_request() {
    let scene = Scene::start().await;
    let org = scene.hub.org("acme").await;
    let uploaded = org.upload(Fixture::load("echo").pack()).await.expect(201);
    let installed = org.install("echo", json!({"region": "eu"})).await.expect(200);
    let connected = org.connect("echo", "secret_key", "sk-canary-1234").await.expect(200);
    let _ = org.act("echo", "run", &json!({"text": "x"})).await.expect(200);
    let changed = org.install("echo", json!({"region": "us"})).await.expect(200);
    let removed = org.call("DELETE", "/v1/connections/echo").send().await.expect(204);

    let log = org.get("/v1/audit").await.expect(200).json();
    let items = log["items"].as_array().unwrap();
    let told: Vec<_> = items.iter().rev().map(|item| item["action"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        [
            "org.create",
            "api_key.create",
            "plugin.upload",
            "installation.put",
            "connection.put",
            "installation.put",
            "connection.delete"
        ],
        "and nothing of the call"
    );
    let of = |number: usize| &items[items.len() - number];
    for (number, reply) in [(3, &uploaded), (4, &installed), (5, &connected), (6, &changed), (7, &removed)] {
        assert_eq!(of(number)["request_id"].as_str(), reply.header("x-request-id"), "{}", of(number));
        assert!(of(number)["actor"].as_str().unwrap().starts_with("key_"));
        assert_eq!((of(number)["seq"].as_u64(), of(number)["resource"].as_str()), (Some(number as u64), Some("echo")));
    }
    assert_eq!((&of(1)["actor"], &of(1)["request_id"]), (&json!("operator"), &json!(null)));
    assert_eq!(of(6)["detail"]["old"]["config"], json!({"region": "eu"}));
    assert_eq!(of(6)["detail"]["new"]["config"], json!({"region": "us"}));
    assert!(!log.to_string().contains("sk-canary"));

    let count = async |query: &str| {
        org.get(&format!("/v1/audit?{query}")).await.expect(200).json()["items"].as_array().unwrap().len()
    };
    assert_eq!(count("action=installation").await, 2);
    assert_eq!(count("action=connection.put&resource=echo").await, 1);
    assert_eq!(count("actor=operator").await, 2);
    assert_eq!(count("from=2999-01-01T00:00:00Z").await, 0);
    assert_eq!(count("to=2999-01-01T00:00:00Z").await, 7);
    let first = org.get("/v1/audit?limit=3").await.json();
    let rest = org.get(&format!("/v1/audit?before={}", first["next"].as_str().unwrap())).await.json();
    assert_eq!(
        (first["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len(), &rest["next"]),
        (3, 4, &json!(null))
    );

    let reader = org.with_key(&org.new_key(&scene.hub, &[Scope::Read, Scope::Invoke, Scope::Operator], None).await);
    reader.get("/v1/audit").await.expect_problem("scope_missing");
    for query in ["limit=0", "limit=201", "before=-1", "before=x", "from=yesterday", "who=me"] {
        org.get(&format!("/v1/audit?{query}")).await.expect_problem("invalid_request");
    }
    let upload = scene.hub.hub.audit_lines(Chain::Hub, 0, 10).await.unwrap();
    assert!(upload.iter().any(|line| line.entry.action == "plugin.upload" && line.entry.subject == "echo"));
}
