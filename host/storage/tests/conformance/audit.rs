//! The audit log as a chain.

use chrono::Duration;
use patchbay_model::{AuditId, OrgId, RequestId, org::AuditEntry};
use patchbay_storage::{
    AuditFilter, AuditHead, Database,
    chain::{AuditLine, Chain, Checkpoint, Hash},
};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{Store, isolation::audit, store::Home};

async fn append(store: &Store, org: OrgId) -> AuditEntry {
    let entry = audit(store, org);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(org).audit().append(&entry).await.unwrap();
    tx.commit().await.unwrap();
    entry
}

async fn lines(store: &Store, org: OrgId) -> Vec<AuditLine> {
    store.database.read().await.unwrap().org(org).audit().after(0, 1_000).await.unwrap()
}

/// Follows the hashes to the end.
fn follow(chain: Chain, lines: &[AuditLine]) -> Hash {
    lines.iter().enumerate().fold(chain.genesis(), |before, (index, line)| {
        assert_eq!(line.seq, index as u64 + 1);
        let hash = line.link(chain, before);
        assert_eq!(line.hash, Some(hash), "entry {}", line.seq);
        hash
    })
}

pub async fn entries_are_numbered_without_gaps_and_chained(store: Store) {
    let made = [append(&store, store.ours).await, append(&store, store.ours).await, append(&store, store.ours).await];
    append(&store, store.theirs).await;
    let lines = lines(&store, store.ours).await;
    assert_eq!(lines.iter().map(|line| line.entry.clone()).collect::<Vec<_>>(), made);
    let chain = Chain::Org(store.ours);
    let end = follow(chain, &lines);
    let mut tx = store.database.read().await.unwrap();
    let head = AuditHead { chain, entries: 3, hash: Some(end) };
    assert_eq!(tx.org(store.ours).audit().head().await.unwrap(), Some(head));
    let heads = tx.hub().audit_heads(None, 10).await.unwrap();
    assert_eq!(heads.iter().map(|one| (one.head.chain, one.head.entries)).collect::<Vec<_>>(), {
        let mut both = [(chain, 3), (Chain::Org(store.theirs), 1)];
        both.sort_unstable();
        both
    });
    assert_eq!(tx.hub().unchained_audit_heads(10).await.unwrap(), []);
}

pub async fn a_log_is_found_by_who_what_and_when(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let request = Some(RequestId::new(&store.clock, &store.random));
    for (actor, action, subject) in [
        ("operator", "connection.put", "openai"),
        ("key_1", "connection.delete", "openai"),
        ("key_1", "connections.put", "stripe"),
    ] {
        store.clock.advance(Duration::seconds(1));
        let (actor, action, subject) = (actor.to_owned(), action.to_owned(), subject.to_owned());
        let entry = AuditEntry { actor, action, subject, request, ..audit(&store, store.ours) };
        tx.org(store.ours).audit().append(&entry).await.unwrap();
    }
    let mut ours = tx.org(store.ours);
    let mut found = async |filter: AuditFilter| {
        let lines = ours.audit().list(&AuditFilter { limit: 10, ..filter }).await.unwrap();
        assert!(lines.iter().all(|line| line.entry.request == request));
        lines.into_iter().map(|line| line.seq).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    let none = AuditFilter::default;
    assert_eq!(found(none()).await, [3, 2, 1]);
    assert_eq!(found(AuditFilter { actor: text("key_1"), ..none() }).await, [3, 2]);
    assert_eq!(found(AuditFilter { action: text("connection"), ..none() }).await, [2, 1]);
    assert_eq!(found(AuditFilter { action: text("connection.put"), ..none() }).await, [1]);
    assert_eq!(found(AuditFilter { action: text("%"), ..none() }).await, [0; 0]);
    assert_eq!(found(AuditFilter { resource: text("stripe"), ..none() }).await, [3]);
    let second = store.now() - Duration::seconds(1) - Duration::milliseconds(1);
    assert_eq!(found(AuditFilter { from: Some(second), ..none() }).await, [3, 2]);
    assert_eq!(found(AuditFilter { to: Some(second), ..none() }).await, [1]);
    assert_eq!(found(AuditFilter { actor: text("key_1"), before: Some(3), ..none() }).await, [2]);
}

pub async fn what_is_rolled_back_leaves_no_gap(store: Store) {
    append(&store, store.ours).await;
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).audit().append(&audit(&store, store.ours)).await.unwrap();
    drop(tx);
    append(&store, store.ours).await;
    let lines = lines(&store, store.ours).await;
    assert_eq!(lines.len(), 2);
    follow(Chain::Org(store.ours), &lines);
}

