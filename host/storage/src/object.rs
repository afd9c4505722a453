//! Records of standard objects: read here, written by the journal.

use std::{borrow::Cow, collections::HashMap};

use patchbay_model::{
    OrgId, RunId, Timestamp,
    filter::Filter,
    object::{ObjectRecord, Source, Stamp, StandardObject, indexed_as, is_wanted},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{limit as row_limit, plugin, time, unsigned},
    journal::{State, weight_of},
    postgres::{Scope, answered},
    text::{Json, Text},
};

/// Records that are looked at together: between two such portions it is seen whether there is enough.
const PORTION: u32 = 50;
/// The most records that one page looks at, whatever it is that is rare.
const LOOKED_AT: usize = 5_000;
/// About the most bytes that the records of a page have together.
const PAGE_BYTES: usize = 8 << 20;

/// For each of many fields with a value the first ids behind one that have it, as a list: a range of the primary key for each.
const HAVING: [&str; 2] = [
    "SELECT asked.value ->> 1, (SELECT json_group_array(id) FROM (SELECT id FROM object_index
         WHERE org_id = $1 AND object = $2 AND field = asked.value ->> 0 AND object_index.value = asked.value ->> 1
           AND id > $4 ORDER BY id LIMIT $5))
     FROM json_each($3) AS asked",
    "SELECT asked.value, ARRAY(SELECT id FROM object_index
         WHERE org_id = $1 AND object = $2 AND object_index.field = asked.field AND object_index.value = asked.value
           AND id > $5 ORDER BY id LIMIT $6)
     FROM unnest($3::text[], $4::text[]) AS asked (field, value)",
];

/// The most records of one value that [`Objects::ids_having`] gives.
const MOST_HAVING: u32 = 16;
/// Records by their ids. PostgreSQL is told to look for one after the other: left to itself, it reads all records of an object
/// that was just filled, of which its statistics do not know yet that there are many.
const NAMED_SQLITE: &str =
    "SELECT id, version, data, sources, created_by, created_run, created_at, updated_by, updated_run,
     updated_at FROM object_record
   WHERE org_id = $1 AND object = $2 AND data IS NOT NULL AND id IN (SELECT value FROM json_each($3))";
const NAMED_POSTGRES: &str = "SELECT found.* FROM json_array_elements_text($3) AS wanted (id), LATERAL
     (SELECT id, version, data, sources, created_by, created_run, created_at, updated_by, updated_run, updated_at
      FROM object_record
      WHERE org_id = $1 AND object = $2 AND id = wanted.id AND data IS NOT NULL LIMIT 1) AS found";

/// An org's records of standard objects.
#[derive(Debug)]
pub struct Objects<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// A part of the records that were asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObjectPage {
    /// In order of id. May be fewer than were asked for, or none, although there are more behind.
    pub records: Vec<ObjectRecord>,
    /// Behind which id to go on; none if there is nothing more.
    pub next: Option<String>,
}

/// The columns of a record that say how it is.
#[derive(sqlx::FromRow)]
pub(crate) struct StateRow {
    version: i64,
    data: Option<Json<Value>>,
    sources: Json<Vec<Source>>,
    created_by: String,
    created_run: Uuid,
    created_at: i64,
    updated_by: String,
    updated_run: Uuid,
    updated_at: i64,
}

impl StateRow {
    pub(crate) fn state(self) -> Result<State<'static>, StorageError> {
        let stamp = |by: &str, run, at| -> Result<Stamp, StorageError> {
            Ok(Stamp { plugin: plugin(by)?, run: RunId(run), at: time(at)? })
        };
        Ok(State {
            version: unsigned(self.version),
            data: self.data.map(|data| Cow::Owned(data.0)),
            created: stamp(&self.created_by, self.created_run, self.created_at)?,
            updated: stamp(&self.updated_by, self.updated_run, self.updated_at)?,
            sources: self.sources.0,
        })
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Text,
    #[sqlx(flatten)]
    state: StateRow,
}

