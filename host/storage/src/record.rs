//! Documents of plugins: read here, written by the journal.

use std::collections::HashMap;

use patchbay_model::{OrgId, PluginId, record::Record};
use serde_json::Value;

use crate::{
    StorageError, Tx, Walk,
    column::{limit as row_limit, time, unsigned},
    text::{Json, Text},
};

/// Documents by their ids. Both databases are told to look for one after the other: left to themselves, they may read all of a
/// collection that was just filled, of which they do not know yet that it has many.
const NAMED_SQLITE: &str = "SELECT record.id, version, data, updated_at
   FROM (SELECT value AS id FROM json_each($4)) AS wanted CROSS JOIN record
   WHERE org_id = $1 AND plugin = $2 AND collection = $3 AND record.id = wanted.id";
const NAMED_POSTGRES: &str = "SELECT found.* FROM json_array_elements_text($4) AS wanted (id), LATERAL
     (SELECT id, version, data, updated_at FROM record
      WHERE org_id = $1 AND plugin = $2 AND collection = $3 AND id = wanted.id LIMIT 1) AS found";

/// A plugin's documents in one org.
#[derive(Debug)]
pub struct Records<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
    pub(crate) plugin: &'a PluginId,
}

type Row = (Text, i64, Json<Value>, i64);

fn record((id, version, data, updated_at): Row) -> Result<Record, StorageError> {
    Ok(Record { id: id.0, version: unsigned(version), data: data.0, updated_at: time(updated_at)? })
}

/// One condition: a path that both databases read, the class of the wanted value, and the value.
type Condition<'v> = (String, &'static str, &'v Value);

impl Records<'_> {
    /// One document.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, collection: &str, id: &str) -> Result<Option<Record>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            "SELECT id, version, data, updated_at FROM record
             WHERE org_id = $1 AND plugin = $2 AND collection = $3 AND id = $4",
            self.org.0,
            self.plugin.as_str(),
            Text(collection),
            Text(id),
        )?
        .map(record)
        .transpose()
    }

    /// Several documents, in the order asked for; missing ones are left out.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get_many(&mut self, collection: &str, ids: &[String]) -> Result<Vec<Record>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            Row,
            { sqlite: NAMED_SQLITE, postgres: NAMED_POSTGRES },
            self.org.0,
            self.plugin.as_str(),
            Text(collection),
            Json(ids),
        )?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            let record = record(row)?;
            found.insert(record.id.clone(), record);
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }

    /// Documents after one, in order of id, whose fields equal the given scalars. A field is the JSON Pointer of a
    /// declared index; a number equals a number whatever its spelling, null equals what is missing.
    ///
    /// # Errors
    /// `InvalidPointer` if a pointer has quotes or control characters in it.
    pub async fn query(
        &mut self,
        collection: &str,
        filter: &[(String, Value)],
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, StorageError> {
        let conditions = filter
            .iter()
            .map(|(pointer, value)| Ok((path(pointer)?, class(value), value)))
            .collect::<Result<Vec<Condition<'_>>, StorageError>>()?;
        // The conditions are data and not text, so any number of them is one prepared statement. PostgreSQL compares
        // jsonb as wanted here; strict, because a lax path would look into arrays by itself.
        fetch_all!(
            self.tx,
            Row,
            {
                sqlite: "SELECT id, version, data, updated_at FROM record
                   WHERE org_id = $1 AND plugin = $2 AND collection = $3 AND id > $4 AND NOT EXISTS (
                     SELECT 1 FROM json_each($5) AS wanted
                     WHERE (record.data ->> (wanted.value ->> 0)) IS NOT (wanted.value ->> 2)
                        OR (wanted.value ->> 1) <> CASE json_type(record.data, wanted.value ->> 0)
                             WHEN 'integer' THEN 'number' WHEN 'real' THEN 'number' WHEN 'text' THEN 'text'
                             WHEN 'true' THEN 'boolean' WHEN 'false' THEN 'boolean'
                             WHEN 'object' THEN 'other' WHEN 'array' THEN 'other' ELSE 'null' END)
                   ORDER BY id LIMIT $6",
                postgres: "WITH wanted AS MATERIALIZED (
                     SELECT ('strict ' || (value ->> 0))::jsonpath AS path, (value -> 2)::jsonb AS value
                     FROM json_array_elements($5))
                   SELECT id, version, data, updated_at FROM record
                   WHERE org_id = $1 AND plugin = $2 AND collection = $3 AND id > $4 AND NOT EXISTS (
                     SELECT 1 FROM wanted
                     WHERE coalesce(jsonb_path_query_first(record.data::jsonb, wanted.path, '{}', true), 'null')
                       <> wanted.value)
                   ORDER BY id LIMIT $6",
            },
            self.org.0,
            self.plugin.as_str(),
            Text(collection),
            Text(after.unwrap_or("")),
            Json(&conditions),
            row_limit(limit),
        )?
        .into_iter()
        .map(record)
        .collect()
    }
}