pub async fn those_who_append_at_once_make_one_chain(store: Store) {
    let other = Database::open(&store.url).await.unwrap();
    let mut together = JoinSet::new();
    for number in 0..40 {
        let database = if number % 2 == 0 { store.database.clone() } else { other.clone() };
        let (org, entry) = (store.ours, audit(&store, store.ours));
        together.spawn(async move {
            let mut tx = database.begin().await.unwrap();
            tx.org(org).audit().append(&entry).await.unwrap();
            tx.commit().await.unwrap();
        });
    }
    together.join_all().await;
    let lines = lines(&store, store.ours).await;
    assert_eq!(lines.len(), 40);
    follow(Chain::Org(store.ours), &lines);
}

pub async fn the_hub_has_a_log_of_its_own(store: Store) {
    let entry = AuditEntry { org: OrgId(Chain::Hub.id()), ..audit(&store, store.ours) };
    let mut tx = store.database.begin().await.unwrap();
    tx.hub().audit().append(&entry).await.unwrap();
    tx.hub().audit().append(&AuditEntry { id: AuditId::new(&store.clock, &store.random), ..entry }).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.database.read().await.unwrap();
    let lines = tx.hub().audit().after(0, 10).await.unwrap();
    let end = follow(Chain::Hub, &lines);
    assert_eq!(
        tx.hub().audit().head().await.unwrap(),
        Some(AuditHead { chain: Chain::Hub, entries: 2, hash: Some(end) })
    );
    assert_eq!(tx.hub().audit().count_after(1).await.unwrap(), 1);
    assert_eq!(tx.hub().audit_heads(None, 10).await.unwrap(), [], "no org's");
}

/// What a database does to text and numbers would change the hash.
pub async fn a_detail_counts_to_the_letter(store: Store) {
    let detail = json!({
        "z": 1, "a": { "big": 9_007_199_254_740_993_u64, "small": 1.5e-7, "text": "a\u{0}b\u{1}\u{2}\"\\é😀\n" },
        "list": [null, true, -0.0, 1e300],
    });
    let entry = AuditEntry {
        actor: "k\u{0}y".to_owned(),
        subject: "é\u{1}".to_owned(),
        detail: detail.clone(),
        ..audit(&store, store.ours)
    };
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).audit().append(&entry).await.unwrap();
    tx.commit().await.unwrap();
    let lines = lines(&store, store.ours).await;
    follow(Chain::Org(store.ours), &lines);
    assert_eq!(lines[0].detail, serde_json::to_string(&detail).unwrap());
    assert_eq!(lines[0].entry, entry);
    let printed = serde_json::to_string(&lines[0]).unwrap();
    assert!(printed.contains(&lines[0].detail) && printed.contains(&lines[0].hash.unwrap().to_string()), "{printed}");
}

