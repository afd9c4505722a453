//! What the catalogue says of roles, tables and policies, and of what leads around them.

use sqlx::PgConnection;

use super::{Policy, Role, Table, expected};
use crate::StorageError;

/// All that is compared.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) roles: Vec<Role>,
    pub(super) tables: Vec<Known>,
    pub(super) views: Vec<View>,
    /// Functions with their owner's rights that a serving role may call, with their arguments.
    pub(super) definers: Vec<String>,
    /// Who owns the tables, or is asking.
    pub(super) owner: String,
}

/// A table, with what is not for the report.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) shown: Table,
    pub(super) oid: i64,
    /// Without schema and quotes.
    pub(super) bare_name: String,
    /// Its type of rows, with its schema: alone, `record` would be a type of PostgreSQL's own.
    pub(super) row_type: String,
    /// Which roles may empty it, past its policies.
    pub(super) truncated_by: Vec<String>,
    /// What was granted to the roles that serve, and to everybody.
    pub(super) grants: Vec<Grant>,
}

/// A right that somebody was given.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Grant {
    /// To whom; `PUBLIC` is everybody.
    pub(super) role: String,
    /// To do what, as SQL says it.
    pub(super) privilege: String,
    /// To which column, quoted as SQL needs it; none: to the whole row.
    pub(super) column: Option<String>,
}

/// A view of an org's table that a serving role can read, and that does not read with the reader's rights.
#[derive(Debug)]
pub(super) struct View {
    pub(super) name: String,
    /// False if it is materialized, or if the server is too old for views that do.
    pub(super) can_be_invoker: bool,
}

#[derive(sqlx::FromRow)]
struct TableRow {
    oid: i64,
    name: String,
    bare_name: String,
    row_type: String,
    org_column: Option<String>,
    enabled: bool,
    forced: bool,
    reachable: bool,
    truncated_by: Vec<String>,
}

#[derive(sqlx::FromRow)]
struct PolicyRow {
    name: String,
    permissive: bool,
    command: String,
    roles: Vec<String>,
    using: Option<String>,
    with_check: Option<String>,
}

#[derive(sqlx::FromRow)]
struct RoleRow {
    name: String,
    superuser: bool,
    bypass_rls: bool,
    owns: Vec<String>,
    member_of: Vec<String>,
}

impl Catalogue {
    pub(super) async fn read(connection: &mut PgConnection) -> Result<Self, StorageError> {
        let (owner,): (String,) = sqlx::query_as(
            "SELECT coalesce(
               (SELECT rolname::text FROM pg_class JOIN pg_roles r ON r.oid = relowner
                WHERE pg_class.oid = to_regclass('org') AND rolname <> ALL ($1)),
               session_user::text)",
        )
        .bind(expected::ROLES)
        .fetch_one(&mut *connection)
        .await?;
        Ok(Self {
            roles: roles(connection).await?,
            tables: tables(connection).await?,
            views: views(connection).await?,
            definers: definers(connection).await?,
            owner,
        })
    }
}

async fn roles(connection: &mut PgConnection) -> Result<Vec<Role>, StorageError> {
    let rows: Vec<RoleRow> = sqlx::query_as(
        "SELECT rolname::text AS name, rolsuper AS superuser, rolbypassrls AS bypass_rls,
           ARRAY(SELECT c.oid::regclass::text FROM pg_class c
             WHERE c.relowner = pg_roles.oid AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY 1) AS owns,
           ARRAY(SELECT quote_ident(parent.rolname) FROM pg_auth_members m JOIN pg_roles parent ON parent.oid = m.roleid
             WHERE m.member = pg_roles.oid ORDER BY 1) AS member_of
         FROM pg_roles WHERE rolname = ANY ($1) ORDER BY rolname",
    )
    .bind(expected::ROLES)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|RoleRow { name, superuser, bypass_rls, owns, member_of }| Role {
            name,
            superuser,
            bypass_rls,
            owns,
            member_of,
        })
        .collect())
}

