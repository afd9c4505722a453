//! What this program needs of the database, written down once more, so that it can be compared.
//!
//! A migration that adds a table of an org needs no line here: its column `org_id` and the policy `org_isolation` are
//! expected of every such table. A new question of the hub, a new table of the journal, and a table of no org do. Rights
//! are in `rights.rs`.

use sqlx::{AssertSqlSafe, PgConnection, raw_sql};

use super::{
    Policy,
    catalogue::{Catalogue, Known, policies},
};
use crate::StorageError;

/// Speaks for one org.
pub(super) const APP: &str = "patchbay_app";
/// Asks what concerns all orgs.
pub(super) const HUB: &str = "patchbay_hub";
/// Commits runs of several orgs.
pub(super) const JOURNAL: &str = "patchbay_journal";
/// Does for an org what its operator asks for: not for calls.
pub(super) const OPERATOR: &str = "patchbay_operator";
/// The roles that serve, and the operator's.
pub(super) const ROLES: [&str; 4] = [APP, HUB, JOURNAL, OPERATOR];

/// Tables that the journal writes.
const JOURNALED: &[&str] = &[
    "budget_period",
    "budget_reservation",
    "delivery",
    "delivery_due",
    "delivery_lane",
    "event",
    "event_relay",
    "event_sequence",
    "idempotency_key",
    "job",
    "job_lane",
    "job_queue",
    "object_index",
    "object_record",
    "record",
    "run",
    "sync",
    "sync_conflict",
    "sync_failure",
    "sync_hint",
    "sync_link",
    "sync_outbox",
    "sync_run",
    "usage_counter",
    "usage_record",
    "webhook",
];

/// Tables of orgs that the operator's role changes. What is not here goes with the org's own row.
const OPERATED: &[&str] = &[
    "api_key",
    "blob",
    "cached_answer",
    "connect_session",
    "connection",
    "delivery",
    "delivery_due",
    "endpoint",
    "event",
    "export",
    "idempotency_key",
    "installation",
    "invitation",
    "job",
    "job_queue",
    "kv",
    "member",
    "oauth_authorization",
    "oauth_client",
    "oauth_revocation",
    "oauth_token",
    "object_index",
    "object_record",
    "org",
    "org_key",
    "record",
    "run",
    "schedule",
    "sync",
    "sync_conflict",
    "sync_failure",
    "sync_hint",
    "sync_link",
    "sync_outbox",
    "sync_run",
    "usage_counter",
    "usage_record",
    "webhook",
];

/// Tables that are nobody's, and that a serving role may reach all the same.
pub(super) const GLOBAL: &[&str] = &[
    "_sqlx_migrations",
    "audit_checkpoint",
    "hub_audit",
    "hub_audit_head",
    "hub_keys",
    "hub_node",
    "plugin_package",
    "plugin_version",
    "sign_in_attempt",
    "user_account",
    "user_subject",
];

/// Functions that may run with their owner's rights. There are none, and why is written in `postgres.rs`.
pub(super) const DEFINERS: [&str; 0] = [];

/// The hub's questions: table, policy, command, and the rows that it is about.
const QUESTIONS: &[(&str, &str, &str, &str)] = &[
    ("api_key", "hub_reads", "SELECT", "true"),
    ("audit_head", "hub_reads", "SELECT", "true"),
    ("billing_account", "hub_reads", "SELECT", "status IS NOT NULL"),
    ("cached_answer", "hub_reads", "SELECT", "true"),
    ("connect_session", "hub_reads", "SELECT", "true"),
    ("connect_session", "hub_sweeps", "DELETE", "true"),
    ("delivery_lane", "hub_reads", "SELECT", "true"),
    ("event_relay", "hub_reads", "SELECT", "true"),
    ("event_sequence", "hub_reads", "SELECT", "true"),
    ("export", "hub_reads", "SELECT", "status IN ('open', 'done')"),
    ("idempotency_key", "hub_reads", "SELECT", "true"),
    ("idempotency_key", "hub_sweeps", "DELETE", "true"),
    ("installation", "hub_reads", "SELECT", "true"),
    ("invitation", "hub_reads", "SELECT", "true"),
    ("invitation", "hub_takes", "DELETE", "true"),
    ("job_lane", "hub_claims", "UPDATE", "true"),
    ("job_lane", "hub_reads", "SELECT", "true"),
    ("job_queue", "hub_claims", "UPDATE", "true"),
    ("job_queue", "hub_reads", "SELECT", "true"),
    ("kv", "hub_reads", "SELECT", "expires_at IS NOT NULL"),
    ("kv", "hub_sweeps", "DELETE", "expires_at IS NOT NULL"),
    ("member", "hub_reads", "SELECT", "true"),
    ("oauth_authorization", "hub_reads", "SELECT", "true"),
    ("oauth_authorization", "hub_takes", "DELETE", "true"),
    ("oauth_revocation", "hub_reads", "SELECT", "true"),
    ("oauth_token", "hub_finds", "SELECT", "account_id IS NOT NULL"),
    ("oauth_token", "hub_reads", "SELECT", "due_at IS NOT NULL"),
    ("org", "hub_reads", "SELECT", "true"),
    ("org", "hub_adds", "INSERT", "true"),
    ("org_key", "hub_reads", "SELECT", "true"),
    ("org_plan", "hub_reads", "SELECT", "true"),
    ("schedule", "hub_reads", "SELECT", "next_at IS NOT NULL"),
    ("session", "hub_ends", "DELETE", "true"),
    ("session", "hub_reads", "SELECT", "true"),
    ("sync", "hub_reads", "SELECT", "next_due_at IS NOT NULL"),
    ("webhook", "hub_reads", "SELECT", "status = 'pending'"),
];