impl Records<'_> {
    /// The last id of a collection.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last(&mut self, collection: &str) -> Result<Option<String>, StorageError> {
        let found = fetch_optional!(
            self.tx,
            (Text,),
            "SELECT id FROM record WHERE org_id = $1 AND plugin = $2 AND collection = $3 ORDER BY id DESC LIMIT 1",
            self.org.0,
            self.plugin.as_str(),
            Text(collection),
        )?;
        Ok(found.map(|(id,)| id.0))
    }

    /// A page of a collection, in order of id. Times are those of the documents' last changes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn walk(&mut self, collection: &str, walk: &Walk<String>) -> Result<Vec<Record>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            "SELECT id, version, data, updated_at FROM record
             WHERE org_id = $1 AND plugin = $2 AND collection = $3 AND id > $4 AND id <= $5 AND updated_at >= $6
               AND updated_at < $7
             ORDER BY id LIMIT $8",
            self.org.0,
            self.plugin.as_str(),
            Text(collection),
            Text(walk.after.as_deref().unwrap_or("")),
            Text(&walk.upto),
            walk.from(),
            walk.to(),
            row_limit(walk.limit),
        )?
        .into_iter()
        .map(record)
        .collect()
    }
}

/// For SQLite, which says 1 for both `true` and `1`, so the class of a value is compared beside the value.
fn class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) | Value::Object(_) => "other",
    }
}

/// A JSON Pointer (RFC 6901) as a path of SQLite, which is one of SQL/JSON too. A token of digits is an array's index.
fn path(pointer: &str) -> Result<String, StorageError> {
    let invalid = || StorageError::InvalidPointer(pointer.to_owned());
    let mut path = String::from("$");
    if pointer.is_empty() {
        return Ok(path);
    }
    for token in pointer.strip_prefix('/').ok_or_else(invalid)?.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        if token.contains(|c: char| c == '"' || c == '\\' || c.is_control()) {
            return Err(invalid());
        }
        let index = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
        path.push_str(&if index { format!("[{token}]") } else { format!(".\"{token}\"") });
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use patchbay_model::org::Org;
    use sqlx::{AssertSqlSafe, Row as _};
    use uuid::Uuid;

    use super::*;
    use crate::{Database, DatabaseUrl};

    const OURS: OrgId = OrgId(Uuid::from_u128(1));

    async fn with_an_org(database: &Database) {
        database.migrate().await.unwrap();
        let created_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let mut tx = database.begin().await.unwrap();
        tx.hub().insert_org(&Org { id: OURS, name: "ours".to_owned(), created_at }).await.unwrap();
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn on_sqlite_documents_are_read_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("patchbay.db"))).await.unwrap();
        with_an_org(&database).await;
        let writer = database.sqlite_writer().unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {NAMED_SQLITE}"));
        let plan = sqlx::query(explain).fetch_all(writer).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
        let is_by_key = |step: &String| step.ends_with("(org_id=? AND plugin=? AND collection=? AND id=?)");
        assert!(plan.iter().any(is_by_key), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("SCAN record")), "{plan:?}");
    }

    /// Before anybody has told the planner how many documents there are.
    #[tokio::test]
    async fn on_postgres_documents_are_read_one_by_one_of_a_collection_that_was_just_filled() {
        let Some(server) = patchbay_test_postgres::database().await else { return };
        let database = Database::open(&server.url().parse().unwrap()).await.unwrap();
        with_an_org(&database).await;
        let mut superuser = server.connect("postgres").await;
        sqlx::query(
            "INSERT INTO record (org_id, plugin, collection, id, version, data, updated_at)
             SELECT $1, 'ivr', 'calls', 'call-' || i, 1, '{\"day\": \"2026-11-02\"}', 0
             FROM generate_series(1, 100000) AS n (i)",
        )
        .bind(OURS.0)
        .execute(&mut superuser)
        .await
        .unwrap();
        let explained = sqlx::query(AssertSqlSafe(format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {NAMED_POSTGRES}")))
            .bind(OURS.0)
            .bind("ivr")
            .bind("calls")
            .bind(Json(["call-777", "call-of-nobody"]))
            .fetch_one(&mut superuser)
            .await
            .unwrap();
        let explained: Value = explained.get(0);
        let plan = &explained[0]["Plan"];
        let blocks = ["Shared Hit Blocks", "Shared Read Blocks"].map(|name| plan[name].as_u64().unwrap_or_default());
        assert_eq!(plan["Actual Rows"].as_f64(), Some(1.0), "{explained}");
        assert!(blocks.iter().sum::<u64>() <= 16, "{explained}");
    }

    #[test]
    fn a_pointer_becomes_a_path_of_quoted_keys_and_indexes() {
        assert_eq!(path("").unwrap(), "$");
        assert_eq!(path("/call/from").unwrap(), r#"$."call"."from""#);
        assert_eq!(path("/items/0/a~1b~0c").unwrap(), r#"$."items"[0]."a/b~c""#);
    }

    #[test]
    fn a_pointer_that_could_break_out_of_its_quotes_is_refused() {
        for pointer in [r#"/a"b"#, r"/a\b", "/a\nb", "a"] {
            assert!(path(pointer).is_err(), "{pointer:?}");
        }
    }
}
