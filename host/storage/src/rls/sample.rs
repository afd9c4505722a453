//! A row of whatever table, made from what the catalogue says of its columns.
//!
//! So a table that a migration adds is probed without a line written for it.

use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StorageError;

/// What is known of a table's columns.
#[derive(Debug)]
pub(super) struct Shape {
    columns: Vec<Column>,
    references: Vec<Reference>,
}

#[derive(Debug, sqlx::FromRow)]
struct Column {
    name: String,
    /// Quoted for SQL.
    quoted: String,
    /// The name of its type.
    kind: String,
    /// A text that a check of the column, or its enum, names.
    word: Option<String>,
}

/// A foreign key, column by column.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Reference {
    pub(super) parent: i64,
    pub(super) columns: Vec<String>,
    pub(super) parent_columns: Vec<String>,
}

/// Ids that nothing has: the server's random one, and those that follow it.
#[derive(Debug)]
pub(super) struct Fresh(u128);

impl Fresh {
    pub(super) async fn ask(connection: &mut PgConnection) -> Result<Self, StorageError> {
        let (first,): (Uuid,) = sqlx::query_as("SELECT gen_random_uuid()").fetch_one(connection).await?;
        Ok(Self(first.as_u128()))
    }

    pub(super) fn uuid(&mut self) -> Uuid {
        self.0 = self.0.wrapping_add(1);
        Uuid::from_u128(self.0)
    }
}

/// Columns and their values.
pub(super) type Row = Map<String, Value>;

impl Shape {
    pub(super) async fn read(connection: &mut PgConnection, table: i64) -> Result<Self, StorageError> {
        let columns = sqlx::query_as(
            "SELECT a.attname::text AS name, quote_ident(a.attname) AS quoted, t.typname::text AS kind,
               coalesce(
                 (SELECT (regexp_match(pg_get_constraintdef(c.oid), '''([^'']*)''::text'))[1] FROM pg_constraint c
                  WHERE c.conrelid = a.attrelid AND c.contype = 'c' AND c.conkey = ARRAY[a.attnum] LIMIT 1),
                 (SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder LIMIT 1)
               ) AS word
             FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
             WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
               AND a.attidentity <> 'a'
             ORDER BY a.attnum",
        )
        .bind(table)
        .fetch_all(&mut *connection)
        .await?;
        let references = sqlx::query_as(
            "SELECT c.confrelid::int8 AS parent,
               ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (n, i)
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.i) AS columns,
               ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (n, i)
                 JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.i) AS parent_columns
             FROM pg_constraint c WHERE c.conrelid = $1::int8::oid AND c.contype = 'f' AND c.confrelid <> c.conrelid",
        )
        .bind(table)
        .fetch_all(connection)
        .await?;
        Ok(Self { columns, references })
    }

    /// What a row refers to.
    pub(super) fn references(&self) -> &[Reference] {
        &self.references
    }

    /// A new row of an org; `parent` gives the row of a table that it refers to.
    pub(super) fn row<'p>(
        &self,
        org_column: Option<&str>,
        org: Uuid,
        fresh: &mut Fresh,
        parent: impl Fn(i64) -> Option<&'p Row>,
    ) -> Row {
        let mut row: Row =
            self.columns.iter().map(|column| (column.name.clone(), column.value(fresh.uuid()))).collect();
        for reference in &self.references {
            if let Some(parent) = parent(reference.parent) {
                for (column, parent_column) in reference.columns.iter().zip(&reference.parent_columns) {
                    let value = parent.get(parent_column).cloned().unwrap_or_default();
                    row.insert(column.clone(), value);
                }
            }
        }
        if let Some(column) = org_column {
            row.insert(column.to_owned(), json!(org));
        }
        row
    }

    /// SQL that adds a row, which is its one parameter.
    pub(super) fn insert(&self, table: &str, row_type: &str) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|column| column.quoted.as_str()).collect();
        let columns = columns.join(", ");
        format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{row_type}, $1)")
    }

    /// Quoted names of the columns.
    pub(super) fn quoted(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns.iter().map(|column| (column.name.as_str(), column.quoted.as_str()))
    }
}

impl Column {
    /// Something that the column takes, and that no other row has if it can be so.
    fn value(&self, fresh: Uuid) -> Value {
        if let Some(word) = &self.word {
            return json!(word);
        }
        match self.kind.as_str() {
            "uuid" => json!(fresh),
            "bool" => json!(true),
            "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" => json!(1),
            "bytea" => json!(format!("\\x{}", fresh.simple())),
            "json" | "jsonb" => json!({}),
            "date" | "timestamp" | "timestamptz" => json!("2000-01-01"),
            "text" | "varchar" | "bpchar" | "citext" => json!(fresh.simple().to_string()),
            _ if self.kind.starts_with('_') => json!([]),
            _ => Value::Null,
        }
    }
}