/// A policy that a table needs, as SQL.
#[derive(Debug)]
pub(super) struct Needed {
    pub(super) name: &'static str,
    pub(super) role: &'static str,
    pub(super) command: &'static str,
    pub(super) using: Option<String>,
    pub(super) with_check: Option<String>,
}

impl Needed {
    /// What makes it, on a table given as SQL.
    pub(super) fn create(&self, table: &str) -> String {
        let Self { name, role, command, .. } = self;
        let clauses = self.clauses();
        format!("CREATE POLICY {name} ON {table} FOR {command} TO {role}{clauses}")
    }

    /// What sets it right, if one of this name is there.
    pub(super) fn alter(&self, table: &str, name: &str) -> String {
        let role = self.role;
        let clauses = self.clauses();
        format!("ALTER POLICY {name} ON {table} TO {role}{clauses}")
    }

    fn clauses(&self) -> String {
        let using = self.using.as_ref().map(|rows| format!(" USING ({rows})")).unwrap_or_default();
        let with_check = self.with_check.as_ref().map(|rows| format!(" WITH CHECK ({rows})")).unwrap_or_default();
        using + &with_check
    }
}

/// The policies that a table of orgs needs. `name` is its bare name, `column` says whose a row is.
pub(super) fn needed(name: &str, column: &str) -> Vec<Needed> {
    let isolation = |name, role, rows: String| Needed {
        name,
        role,
        command: "ALL",
        using: Some(rows.clone()),
        with_check: Some(rows),
    };
    let ours = format!("{column} = NULLIF(current_setting('app.org_id', true), '')::uuid");
    let mut needed = vec![isolation("org_isolation", APP, ours.clone())];
    if OPERATED.contains(&name) {
        needed.push(isolation("operator_isolation", OPERATOR, ours));
    }
    if JOURNALED.contains(&name) {
        let batch = "(SELECT NULLIF(current_setting('app.org_ids', true), '')::uuid[])::uuid[]";
        needed.push(isolation("journal_isolation", JOURNAL, format!("{column} = ANY ({batch})")));
    }
    for (_, name, command, rows) in QUESTIONS.iter().copied().filter(|(table, ..)| *table == name) {
        let (using, with_check) = if command == "INSERT" { (None, Some(rows)) } else { (Some(rows), None) };
        let (using, with_check) = (using.map(str::to_owned), with_check.map(str::to_owned));
        needed.push(Needed { name, role: HUB, command, using, with_check });
    }
    needed
}

/// A table's needed policies, each beside itself as this very server shows it.
pub(super) type Shown = Vec<(Needed, Policy)>;

/// For each table of the catalogue, in its order. Each policy is made on a copy of its table and read back,
/// because each version of PostgreSQL has its own way of spelling an expression.
pub(super) async fn shown(connection: &mut PgConnection, catalogue: &Catalogue) -> Result<Vec<Shown>, StorageError> {
    let mut all = Vec::with_capacity(catalogue.tables.len());
    for table in &catalogue.tables {
        all.push(shown_on_copy(connection, table).await?);
    }
    Ok(all)
}

async fn shown_on_copy(connection: &mut PgConnection, table: &Known) -> Result<Shown, StorageError> {
    const COPY: &str = "pg_temp.patchbay_rls_copy";
    let Some(column) = table.shown.org_column.as_ref().filter(|_| table.shown.reachable) else { return Ok(Vec::new()) };
    let needed = needed(&table.bare_name, column);
    let mut sql = format!("CREATE TEMPORARY TABLE patchbay_rls_copy (LIKE {})", table.shown.name);
    for policy in &needed {
        sql += "; ";
        sql += &policy.create(COPY);
    }
    raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    let (copy,): (i64,) =
        sqlx::query_as("SELECT $1::regclass::oid::int8").bind(COPY).fetch_one(&mut *connection).await?;
    let made = policies(connection, copy).await?;
    raw_sql("DROP TABLE pg_temp.patchbay_rls_copy").execute(&mut *connection).await?;
    let of = |needed: &Needed| made.iter().find(|policy| policy.name == needed.name).cloned();
    Ok(needed.into_iter().filter_map(|needed| of(&needed).map(|shown| (needed, shown))).collect())
}