impl Row {
    fn record(self, object: StandardObject) -> Result<ObjectRecord, StorageError> {
        let State { version, data, created, updated, sources } = self.state.state()?;
        let data = data.map(Cow::into_owned);
        Ok(ObjectRecord { object, id: self.id.0, version, data, created, updated, sources })
    }
}

impl Objects<'_> {
    /// One record; also one that was deleted, which has no data.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, object: StandardObject, id: &str) -> Result<Option<ObjectRecord>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            "SELECT id, version, data, sources, created_by, created_run, created_at, updated_by, updated_run, updated_at
             FROM object_record WHERE org_id = $1 AND object = $2 AND id = $3",
            self.org.0,
            object.as_str(),
            Text(id),
        )?
        .map(|row| row.record(object))
        .transpose()
    }

    /// Several records, in the order asked for; missing and deleted ones are left out.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get_many(
        &mut self,
        object: StandardObject,
        ids: &[String],
    ) -> Result<Vec<ObjectRecord>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            Row,
            { sqlite: NAMED_SQLITE, postgres: NAMED_POSTGRES },
            self.org.0,
            object.as_str(),
            Json(ids),
        )?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            let record = row.record(object)?;
            found.insert(record.id.clone(), record);
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }

    /// Records that match a filter, behind one, in order of id; deleted ones never do. Where the filter says what an
    /// indexed field must equal, only the records are read that have it, in the field or in the list of all that they have
    /// ([`StandardObject::list_of`]). A page ends early after some thousand records that did not match, or with some megabytes
    /// of those that did.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find(
        &mut self,
        object: StandardObject,
        filter: &Filter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<ObjectPage, StorageError> {
        let wanted = limit as usize;
        let lookup = lookup(object, filter);
        let mut page = ObjectPage { records: Vec::new(), next: after.map(str::to_owned) };
        let (mut looked_at, mut bytes) = (0, 0);
        loop {
            let behind = page.next.as_deref().unwrap_or("");
            let portion = match &lookup {
                Some((field, values)) => {
                    let ids = self.having(object, field, values, behind).await?;
                    self.get_many(object, &ids).await?
                }
                None => self.behind(object, behind).await?,
            };
            let is_last = portion.len() < PORTION as usize;
            looked_at += portion.len();
            for record in portion {
                page.next = Some(record.id.clone());
                if record.data.as_ref().is_some_and(|data| is_wanted(object, filter, data)) {
                    bytes += record.data.as_ref().map_or(0, weight_of);
                    page.records.push(record);
                    if page.records.len() >= wanted || bytes >= PAGE_BYTES {
                        return Ok(page);
                    }
                }
            }
            if is_last {
                page.next = None;
                return Ok(page);
            }
            if looked_at >= LOOKED_AT {
                return Ok(page);
            }
        }
    }

    /// The last id of an object's records.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last(&mut self, object: StandardObject) -> Result<Option<String>, StorageError> {
        let found = fetch_optional!(
            self.tx,
            (Text,),
            "SELECT id FROM object_record WHERE org_id = $1 AND object = $2 ORDER BY id DESC LIMIT 1",
            self.org.0,
            object.as_str(),
        )?;
        Ok(found.map(|(id,)| id.0))
    }

    async fn behind(&mut self, object: StandardObject, behind: &str) -> Result<Vec<ObjectRecord>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            "SELECT id, version, data, sources, created_by, created_run, created_at, updated_by, updated_run, updated_at
             FROM object_record WHERE org_id = $1 AND object = $2 AND id > $3 AND data IS NOT NULL
             ORDER BY id LIMIT $4",
            self.org.0,
            object.as_str(),
            Text(behind),
            row_limit(PORTION),
        )?
        .into_iter()
        .map(|row| row.record(object))
        .collect()
    }

    /// Ids of records that have one of these values, in the field or in its list.
    async fn having(
        &mut self,
        object: StandardObject,
        field: &str,
        values: &[String],
        behind: &str,
    ) -> Result<Vec<String>, StorageError> {
        let fields = [Some(field), object.list_of(field)].into_iter().flatten();
        let asked: Vec<(&str, &str)> =
            fields.flat_map(|field| values.iter().map(move |value| (field, value.as_str()))).collect();
        let found = self.each_having(object, &asked, behind, PORTION).await?;
        let mut ids: Vec<String> = found.into_iter().flat_map(|(_, ids)| ids).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(PORTION as usize);
        Ok(ids)
    }

    /// Which records have one of these values in an indexed field: each value, as `indexed_as` gives it, with the ids of the
    /// first 16 records that have it, in order of id. One statement, however many values there are; a value that nothing has
    /// is left out, and so are records that have it only in a list beside the field. Long values share what they are indexed as:
    /// look at the record itself once more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ids_having(
        &mut self,
        object: StandardObject,
        field: &str,
        values: &[String],
    ) -> Result<Vec<(String, String)>, StorageError> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<(&str, &str)> = values.iter().map(|value| (field, value.as_str())).collect();
        let found = self.each_having(object, &asked, "", MOST_HAVING).await?;
        Ok(found.into_iter().flat_map(|(value, ids)| ids.into_iter().map(move |id| (value.clone(), id))).collect())
    }

    /// For each of these fields with a value: the value, and the ids of the first records behind one that have it, in order. One
    /// statement, however many are asked for.
    async fn each_having(
        &mut self,
        object: StandardObject,
        asked: &[(&str, &str)],
        behind: &str,
        limit: u32,
    ) -> Result<Vec<(String, Vec<String>)>, StorageError> {
        let [on_sqlite, on_postgres] = HAVING;
        let limit = row_limit(limit);
        match &mut *self.tx {
            Tx::Sqlite(tx) => {
                let asked = serde_json::to_string(asked).map_err(|error| StorageError::Corrupt(error.to_string()))?;
                let found: Vec<(Text, Json<Vec<String>>)> = sqlx::query_as(crate::tx::text(on_sqlite))
                    .bind(self.org.0)
                    .bind(object.as_str())
                    .bind(asked)
                    .bind(behind)
                    .bind(limit)
                    .fetch_all(tx.connection())
                    .await?;
                Ok(found.into_iter().map(|(value, ids)| (value.0, ids.0)).collect())
            }
            Tx::Postgres(tx) => {
                let fields: Vec<_> = asked.iter().map(|(field, _)| Text(*field)).collect();
                let values: Vec<_> = asked.iter().map(|(_, value)| Text(*value)).collect();
                tx.speak_for(Scope::Several(self.org));
                let within = tx.patience();
                let connection = tx.connection().await?;
                let asking = sqlx::query_as(crate::tx::text(on_postgres))
                    .bind(self.org.0)
                    .bind(object.as_str())
                    .bind(fields)
                    .bind(values)
                    .bind(Text(behind))
                    .bind(limit)
                    .fetch_all(connection);
                let found = answered(within, asking).await;
                let found: Vec<(Text, Vec<Text>)> = tx.note(found)?;
                Ok(found.into_iter().map(|(value, ids)| (value.0, ids.into_iter().map(|id| id.0).collect())).collect())
            }
        }
    }

    /// Forgets at most `limit` records that were deleted before a time, and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_deleted_before(&mut self, at: Timestamp, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            "DELETE FROM object_record WHERE org_id = $1 AND data IS NULL AND updated_at < $2 AND (object, id) IN
               (SELECT object, id FROM object_record
                WHERE org_id = $1 AND data IS NULL AND updated_at < $2 ORDER BY updated_at LIMIT $3)",
            self.org.0,
            at.timestamp_micros(),
            row_limit(limit),
        )
    }
}

/// The best of the indexed fields that a match must have, and what it may have there.
fn lookup(object: StandardObject, filter: &Filter) -> Option<(String, Vec<String>)> {
    let usable = filter.required().into_iter().filter_map(|(field, values)| {
        let field = field.dotted();
        let values: Option<Vec<String>> = values.iter().map(indexed_as).collect();
        values.filter(|_| object.is_indexed(&field)).map(|values| (field, values))
    });
    usable.min_by_key(|(field, values)| (object.selectivity(field), values.len()))
}

#[cfg(test)]
mod tests;
