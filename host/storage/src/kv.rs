//! Small values with expiry.
//!
//! Each write is one statement that checks and writes at once, so that two nodes on one database cannot
//! both win a compare-and-swap. The present time is the caller's: an expired value is absent from that very
//! instant, whenever it is swept.

use patchbay_model::{OrgId, PluginId, Timestamp, record::KvEntry};

use crate::{
    StorageError, Tx,
    column::{micros, signed, unsigned},
    text::Text,
};

/// A plugin's small values in one org.
#[derive(Debug)]
pub struct Kv<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
    pub(crate) plugin: &'a PluginId,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvWrite {
    /// It is written and has this version.
    Written(u64),
    /// The version was another than expected, namely this one; 0 if there is no value.
    Conflict(u64),
}

/// The version after a write: what has expired counts as absent, so it begins anew.
macro_rules! next_version {
    ($now:literal) => {
        concat!("CASE WHEN kv.expires_at <= ", $now, " THEN 1 ELSE kv.version + 1 END")
    };
}

impl Kv<'_> {
    /// The value, unless it has expired.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, key: &str, now: Timestamp) -> Result<Option<KvEntry>, StorageError> {
        let row = fetch_optional!(
            self.tx,
            (Vec<u8>, i64),
            "SELECT value, version FROM kv
             WHERE org_id = $1 AND plugin = $2 AND key = $3 AND (expires_at IS NULL OR expires_at > $4)",
            self.org.0,
            self.plugin.as_str(),
            Text(key),
            now.timestamp_micros(),
        )?;
        Ok(row.map(|(value, version)| KvEntry { value, version: unsigned(version) }))
    }

    /// Writes a value, if its present version is the expected one (0: it must not be there).
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn set(
        &mut self,
        key: &str,
        value: &[u8],
        expires_at: Option<Timestamp>,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<KvWrite, StorageError> {
        let at = now.timestamp_micros();
        let (org, plugin, expires_at) = (self.org.0, self.plugin.as_str(), micros(expires_at));
        let version: Option<(i64,)> = match expected {
            None => fetch_optional!(
                self.tx,
                (i64,),
                concat!(
                    "INSERT INTO kv (org_id, plugin, key, value, version, expires_at) VALUES ($1, $2, $3, $4, 1, $5)
                     ON CONFLICT (org_id, plugin, key) DO UPDATE SET value = excluded.value, version = ",
                    next_version!("$6"),
                    ", expires_at = excluded.expires_at RETURNING version"
                ),
                org,
                plugin,
                Text(key),
                value,
                expires_at,
                at,
            ),
            Some(0) => fetch_optional!(
                self.tx,
                (i64,),
                "INSERT INTO kv (org_id, plugin, key, value, version, expires_at) VALUES ($1, $2, $3, $4, 1, $5)
                 ON CONFLICT (org_id, plugin, key) DO UPDATE SET value = excluded.value, version = 1,
                   expires_at = excluded.expires_at WHERE kv.expires_at <= $6
                 RETURNING version",
                org,
                plugin,
                Text(key),
                value,
                expires_at,
                at,
            ),
            Some(expected) => fetch_optional!(
                self.tx,
                (i64,),
                "UPDATE kv SET value = $4, version = version + 1, expires_at = $5
                 WHERE org_id = $1 AND plugin = $2 AND key = $3 AND version = $7
                   AND (expires_at IS NULL OR expires_at > $6)
                 RETURNING version",
                org,
                plugin,
                Text(key),
                value,
                expires_at,
                at,
                signed(expected),
            ),
        }?;
        match version {
            Some((version,)) => Ok(KvWrite::Written(unsigned(version))),
            None => Ok(KvWrite::Conflict(self.get(key, now).await?.map_or(0, |entry| entry.version))),
        }
    }

    /// Deletes a value. False if there was none, or if it had expired.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, key: &str, now: Timestamp) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "DELETE FROM kv WHERE org_id = $1 AND plugin = $2 AND key = $3 AND (expires_at IS NULL OR expires_at > $4)",
            self.org.0,
            self.plugin.as_str(),
            Text(key),
            now.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Adds to a counter, which is 0 when it is not there, and gives the sum. Its value is the decimal text of
    /// the sum. `expires_at` holds only for a counter that begins with this write.
    ///
    /// # Errors
    /// `NotACounter` if the value is no decimal number or the sum passes 64 bits; nothing is written then.
    pub async fn add(
        &mut self,
        key: &str,
        delta: i64,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<i64, StorageError> {
        let value = loop {
            // Reading by way of a write that changes nothing takes the row for this transaction; on PostgreSQL two
            // adders would else both read the old sum.
            let present = fetch_optional!(
                self.tx,
                (Vec<u8>,),
                "UPDATE kv SET version = version
                 WHERE org_id = $1 AND plugin = $2 AND key = $3 AND (expires_at IS NULL OR expires_at > $4)
                 RETURNING value",
                self.org.0,
                self.plugin.as_str(),
                Text(key),
                now.timestamp_micros(),
            )?;
            if let Some((value,)) = present {
                break value;
            }
            match self.set(key, delta.to_string().as_bytes(), expires_at, Some(0), now).await? {
                KvWrite::Written(_) => return Ok(delta),
                // Another adder began the counter since the look.
                KvWrite::Conflict(_) => {}
            }
        };
        let sum = std::str::from_utf8(&value)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .and_then(|present| present.checked_add(delta))
            .ok_or(StorageError::NotACounter)?;
        execute!(
            self.tx,
            "UPDATE kv SET value = $4, version = version + 1 WHERE org_id = $1 AND plugin = $2 AND key = $3",
            self.org.0,
            self.plugin.as_str(),
            Text(key),
            sum.to_string().as_bytes(),
        )?;
        Ok(sum)
    }
}