/// Tables of orgs, and those that a serving role has any right to.
async fn tables(connection: &mut PgConnection) -> Result<Vec<Known>, StorageError> {
    let rows: Vec<TableRow> = sqlx::query_as(
        "SELECT c.oid::int8 AS oid, c.oid::regclass::text AS name, c.relname::text AS bare_name,
           format('%I.%I', n.nspname, c.relname) AS row_type,
           column_of_org.name AS org_column, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
           reach.able AS reachable,
           ARRAY(SELECT role.rolname::text FROM pg_roles role
             WHERE role.rolname = ANY ($1) AND NOT role.rolsuper AND has_table_privilege(role.oid, c.oid, 'TRUNCATE')
             ORDER BY 1) AS truncated_by
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN LATERAL (
           SELECT a.attname::text AS name FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             AND a.attname = CASE WHEN c.relname = 'org' THEN 'id' ELSE 'org_id' END) column_of_org ON true
         CROSS JOIN LATERAL (
           SELECT EXISTS (SELECT FROM pg_roles role WHERE role.rolname = ANY ($1) AND NOT role.rolsuper AND (
             has_any_column_privilege(role.oid, c.oid, 'SELECT, INSERT, UPDATE')
             OR has_table_privilege(role.oid, c.oid, 'DELETE, TRUNCATE'))) AS able) reach
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
           AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
           AND (column_of_org.name IS NOT NULL OR reach.able)
         ORDER BY name",
    )
    .bind(expected::ROLES)
    .fetch_all(&mut *connection)
    .await?;
    let mut tables = Vec::with_capacity(rows.len());
    for row in rows {
        let (policies, grants) = (policies(connection, row.oid).await?, grants(connection, row.oid).await?);
        let TableRow { oid, name, bare_name, row_type, org_column, enabled, forced, reachable, truncated_by } = row;
        let shown = Table { name, org_column, enabled, forced, reachable, policies, probes: Vec::new() };
        tables.push(Known { shown, oid, bare_name, row_type, truncated_by, grants });
    }
    Ok(tables)
}

/// What others than the owner were granted.
async fn grants(connection: &mut PgConnection, table: i64) -> Result<Vec<Grant>, StorageError> {
    let grants = sqlx::query_as(
        "SELECT coalesce(r.rolname::text, 'PUBLIC') AS role, given.privilege_type AS privilege, given.column
         FROM (
           SELECT acl.grantee, acl.privilege_type, NULL AS column
           FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) acl
           WHERE c.oid = $2::int8::oid AND acl.grantee <> c.relowner
           UNION ALL
           SELECT acl.grantee, acl.privilege_type, quote_ident(a.attname)
           FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) acl
           WHERE a.attrelid = $2::int8::oid AND a.attnum > 0 AND NOT a.attisdropped) given
         LEFT JOIN pg_roles r ON r.oid = given.grantee
         WHERE given.grantee = 0 OR r.rolname = ANY ($1)
         ORDER BY role, privilege, given.column NULLS FIRST",
    );
    Ok(grants.bind(expected::ROLES).bind(table).fetch_all(connection).await?)
}

/// A table's policies, by name. By number and not by name: what a name means depends on who asks.
pub(super) async fn policies(connection: &mut PgConnection, table: i64) -> Result<Vec<Policy>, StorageError> {
    let rows: Vec<PolicyRow> = sqlx::query_as(
        "SELECT quote_ident(polname) AS name, polpermissive AS permissive,
           CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
             ELSE 'ALL' END AS command,
           ARRAY(SELECT CASE WHEN role = 0 THEN 'public' ELSE role::regrole::text END FROM unnest(polroles) AS role
             ORDER BY 1) AS roles,
           pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS with_check
         FROM pg_policy WHERE polrelid = $1::int8::oid ORDER BY polname",
    )
    .bind(table)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|PolicyRow { name, permissive, command, roles, using, with_check }| Policy {
            name,
            permissive,
            command,
            roles,
            using,
            with_check,
        })
        .collect())
}

/// Views of tables of orgs, and views of those, unless they read with the reader's rights.
async fn views(connection: &mut PgConnection) -> Result<Vec<View>, StorageError> {
    let rows: Vec<(String, bool)> = sqlx::query_as(
        "WITH RECURSIVE seen AS (
           SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
             AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
               AND a.attname = CASE WHEN c.relname = 'org' THEN 'id' ELSE 'org_id' END)
           UNION
           SELECT rule.ev_class FROM seen
           JOIN pg_depend d ON d.refobjid = seen.oid AND d.refclassid = 'pg_class'::regclass
             AND d.classid = 'pg_rewrite'::regclass
           JOIN pg_rewrite rule ON rule.oid = d.objid AND rule.ev_class <> seen.oid)
         SELECT v.oid::regclass::text, v.relkind = 'v' AND current_setting('server_version_num')::int4 >= 150000
         FROM seen JOIN pg_class v USING (oid)
         WHERE v.relkind IN ('v', 'm')
           AND EXISTS (SELECT FROM pg_roles role
             WHERE role.rolname = ANY ($1) AND has_any_column_privilege(role.oid, v.oid, 'SELECT, INSERT, UPDATE'))
           AND NOT EXISTS (SELECT FROM pg_options_to_table(v.reloptions)
             WHERE option_name = 'security_invoker' AND option_value::boolean)
         ORDER BY 1",
    )
    .bind(expected::ROLES)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(name, can_be_invoker)| View { name, can_be_invoker }).collect())
}

async fn definers(connection: &mut PgConnection) -> Result<Vec<String>, StorageError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE p.prosecdef AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
           AND p.oid::regprocedure::text <> ALL ($2)
           AND EXISTS (SELECT FROM pg_roles role
             WHERE role.rolname = ANY ($1) AND has_function_privilege(role.oid, p.oid, 'EXECUTE'))
         ORDER BY 1",
    )
    .bind(expected::ROLES)
    .bind(expected::DEFINERS)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(signature,)| signature).collect())
}
