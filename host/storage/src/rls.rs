//! Proof that PostgreSQL keeps orgs apart.
//!
//! [`audit`] looks at it from two sides. It reads the catalogue: which tables there are, with which policies, rights
//! and owners, what views and functions lead around them; and it compares with what this program needs
//! (`expected.rs`, `rights.rs`). And it probes: it makes two orgs with a row in each table, and as the one it tries to read, insert,
//! change and delete what is the other's, all in a transaction that is rolled back. Either side alone can be wrong: a
//! policy may read well and not hold, and a probe tries only what somebody thought of.
//!
//! What makes everything else void is checked whenever a hub opens the database, which it refuses to serve from then:
//! a role that policies do not hold for, and a table without its policies in force.

mod catalogue;
mod expected;
mod gaps;
mod granted;
mod probe;
mod rights;
mod sample;

use serde::Serialize;
use sqlx::{Connection as _, PgConnection};

use crate::{DatabaseUrl, StorageError, postgres::connect};
use catalogue::Catalogue;

/// What [`audit`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The roles that serve.
    pub roles: Vec<Role>,
    /// Every table that is an org's, or that a serving role can reach, by name.
    pub tables: Vec<Table>,
    /// What is wrong. Empty: nothing that is known to this program.
    pub gaps: Vec<Gap>,
}

/// A role that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Policies do not hold for it.
    pub superuser: bool,
    /// Policies do not hold for it.
    pub bypass_rls: bool,
    /// Tables that it owns, and whose policies it could switch off.
    pub owns: Vec<String>,
    /// Roles whose rights and policies are its own as well.
    pub member_of: Vec<String>,
}

/// A table, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its name, quoted for SQL as needed.
    pub name: String,
    /// The column that says whose a row is; none if the table is no org's.
    pub org_column: Option<String>,
    /// Its policies are in force.
    pub enabled: bool,
    /// And for its owner too.
    pub forced: bool,
    /// A role that serves has some right to it. One that is out of reach is nobody's way to another org's rows.
    pub reachable: bool,
    /// Its policies.
    pub policies: Vec<Policy>,
    /// What was tried on it, by role.
    pub probes: Vec<Probe>,
}

/// A policy as the server shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// True: it lets rows through; false: it holds others' back.
    pub permissive: bool,
    /// `ALL`, `SELECT`, `INSERT`, `UPDATE` or `DELETE`.
    pub command: String,
    /// For whom it is; `public` is everybody.
    pub roles: Vec<String>,
    /// Which rows can be seen, changed and deleted.
    pub using: Option<String>,
    /// Which rows can be written.
    pub with_check: Option<String>,
}

/// What a role that speaks for one org could do to another's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// The role.
    pub role: String,
    /// Reading it.
    pub read: Answer,
    /// Adding one.
    pub insert: Answer,
    /// Changing it.
    pub update: Answer,
    /// Deleting it.
    pub delete: Answer,
    /// Giving a row of its own to the other.
    pub give_away: Answer,
    /// Reading anything while it speaks for no org.
    pub read_as_nobody: Answer,
}

impl Probe {
    /// What was tried, and how it ended.
    pub fn answers(&self) -> impl Iterator<Item = (&'static str, &Answer)> {
        [
            ("read", &self.read),
            ("insert", &self.insert),
            ("update", &self.update),
            ("delete", &self.delete),
            ("give away", &self.give_away),
            ("read as nobody", &self.read_as_nobody),
        ]
        .into_iter()
    }
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The role has no right to do this to any row.
    NoRight,
    /// It has, and the other org's rows were out of reach.
    Kept,
    /// It reached the other org's rows.
    Leaked,
    /// It could not be tried; says why.
    Untried(String),
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Of which kind.
    pub kind: GapKind,
    /// The table, view, function or role.
    pub object: String,
    /// What it means.
    pub detail: String,
    /// SQL that closes it, to be run by the owner, or by a superuser if it is about roles. A comment where only
    /// people can decide.
    pub fix: String,
}