pub async fn of_two_checkpoints_of_as_many_entries_the_first_stays(store: Store) {
    let checkpoint = |entries, byte| Checkpoint {
        chain: Chain::Org(store.ours),
        entries,
        head: Hash([byte; 32]),
        at: store.now(),
        previous: (entries > 1).then_some(Hash([9; 32])),
        key_id: [byte; 8],
        signature: [byte; 64],
    };
    let mut tx = store.database.begin().await.unwrap();
    assert!(tx.hub().insert_audit_checkpoint(&checkpoint(1, 1)).await.unwrap());
    assert!(!tx.hub().insert_audit_checkpoint(&checkpoint(1, 2)).await.unwrap());
    assert!(tx.hub().insert_audit_checkpoint(&checkpoint(5, 3)).await.unwrap());
    let hub = Checkpoint { chain: Chain::Hub, ..checkpoint(2, 4) };
    assert!(tx.hub().insert_audit_checkpoint(&hub).await.unwrap());
    let chain = Chain::Org(store.ours);
    assert_eq!(tx.hub().audit_checkpoints(chain).await.unwrap(), [checkpoint(1, 1), checkpoint(5, 3)]);
    assert_eq!(tx.hub().latest_audit_checkpoint(chain).await.unwrap(), Some(checkpoint(5, 3)));
    assert_eq!(tx.hub().latest_audit_checkpoint(Chain::Org(store.theirs)).await.unwrap(), None);
    let theirs = Checkpoint { chain: Chain::Org(store.theirs), ..checkpoint(3, 5) };
    assert!(tx.hub().insert_audit_checkpoint(&theirs).await.unwrap());
    let mut both = [store.ours, store.theirs];
    both.sort_unstable();
    assert_eq!(tx.hub().orgs_with_audit_checkpoints(None, 10).await.unwrap(), both, "each once, and no hub");
    assert_eq!(tx.hub().orgs_with_audit_checkpoints(Some(both[0]), 1).await.unwrap(), [both[1]]);
    assert_eq!(tx.hub().orgs_with_audit_checkpoints(Some(both[1]), 1).await.unwrap(), []);
}

pub async fn ends_of_logs_page_with_how_far_they_were_signed(store: Store) {
    for org in [store.ours, store.ours, store.theirs] {
        append(&store, org).await;
    }
    let checkpoint = |chain, entries, at| Checkpoint {
        chain,
        entries,
        head: Hash([1; 32]),
        at,
        previous: None,
        key_id: [1; 8],
        signature: [1; 64],
    };
    let mut tx = store.database.begin().await.unwrap();
    for (chain, entries, at) in [
        (Chain::Org(store.ours), 2, store.later(2)),
        (Chain::Org(store.ours), 1, store.later(1)),
        (Chain::Hub, 9, store.later(9)),
    ] {
        assert!(tx.hub().insert_audit_checkpoint(&checkpoint(chain, entries, at)).await.unwrap());
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = tx.hub().audit_heads(after, 1).await.unwrap();
        let Some(one) = page.first() else { break };
        assert_eq!(page.len(), 1);
        let Chain::Org(org) = one.head.chain else { panic!("not an org's") };
        after = Some(org);
        found.push((org, one.head.entries, one.signed));
    }
    let mut expected = [(store.ours, 2, Some((2, store.later(2)))), (store.theirs, 1, None)];
    expected.sort_unstable_by_key(|(org, ..)| *org);
    assert_eq!(found, expected);
}

/// As a database is that was migrated with entries in it.
pub async fn what_was_there_before_chains_is_under_the_first_hash(store: Store) {
    for _ in 0..3 {
        append(&store, store.ours).await;
    }
    for sql in ["UPDATE audit SET hash = NULL", "UPDATE audit_head SET hash = NULL"] {
        run(&store, sql).await;
    }
    let mut tx = store.database.begin().await.unwrap();
    let unchained = tx.hub().unchained_audit_heads(10).await.unwrap();
    let chain = Chain::Org(store.ours);
    assert_eq!(unchained, [AuditHead { chain, entries: 3, hash: None }]);
    drop(tx);
    append(&store, store.ours).await;
    let lines = lines(&store, store.ours).await;
    let before = lines[..3].iter().fold(chain.genesis(), |before, line| {
        assert_eq!(line.hash, None);
        line.link(chain, before)
    });
    assert_eq!(lines[3].hash, Some(lines[3].link(chain, before)));
}

/// As whoever owns the tables can.
pub async fn run(store: &Store, sql: &'static str) {
    match &store.home {
        Home::Sqlite(folder) => {
            let url = format!("sqlite:{}", folder.path().join("patchbay.db").display());
            let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut other).await.unwrap();
        }
        Home::Postgres(database) => {
            sqlx::raw_sql(sql).execute(&mut database.connect("postgres").await).await.unwrap();
        }
    }
}

