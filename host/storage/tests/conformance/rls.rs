//! PostgreSQL alone: its row-level security, as it is after the migrations and after somebody spoiled it.

use patchbay_model::{OrgId, identity::Role, rate::OrgRates, run::RunKind};
use patchbay_storage::{
    Database, OrgKey, StorageError,
    rls::{self, Answer, Gap, GapKind, Report},
};
use patchbay_test_postgres::TestDatabase;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

use crate::{
    Store,
    budgets::{ask, budget},
    idempotency::claim,
    identity::{connect_session, invitation, member, session, user},
    isolation::{api_key, audit, blob, connection, installation},
    oauth::{authorization, client, revocation, tokens},
    store::{Home, plugin, put},
};

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

/// A row in each table.
async fn fill(store: &Store, org: OrgId) {
    let webhook = store.webhook(org, "evt_1");
    let mut commit = store.commit(org);
    // not a call, which would be a second counter
    commit.run.kind = RunKind::Webhook;
    commit.usage = vec![store.usage(&commit.run, "tokens", 1, None)];
    commit.events = vec![store.event(org, "openai.done", None)];
    commit.plugin_changes = vec![put("a", json!({}), None)];
    store.journal().commit(commit).await.unwrap();
    let mut all = store.database.begin().await.unwrap();
    let mut tx = all.org(org);
    tx.webhooks().insert_if_new(&webhook).await.unwrap();
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(org.0.as_bytes());
    tx.api_keys().insert(&api_key(store, org), &hash).await.unwrap();
    let user = user(store, &format!("{org}@example.com"));
    all.hub().identities().insert_user(&user, None).await.unwrap();
    let mut tx = all.org(org);
    tx.members().insert(&member(store, org, &user, Role::Owner)).await.unwrap();
    tx.invitations().put(&invitation(store, org, "grace@example.com"), &hash).await.unwrap();
    tx.sessions().insert(&session(store, org, user.id), &hash).await.unwrap();
    tx.connect_sessions().insert(&connect_session(store, org), &hash).await.unwrap();
    tx.keys().insert(&OrgKey { version: 1, kek_version: 1, wrapped: vec![1] }).await.unwrap();
    tx.installations().put(&installation(store, org, "openai")).await.unwrap();
    tx.connections().put(&connection(store, org)).await.unwrap();
    tx.oauth_tokens().put(&tokens(store, org, 1)).await.unwrap();
    tx.oauth_clients().put(&client(store, org)).await.unwrap();
    tx.oauth_authorizations().insert(&authorization(store, org, 1)).await.unwrap();
    tx.oauth_revocations().insert(&revocation(store, org)).await.unwrap();
    tx.blobs().insert(&blob(store, org, "aa")).await.unwrap();
    tx.plans().put(store.now(), "pro", store.now()).await.unwrap();
    let budget = budget(store, org, 10);
    tx.budgets().put(&budget).await.unwrap();
    tx.budgets().reserve(&ask(store, budget.id, 1)).await.unwrap();
    tx.audit().append(&audit(store, org)).await.unwrap();
    tx.rate_limits().put(&OrgRates::default(), store.now()).await.unwrap();
    let owner = patchbay_storage::Owner { call: org.0, node: org.0 };
    tx.idempotency().claim(&claim(store, 1, owner), store.now()).await.unwrap();
    tx.kv(&plugin("openai")).set("k", b"v", Some(store.later(1)), None, store.now()).await.unwrap();
    all.commit().await.unwrap();
}

