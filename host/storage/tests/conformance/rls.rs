//! PostgreSQL alone: its row-level security, as it is after the migrations and after somebody spoiled it.

mod reach;

use patchbay_storage::{
    Database, StorageError,
    rls::{self, Answer, Gap, GapKind, Report},
};
use patchbay_test_postgres::TestDatabase;
use sqlx::{AssertSqlSafe, PgConnection, raw_sql};

use crate::{Store, store::Home};

async fn execute(connection: &mut PgConnection, sql: &str) {
    let done = raw_sql(AssertSqlSafe(sql)).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn store() -> Option<(Store, Owner)> {
    let store = Store::postgres().await?;
    let Home::Postgres(database) = &store.home else { panic!("not PostgreSQL") };
    let owner = Owner { superuser: database.connect("postgres").await };
    Some((store, owner))
}

/// Who can spoil it.
struct Owner {
    superuser: PgConnection,
}

impl Owner {
    async fn run(&mut self, sql: &str) {
        execute(&mut self.superuser, sql).await;
    }
}

async fn gaps(store: &Store) -> Vec<Gap> {
    rls::audit(&store.url).await.unwrap().gaps
}

#[tokio::test]
async fn a_migrated_database_has_no_gap() {
    let Some((store, _)) = store().await else { return };
    let Report { roles, tables, gaps } = rls::audit(&store.url).await.unwrap();
    assert_eq!(gaps, []);
    assert_eq!(roles.len(), 4);
    let orgs: Vec<_> = tables.iter().filter(|table| table.org_column.is_some()).collect();
    assert!(orgs.len() >= 14, "{orgs:?}");
    for table in orgs {
        assert!(table.enabled && table.forced, "{}", table.name);
        let probe = table.probes.iter().find(|probe| probe.role == "patchbay_app").unwrap();
        assert_eq!(probe.read, Answer::Kept, "{}", table.name);
    }
    let run = tables.iter().find(|table| table.name == "run").unwrap();
    let journal = run.probes.iter().find(|probe| probe.role == "patchbay_journal").unwrap();
    assert_eq!((&journal.insert, &journal.read), (&Answer::Kept, &Answer::NoRight));
    let usage = tables.iter().find(|table| table.name == "usage_record").unwrap();
    let not_needed = [&run.probes[0].insert, &run.probes[0].update, &usage.probes[0].delete];
    assert_eq!(not_needed, [&Answer::NoRight; 3], "what is not needed is not granted");
    let of = |table: &str, role: &str| {
        let table = tables.iter().find(|one| one.name == table).unwrap();
        table.probes.iter().find(|probe| probe.role == role).cloned()
    };
    let (serving, operator) = (of("org_key", "patchbay_app").unwrap(), of("org_key", "patchbay_operator").unwrap());
    assert_eq!([&serving.update, &serving.delete], [&Answer::NoRight; 2], "no call writes over a data key");
    assert_eq!([&operator.update, &operator.delete], [&Answer::Kept; 2]);
    let log = of("audit", "patchbay_app").unwrap();
    assert_eq!([&log.update, &log.delete], [&Answer::NoRight; 2], "a log is only added to");
    assert_eq!(of("audit", "patchbay_operator"), None, "and nobody has a right to more");
}

#[tokio::test]
async fn policies_hold_even_for_roles_that_have_every_right() {
    let Some((store, mut owner)) = store().await else { return };
    owner.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO patchbay_app, patchbay_journal, patchbay_operator").await;
    let report = rls::audit(&store.url).await.unwrap();
    let mut tried = 0;
    for table in report.tables.iter().filter(|table| table.org_column.is_some()) {
        for probe in &table.probes {
            // The others have no policy for tables that they do not write: there they see nothing at all.
            for (what, answer) in probe.answers() {
                assert_eq!(*answer, Answer::Kept, "{}: {} tries to {what}", table.name, probe.role);
                tried += 1;
            }
        }
    }
    assert!(tried >= 14 * 2 * 6, "{tried}");
}

#[tokio::test]
async fn an_audit_leaves_nothing_behind() {
    let Some((store, mut owner)) = store().await else { return };
    let dump = "SELECT (SELECT count(*) FROM org), (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_policy)";
    let before: (i64, i64, i64) = sqlx::query_as(dump).fetch_one(&mut owner.superuser).await.unwrap();
    rls::audit(&store.url).await.unwrap();
    let after: (i64, i64, i64) = sqlx::query_as(dump).fetch_one(&mut owner.superuser).await.unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn sqlite_has_nothing_to_audit() {
    let store = Store::sqlite().await;
    assert!(matches!(rls::audit(&store.url).await, Err(StorageError::OnlyPostgres(_))));
}

/// What no org has must be out of every org's reach by rights: no policy keeps it.
#[tokio::test]
async fn who_speaks_for_an_org_or_commits_runs_reaches_no_user_of_the_hub() {
    let Some((_store, mut owner)) = store().await else { return };
    for table in ["user_account", "user_subject", "sign_in_attempt"] {
        let (any,): (bool,) = sqlx::query_as(
            "SELECT bool_or(has_any_column_privilege(role, $1, 'SELECT, INSERT, UPDATE, REFERENCES')
               OR has_table_privilege(role, $1, 'DELETE, TRUNCATE, TRIGGER'))
             FROM unnest(ARRAY['patchbay_app', 'patchbay_journal']) AS role",
        )
        .bind(table)
        .fetch_one(&mut owner.superuser)
        .await
        .unwrap();
        assert!(!any, "{table}");
    }
}

/// Plants what is wrong, finds it, runs the SQL that the audit gives for it, and finds nothing any more.
#[tokio::test]
async fn every_kind_of_gap_is_found_and_closed_by_its_own_sql() {
    let Some((store, mut owner)) = store().await else { return };
    let ours = "NULLIF(current_setting('app.org_id', true), '')::uuid";
    let anew = |policy: &str| format!("DROP POLICY org_isolation ON kv; CREATE POLICY org_isolation ON kv {policy}");
    for (kind, object, planted) in [
        (GapKind::NotEnabled, "run", "ALTER TABLE run DISABLE ROW LEVEL SECURITY".to_owned()),
        (GapKind::NotForced, "run", "ALTER TABLE run NO FORCE ROW LEVEL SECURITY".to_owned()),
        (GapKind::NoPolicy, "kv", "DROP POLICY org_isolation ON kv".to_owned()),
        (GapKind::NoPolicy, "run", "DROP POLICY journal_isolation ON run".to_owned()),
        (GapKind::NoPolicy, "api_key", "DROP POLICY hub_reads ON api_key".to_owned()),
        (GapKind::WrongColumn, "kv", anew("TO patchbay_app USING (plugin = current_setting('app.org_id', true))")),
        (GapKind::AlwaysTrue, "kv", anew("TO patchbay_app USING (true) WITH CHECK (true)")),
        (GapKind::AlwaysTrue, "kv", "CREATE POLICY everything ON kv USING (true)".to_owned()),
        (GapKind::AlwaysTrue, "webhook", "ALTER POLICY hub_reads ON webhook USING (true)".to_owned()),
        (GapKind::MissingWithCheck, "kv", anew(&format!("TO patchbay_app USING (org_id = {ours})"))),
        (GapKind::UnexpectedPolicy, "kv", anew(&format!("FOR SELECT TO patchbay_app USING (org_id = {ours})"))),
        (GapKind::UnexpectedPolicy, "kv", anew(&format!("USING (org_id = {ours}) WITH CHECK (org_id = {ours})"))),
        (GapKind::UnexpectedPolicy, "kv", "CREATE POLICY more ON kv TO patchbay_app USING (version = 1)".to_owned()),
        (GapKind::NoOrgColumn, "notes", "CREATE TABLE notes (n int); GRANT SELECT ON notes TO PUBLIC".to_owned()),
        (GapKind::Truncate, "run", "GRANT TRUNCATE ON run TO patchbay_app".to_owned()),
        (GapKind::ExcessRight, "audit", "GRANT DELETE ON audit TO patchbay_app".to_owned()),
        (GapKind::ExcessRight, "org_key", "GRANT UPDATE (wrapped) ON org_key TO patchbay_app".to_owned()),
        (GapKind::ExcessRight, "installation", "GRANT SELECT ON installation TO patchbay_hub".to_owned()),
        (GapKind::ExcessRight, "connection", "GRANT SELECT (sealed) ON connection TO PUBLIC".to_owned()),
        (GapKind::ExcessRight, "plugin_package", "GRANT UPDATE ON plugin_package TO patchbay_hub".to_owned()),
        (GapKind::MissingRight, "kv", "REVOKE SELECT (expires_at) ON kv FROM patchbay_hub".to_owned()),
        (GapKind::MissingRight, "blob", "REVOKE DELETE ON blob FROM patchbay_app".to_owned()),
        (GapKind::Owner, "patchbay_hub", "ALTER TABLE blob OWNER TO patchbay_hub".to_owned()),
        (
            GapKind::View,
            "runs",
            "CREATE VIEW runs AS SELECT * FROM run; GRANT SELECT ON runs TO patchbay_app".to_owned(),
        ),
        (
            GapKind::View,
            "names",
            "CREATE VIEW inner_names AS SELECT name FROM org; CREATE VIEW names AS SELECT * FROM inner_names;
             GRANT SELECT ON names TO patchbay_hub"
                .to_owned(),
        ),
        (
            GapKind::View,
            "kept",
            "CREATE MATERIALIZED VIEW kept AS SELECT * FROM run; GRANT SELECT ON kept TO patchbay_app".to_owned(),
        ),
        (
            GapKind::Definer,
            "all_runs()",
            "CREATE FUNCTION all_runs() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) FROM run'"
                .to_owned(),
        ),
    ] {
        owner.run(&planted).await;
        let found = gaps(&store).await;
        let this = found.iter().find(|gap| gap.kind == kind && gap.object == object);
        let this = this.unwrap_or_else(|| panic!("{planted}: {kind:?} of {object} is not among {found:#?}"));
        assert!(!this.detail.is_empty());
        for gap in &found {
            owner.run(&gap.fix).await;
        }
        assert_eq!(gaps(&store).await, [], "after {planted}");
    }
}

#[tokio::test]
async fn a_probe_finds_what_leaks() {
    let Some((store, mut owner)) = store().await else { return };
    owner.run("GRANT ALL ON kv TO patchbay_app; CREATE POLICY everything ON kv USING (true)").await;
    let report = rls::audit(&store.url).await.unwrap();
    let kv = report.tables.iter().find(|table| table.name == "kv").unwrap();
    for (what, answer) in kv.probes[0].answers() {
        assert_eq!(*answer, Answer::Leaked, "{what}");
    }
}

#[tokio::test]
async fn a_table_of_tomorrow_is_probed_without_a_line_written_for_it() {
    let Some((store, mut owner)) = store().await else { return };
    let ours = "org_id = NULLIF(current_setting('app.org_id', true), '')::uuid";
    owner
        .run(
            "CREATE TYPE mood AS ENUM ('calm', 'busy');
             CREATE TABLE parcel (org_id uuid NOT NULL REFERENCES org ON DELETE CASCADE, id uuid NOT NULL,
               mood mood NOT NULL, state text NOT NULL CHECK (state IN ('on', 'off')), tags text[] NOT NULL,
               made timestamptz NOT NULL DEFAULT now(), number bigint GENERATED ALWAYS AS IDENTITY,
               PRIMARY KEY (org_id, id));
             CREATE TABLE stamp (org_id uuid NOT NULL, parcel_id uuid NOT NULL, sequence int NOT NULL,
               body jsonb NOT NULL, PRIMARY KEY (org_id, parcel_id, sequence),
               FOREIGN KEY (org_id, parcel_id) REFERENCES parcel (org_id, id));
             ALTER TABLE parcel OWNER TO patchbay_owner; ALTER TABLE stamp OWNER TO patchbay_owner;
             ALTER TYPE mood OWNER TO patchbay_owner",
        )
        .await;
    for table in ["parcel", "stamp"] {
        owner
            .run(&format!(
                "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
                 CREATE POLICY org_isolation ON {table} TO patchbay_app USING ({ours}) WITH CHECK ({ours});
                 GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO patchbay_app"
            ))
            .await;
    }
    let report = rls::audit(&store.url).await.unwrap();
    assert_eq!(report.gaps, []);
    for name in ["parcel", "stamp"] {
        let table = report.tables.iter().find(|table| table.name == name).unwrap();
        assert!(table.probes[0].answers().all(|(_, answer)| *answer == Answer::Kept), "{table:?}");
    }
    owner.run("ALTER TABLE stamp ADD CHECK (length(body::text) = 7)").await;
    let gaps = gaps(&store).await;
    assert_eq!(
        gaps.iter().map(|gap| (gap.kind, gap.object.as_str())).collect::<Vec<_>>(),
        [(GapKind::Untried, "stamp")]
    );
}

#[tokio::test]
async fn somebody_elses_table_stops_nobody_as_long_as_it_is_out_of_reach() {
    let Some((store, mut owner)) = store().await else { return };
    owner.run("CREATE SCHEMA theirs; CREATE TABLE theirs.seat (org_id text, run int)").await;
    Database::open(&store.url).await.unwrap().migrate().await.unwrap();
    let report = rls::audit(&store.url).await.unwrap();
    assert_eq!(report.gaps, []);
    let seat = report.tables.iter().find(|table| table.name == "theirs.seat").unwrap();
    assert!(!seat.reachable && seat.probes.is_empty(), "{seat:?}");
    owner.run("GRANT USAGE ON SCHEMA theirs TO patchbay_app; GRANT SELECT ON theirs.seat TO patchbay_app").await;
    assert!(matches!(Database::open(&store.url).await, Err(StorageError::Unsafe(_))));
}

#[tokio::test]
async fn a_hub_refuses_to_serve_from_a_database_whose_policies_are_not_in_force() {
    let Some((store, mut owner)) = store().await else { return };
    for (broken, fix) in [
        ("ALTER TABLE run DISABLE ROW LEVEL SECURITY", "ALTER TABLE run ENABLE ROW LEVEL SECURITY"),
        ("ALTER TABLE run NO FORCE ROW LEVEL SECURITY", "ALTER TABLE run FORCE ROW LEVEL SECURITY"),
    ] {
        owner.run(broken).await;
        let Err(StorageError::Unsafe(why)) = Database::open(&store.url).await else { panic!("it opens") };
        assert!(why.contains("run") && why.contains(fix), "{why}");
        assert!(matches!(store.database.migrate().await, Err(StorageError::Unsafe(_))));
        owner.run(fix).await;
        Database::open(&store.url).await.unwrap();
    }
}

#[tokio::test]
async fn text_of_keys_is_compared_by_bytes() {
    let Some((_store, mut owner)) = store().await else { return };
    let others: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT format('%s.%s', attrelid::regclass, attname) FROM pg_index
         JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
         JOIN pg_class c ON c.oid = indrelid
         WHERE atttypid = 'text'::regtype AND attcollation <> '\"C\"'::regcollation
           AND c.relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut owner.superuser)
    .await
    .unwrap();
    assert_eq!(others, [], "not COLLATE \"C\"");
}

/// For [`crate::roles`].
pub async fn superuser(database: &TestDatabase, sql: &str) {
    execute(&mut database.connect("postgres").await, sql).await;
}