/// The kinds of what can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// A role that serves is missing.
    RoleMissing,
    /// A role that serves is a superuser.
    Superuser,
    /// A role that serves may bypass row-level security.
    BypassRls,
    /// A role that serves owns a table.
    Owner,
    /// A role that serves is a member of another one, whose policies hold for it as well.
    Member,
    /// Policies are not in force.
    NotEnabled,
    /// Policies are not in force for the owner.
    NotForced,
    /// A policy that is needed is missing.
    NoPolicy,
    /// A policy does not ask for the org.
    WrongColumn,
    /// A policy lets everything through.
    AlwaysTrue,
    /// A policy says what can be seen and not what can be written.
    MissingWithCheck,
    /// A policy is not as this program knows it, or is not known to it.
    UnexpectedPolicy,
    /// A table that can be reached and is no org's.
    NoOrgColumn,
    /// A right that passes policies by: `TRUNCATE`.
    Truncate,
    /// A right that this program does not need.
    ExcessRight,
    /// A right that this program needs is missing.
    MissingRight,
    /// A view or a materialized view reads with its owner's rights.
    View,
    /// A function runs with its owner's rights.
    Definer,
    /// A probe reached another org's rows, and the catalogue does not say why.
    Leak,
    /// A table could not be probed.
    Untried,
}

/// Audits the database as the URL's own user, who owns the tables or was granted the roles. Changes nothing: what it
/// tries is rolled back.
///
/// # Errors
/// `OnlyPostgres` for SQLite; `Unsafe` if the user may not; `Unreachable`, or what the database says.
pub async fn audit(url: &DatabaseUrl) -> Result<Report, StorageError> {
    let DatabaseUrl::Postgres(url) = url else { return Err(StorageError::OnlyPostgres("row-level security")) };
    let mut connection = connect(&url.options()?).await?;
    let mut transaction = connection.begin().await?;
    let found = audit_within(&mut transaction).await.map_err(|error| match error {
        StorageError::Postgres { code, message } if code == "42501" => StorageError::Unsafe(format!(
            "its user may not audit it: run this with the URL of the tables' owner, or of a user that was granted \
             patchbay_app, patchbay_hub and patchbay_journal ({message})"
        )),
        other => other,
    });
    transaction.rollback().await?;
    found
}

async fn audit_within(connection: &mut PgConnection) -> Result<Report, StorageError> {
    let catalogue = Catalogue::read(connection).await?;
    let expected = expected::shown(connection, &catalogue).await?;
    let mut gaps = gaps::roles(&catalogue);
    gaps.extend(gaps::tables(&catalogue, &expected));
    gaps.extend(rights::gaps(&catalogue));
    gaps.extend(gaps::detours(&catalogue));
    let mut tables = catalogue.tables;
    probe::run(connection, &mut tables).await?;
    let unexplained = gaps::probes(&tables, &gaps);
    gaps.extend(unexplained);
    let tables = tables.into_iter().map(|table| table.shown).collect();
    Ok(Report { roles: catalogue.roles, tables, gaps })
}

/// What has to hold before anything is served on this connection, which has stepped down already.
///
/// # Errors
/// `Unsafe` with all that is wrong and the SQL that closes it.
pub(crate) async fn check(connection: &mut PgConnection) -> Result<(), StorageError> {
    let (user,): (String,) = sqlx::query_as("SELECT current_user::text").fetch_one(&mut *connection).await?;
    if user != expected::APP {
        return Err(StorageError::Unsafe(format!("it is used as {user} and not as {}", expected::APP)));
    }
    let catalogue = Catalogue::read(connection).await?;
    let gaps: Vec<String> = gaps::roles(&catalogue)
        .into_iter()
        .chain(gaps::in_force(&catalogue))
        .map(|gap| format!("{}: {}; run: {}", gap.object, gap.detail, gap.fix))
        .collect();
    if gaps.is_empty() { Ok(()) } else { Err(StorageError::Unsafe(gaps.join(". "))) }
}