/// What a query that forgets its org gets and does, on every table that the catalogue knows. The repositories' own
/// queries without it: `src/tx/forgetful.rs`.
#[tokio::test]
async fn a_query_without_its_org_reaches_no_other_orgs_rows() {
    let Some((store, mut owner)) = store().await else { return };
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
         WHERE attname = 'org_id' AND c.relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
    )
    .fetch_all(&mut owner.superuser)
    .await
    .unwrap();
    fill(&store, store.ours).await;
    owner.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO patchbay_app").await;
    let Home::Postgres(database) = &store.home else { panic!("not PostgreSQL") };
    let mut app = database.connect(patchbay_test_postgres::OWNER).await;
    for (table,) in tables {
        let rows = format!("SELECT to_jsonb({table}) FROM {table} WHERE org_id = $1");
        let row: Option<(Value,)> =
            sqlx::query_as(AssertSqlSafe(rows)).bind(store.ours.0).fetch_optional(&mut owner.superuser).await.unwrap();
        let (row,) = row.unwrap_or_else(|| panic!("`fill` puts nothing into {table}"));
        for who in ["", &store.theirs.0.to_string()] {
            reaches_nothing(&mut app, who, &table, &row).await;
        }
        let mut tx = speak_for(&mut app, &store.ours.0.to_string()).await;
        assert_eq!(affected(&mut tx, &format!("SELECT FROM {table}")).await, 1, "{table}: its own row and no other");
        tx.rollback().await.unwrap();
    }
}

async fn speak_for<'c>(app: &'c mut PgConnection, org: &str) -> sqlx::Transaction<'c, sqlx::Postgres> {
    let mut tx = app.begin().await.unwrap();
    execute(&mut tx, &format!("SET LOCAL ROLE patchbay_app; SET LOCAL app.org_id TO '{org}'")).await;
    tx
}

async fn affected(tx: &mut PgConnection, sql: &str) -> u64 {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(tx).await.unwrap().rows_affected()
}

async fn reaches_nothing(app: &mut PgConnection, who: &str, table: &str, row: &Value) {
    let mut tx = speak_for(app, who).await;
    for sql in
        [format!("SELECT FROM {table}"), format!("UPDATE {table} SET org_id = org_id"), format!("DELETE FROM {table}")]
    {
        assert_eq!(affected(&mut tx, &sql).await, 0, "{sql} as {who:?}");
    }
    let insert = format!("INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::public.{table}, $1)");
    let refused = sqlx::query(AssertSqlSafe(insert)).bind(row).execute(&mut *tx).await.unwrap_err();
    let code = refused.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    assert_eq!(code, "42501", "{table} as {who:?}: {refused}");
    tx.rollback().await.unwrap();
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
             CREATE TABLE endpoint (org_id uuid NOT NULL REFERENCES org ON DELETE CASCADE, id uuid NOT NULL,
               mood mood NOT NULL, state text NOT NULL CHECK (state IN ('on', 'off')), tags text[] NOT NULL,
               made timestamptz NOT NULL DEFAULT now(), number bigint GENERATED ALWAYS AS IDENTITY,
               PRIMARY KEY (org_id, id));
             CREATE TABLE delivery (org_id uuid NOT NULL, endpoint_id uuid NOT NULL, sequence int NOT NULL,
               body jsonb NOT NULL, PRIMARY KEY (org_id, endpoint_id, sequence),
               FOREIGN KEY (org_id, endpoint_id) REFERENCES endpoint (org_id, id));
             ALTER TABLE endpoint OWNER TO patchbay_owner; ALTER TABLE delivery OWNER TO patchbay_owner;
             ALTER TYPE mood OWNER TO patchbay_owner",
        )
        .await;
    for table in ["endpoint", "delivery"] {
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
    for name in ["endpoint", "delivery"] {
        let table = report.tables.iter().find(|table| table.name == name).unwrap();
        assert!(table.probes[0].answers().all(|(_, answer)| *answer == Answer::Kept), "{table:?}");
    }
    owner.run("ALTER TABLE delivery ADD CHECK (length(body::text) = 7)").await;
    let gaps = gaps(&store).await;
    assert_eq!(
        gaps.iter().map(|gap| (gap.kind, gap.object.as_str())).collect::<Vec<_>>(),
        [(GapKind::Untried, "delivery")]
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
