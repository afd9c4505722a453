//! Tries to reach another org's rows, table by table.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, PgConnection, raw_sql, types::Json};
use uuid::Uuid;

use super::{
    Answer, Probe,
    catalogue::Known,
    expected::{APP, HUB, JOURNAL, OPERATOR},
    sample::{Fresh, Row, Shape},
};
use crate::StorageError;

/// A role that speaks for an org, or for none.
fn speak(role: &str, org: Option<Uuid>) -> String {
    let (one, several) = match (role, org) {
        (APP | OPERATOR, Some(org)) => (org.to_string(), String::new()),
        (JOURNAL, Some(org)) => (String::new(), format!("{{{org}}}")),
        _ => (String::new(), String::new()),
    };
    format!("SET LOCAL ROLE {role}; SET LOCAL app.org_id TO '{one}'; SET LOCAL app.org_ids TO '{several}'")
}

/// How a statement ended.
enum End {
    Rows(u64),
    /// By a policy, or for lack of a right.
    Refused,
    /// By a constraint, which is asked after the policies.
    Constraint(String),
    Failed(String),
}

/// Runs one statement as somebody, in a savepoint that is kept only if it is asked for and the statement succeeds.
async fn attempt(
    connection: &mut PgConnection,
    who: &str,
    sql: String,
    row: Option<&Row>,
    keep: bool,
) -> Result<End, StorageError> {
    raw_sql(AssertSqlSafe(format!("SAVEPOINT probe; {who}"))).execute(&mut *connection).await?;
    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let query = match row {
        Some(row) => query.bind(Json(row)),
        None => query,
    };
    let end = match query.execute(&mut *connection).await.map_err(StorageError::from) {
        Ok(done) => End::Rows(done.rows_affected()),
        Err(StorageError::Postgres { code, .. }) if code == "42501" => End::Refused,
        Err(error) if is_constraint(&error) => End::Constraint(error.to_string()),
        Err(StorageError::Postgres { message, .. }) => End::Failed(message),
        Err(error) => return Err(error),
    };
    let after = match end {
        End::Rows(_) if keep => "SET LOCAL ROLE NONE; RELEASE SAVEPOINT probe",
        _ => "ROLLBACK TO SAVEPOINT probe; RELEASE SAVEPOINT probe",
    };
    raw_sql(after).execute(connection).await?;
    Ok(end)
}

/// True if it was the row that did not fit: a value, a rule of the table, or what an index can take.
fn is_constraint(error: &StorageError) -> bool {
    match error {
        StorageError::AlreadyExists(_) | StorageError::Missing(_) => true,
        StorageError::Postgres { code, .. } => ["22", "23", "54"].iter().any(|class| code.starts_with(class)),
        _ => false,
    }
}

/// The rows of both orgs, by table and org.
type Seeds = HashMap<(i64, Uuid), Row>;

/// What every probe needs.
struct Scene {
    fresh: Fresh,
    shapes: HashMap<i64, Shape>,
    seeds: Seeds,
    /// Why a table has no row.
    unseeded: HashMap<i64, String>,
    /// Who tries.
    ours: Uuid,
    /// Whose rows are tried.
    theirs: Uuid,
}

/// Fills in the probes of each table of orgs.
pub(super) async fn run(connection: &mut PgConnection, tables: &mut [Known]) -> Result<(), StorageError> {
    raw_sql("SET LOCAL lock_timeout = '5s'").execute(&mut *connection).await?;
    let mut fresh = Fresh::ask(connection).await?;
    let mut shapes = HashMap::new();
    for table in tables.iter() {
        shapes.insert(table.oid, Shape::read(connection, table.oid).await?);
    }
    let (ours, theirs) = (fresh.uuid(), fresh.uuid());
    let mut scene = Scene { fresh, shapes, seeds: HashMap::new(), unseeded: HashMap::new(), ours, theirs };
    for org in [ours, theirs] {
        scene.seed(connection, tables, org).await?;
    }
    // A user that a hub serves with need not be able to become the operator.
    let (operator,): (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND pg_has_role(session_user, oid, 'MEMBER'))",
    )
    .bind(OPERATOR)
    .fetch_one(&mut *connection)
    .await?;
    let roles = if operator { &[APP, JOURNAL, OPERATOR][..] } else { &[APP, JOURNAL] };
    for table in tables.iter_mut().filter(|table| table.shown.org_column.is_some() && table.shown.reachable) {
        for &role in roles {
            let rights = Rights::read(connection, role, table).await?;
            if role == APP || rights.any() {
                let probe = scene.probe(connection, role, table, &rights).await?;
                table.shown.probes.push(probe);
            }
        }
    }
    Ok(())
}

/// What a role may do to a table at all.
#[derive(sqlx::FromRow)]
struct Rights {
    read: bool,
    insert: bool,
    delete: bool,
    give_away: bool,
    /// Columns that it may change.
    update: Vec<String>,
}

impl Rights {
    async fn read(connection: &mut PgConnection, role: &str, table: &Known) -> Result<Self, StorageError> {
        let rights = sqlx::query_as(
            "SELECT has_column_privilege($1, $2::int8::oid, $3, 'SELECT') AS read,
               has_any_column_privilege($1, $2::int8::oid, 'INSERT') AS insert,
               has_table_privilege($1, $2::int8::oid, 'DELETE') AS delete,
               has_column_privilege($1, $2::int8::oid, $3, 'UPDATE') AS give_away,
               ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = $2::int8::oid AND attnum > 0
                 AND NOT attisdropped AND has_column_privilege($1, attrelid, attnum, 'UPDATE') ORDER BY attnum) AS update",
        );
        let rights = rights.bind(role).bind(table.oid).bind(table.shown.org_column.as_deref().unwrap_or_default());
        Ok(rights.fetch_one(connection).await?)
    }

    fn any(&self) -> bool {
        self.read || self.insert || self.delete || !self.update.is_empty()
    }
}

