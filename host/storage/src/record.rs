//! Documents of plugins: read here, written by the journal.

use std::collections::HashMap;

use patchbay_model::{OrgId, PluginId, record::Record};
use serde_json::Value;

use crate::{
    StorageError, Tx, Walk,
    column::{limit as row_limit, time, unsigned},
    text::{Json, Text},
};

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
            {
                sqlite: "SELECT id, version, data, updated_at FROM record
                   WHERE org_id = $1 AND plugin = $2 AND collection = $3 AND id IN (SELECT value FROM json_each($4))",
                postgres: "SELECT id, version, data, updated_at FROM record
                   WHERE org_id = $1 AND plugin = $2 AND collection = $3
                     AND id IN (SELECT json_array_elements_text($4))",
            },
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
    use super::path;

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