/// Both databases migrate entries that are there, in their order.
mod upgrade {
    use super::*;

    const ORG: Uuid = Uuid::from_u128(7);

    /// The text of a migration, and of those before it.
    fn up_to(database: &str, number: &str) -> (Vec<String>, String) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(database);
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).unwrap();
        let at = files.iter().position(|path| path.file_name().unwrap().to_str().unwrap().starts_with(number)).unwrap();
        (files[..at].iter().map(read).collect(), read(&files[at]))
    }

    #[tokio::test]
    async fn of_sqlite() {
        use sqlx::{Connection as _, Row as _};

        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("old.db").display());
        let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let (before, this) = up_to("sqlite", "0013");
        for sql in before {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
        }
        sqlx::query("INSERT INTO org (id, name, created_at) VALUES ($1, 'o', 0)")
            .bind(ORG)
            .execute(&mut database)
            .await
            .unwrap();
        for (id, at) in [(1_u128, 20_i64), (2, 10), (3, 20)] {
            let insert = "INSERT INTO audit (org_id, id, actor, action, subject, detail, at) VALUES ($1, $2, 'a', 'b', 'c', '{}', $3)";
            sqlx::query(insert).bind(ORG).bind(Uuid::from_u128(id)).bind(at).execute(&mut database).await.unwrap();
        }
        sqlx::raw_sql(sqlx::AssertSqlSafe(this)).execute(&mut database).await.unwrap();
        let rows = sqlx::query("SELECT id FROM audit ORDER BY seq").fetch_all(&mut database).await.unwrap();
        let ids: Vec<u128> = rows.iter().map(|row| row.get::<Uuid, _>(0).as_u128()).collect();
        assert_eq!(ids, [2, 1, 3]);
        let head = sqlx::query("SELECT seq, hash FROM audit_head").fetch_one(&mut database).await.unwrap();
        assert_eq!((head.get::<i64, _>(0), head.get::<Option<Vec<u8>>, _>(1)), (3, None));
    }

    #[tokio::test]
    async fn of_postgres() {
        use sqlx::Row as _;

        let Some(server) = patchbay_test_postgres::database().await else { return };
        // Makes the roles.
        let _ = Database::open(&server.url().parse().unwrap()).await.unwrap();
        let mut owner = server.connect(patchbay_test_postgres::OWNER).await;
        let mut superuser = server.connect("postgres").await;
        let (before, this) = up_to("postgres", "0013");
        sqlx::raw_sql("CREATE TABLE _sqlx_migrations (version bigint)").execute(&mut owner).await.unwrap();
        for sql in before {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
        }
        sqlx::query("INSERT INTO org (id, name, created_at) VALUES ($1, 'o', 0)")
            .bind(ORG)
            .execute(&mut superuser)
            .await
            .unwrap();
        for (id, at) in [(1_u128, 20_i64), (2, 10), (3, 20)] {
            let insert = "INSERT INTO audit (org_id, id, actor, action, subject, detail, at) VALUES ($1, $2, 'a', 'b', 'c', '{}', $3)";
            sqlx::query(insert).bind(ORG).bind(Uuid::from_u128(id)).bind(at).execute(&mut superuser).await.unwrap();
        }
        // In one transaction, as migrations are made, by an owner that policies hold for.
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("BEGIN; {this}; COMMIT"))).execute(&mut owner).await.unwrap();
        let rows = sqlx::query("SELECT id FROM audit ORDER BY seq").fetch_all(&mut superuser).await.unwrap();
        let ids: Vec<u128> = rows.iter().map(|row| row.get::<Uuid, _>(0).as_u128()).collect();
        assert_eq!(ids, [2, 1, 3]);
        let head = sqlx::query("SELECT seq, hash FROM audit_head").fetch_one(&mut superuser).await.unwrap();
        assert_eq!((head.get::<i64, _>(0), head.get::<Option<Vec<u8>>, _>(1)), (3, None));
    }
}