impl Scene {
    /// Gives an org a row in each table, those first that others refer to.
    async fn seed(&mut self, connection: &mut PgConnection, tables: &[Known], org: Uuid) -> Result<(), StorageError> {
        let mut waiting: Vec<&Known> = tables.iter().collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let (ready, later): (Vec<_>, Vec<_>) =
                waiting.iter().copied().partition(|table| self.is_ready(table, &waiting));
            for table in ready {
                self.seed_table(connection, table, org).await?;
            }
            waiting = later;
            if waiting.len() == before {
                // They refer to each other in a circle.
                for table in &waiting {
                    self.unseeded.insert(table.oid, "its foreign keys go in a circle".to_owned());
                }
                break;
            }
        }
        Ok(())
    }

    fn is_ready(&self, table: &Known, waiting: &[&Known]) -> bool {
        let references = self.shapes.get(&table.oid).map(Shape::references).unwrap_or_default();
        references.iter().all(|reference| waiting.iter().all(|other| other.oid != reference.parent))
    }

    async fn seed_table(
        &mut self,
        connection: &mut PgConnection,
        table: &Known,
        org: Uuid,
    ) -> Result<(), StorageError> {
        let Some((row, insert)) = self.row(table, org) else { return Ok(()) };
        let mut reason = None;
        for role in [APP, JOURNAL, HUB] {
            let who = speak(role, Some(org));
            match attempt(connection, &who, insert.clone(), Some(&row), true).await? {
                End::Rows(_) => {
                    self.seeds.insert((table.oid, org), row);
                    return Ok(());
                }
                End::Refused => {}
                End::Constraint(text) | End::Failed(text) => reason = Some(text),
            }
        }
        let reason = reason.unwrap_or_else(|| "no role may add a row of its own org".to_owned());
        self.unseeded.insert(table.oid, reason);
        Ok(())
    }

    /// A new row of an org, and the SQL that adds it.
    fn row(&mut self, table: &Known, org: Uuid) -> Option<(Row, String)> {
        let shape = self.shapes.get(&table.oid)?;
        let seeds = &self.seeds;
        let row =
            shape.row(table.shown.org_column.as_deref(), org, &mut self.fresh, |parent| seeds.get(&(parent, org)));
        Some((row, shape.insert(&table.shown.name, &table.row_type)))
    }

    async fn probe(
        &mut self,
        connection: &mut PgConnection,
        role: &str,
        table: &Known,
        rights: &Rights,
    ) -> Result<Probe, StorageError> {
        if let Some(reason) = self.unseeded.get(&table.oid) {
            let untried = || Answer::Untried(reason.clone());
            return Ok(Probe {
                role: role.to_owned(),
                read: untried(),
                insert: untried(),
                update: untried(),
                delete: untried(),
                give_away: untried(),
                read_as_nobody: untried(),
            });
        }
        let (name, who) = (&table.shown.name, speak(role, Some(self.ours)));
        let column = table.shown.org_column.clone().unwrap_or_default();
        let shape = self.shapes.get(&table.oid);
        let quoted = |wanted: &str| shape.and_then(|shape| shape.quoted().find(|(name, _)| *name == wanted));
        let column = quoted(&column).map_or(column.clone(), |(_, quoted)| quoted.to_owned());
        let (ours, theirs) = (format!("{column} = '{}'", self.ours), format!("{column} = '{}'", self.theirs));
        let changed = rights.update.first().and_then(|first| quoted(first)).map(|(_, quoted)| quoted.to_owned());
        let their_row = self.seeds.get(&(table.oid, self.theirs)).cloned();
        let new_row = self.row(table, self.theirs);

        let select = format!("SELECT 1 FROM {name} WHERE {theirs} LIMIT 1");
        let read = tried(rights.read, attempt(connection, &who, select, None, false).await?);
        let (insert_row, insert) = new_row.unzip();
        let insert = attempt(connection, &who, insert.unwrap_or_default(), insert_row.as_ref(), false).await?;
        let insert = tried(rights.insert, insert);
        let update = match changed {
            None => Answer::NoRight,
            Some(changed) => {
                let value = format!("(jsonb_populate_record(NULL::{}, $1)).{changed}", table.row_type);
                let sql = format!("UPDATE {name} SET {changed} = {value} WHERE {theirs}");
                tried(true, attempt(connection, &who, sql, their_row.as_ref(), false).await?)
            }
        };
        let delete = format!("DELETE FROM {name} WHERE {theirs}");
        let delete = tried(rights.delete, attempt(connection, &who, delete, None, false).await?);
        let give_away = format!("UPDATE {name} SET {column} = '{}' WHERE {ours}", self.theirs);
        let give_away = tried(rights.give_away, attempt(connection, &who, give_away, None, false).await?);
        let nobody = format!("SELECT 1 FROM {name} LIMIT 1");
        let nobody = attempt(connection, &speak(role, None), nobody, None, false).await?;
        let read_as_nobody = tried(rights.read, nobody);
        Ok(Probe { role: role.to_owned(), read, insert, update, delete, give_away, read_as_nobody })
    }
}

/// What an end means. That a constraint was asked says that no policy was in the way.
fn tried(right: bool, end: End) -> Answer {
    match end {
        _ if !right => Answer::NoRight,
        End::Rows(0) | End::Refused => Answer::Kept,
        End::Rows(_) | End::Constraint(_) => Answer::Leaked,
        End::Failed(reason) => Answer::Untried(reason),
    }
}
