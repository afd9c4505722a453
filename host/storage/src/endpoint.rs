//! An org's endpoints. Their secrets are sealed: the bytes mean nothing without the vault.

use patchbay_model::{
    EndpointId, OrgId,
    endpoint::{Disabled, Endpoint, EndpointSettings},
};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{before, limit as row_limit, micros, optional_time, signed, time, unsigned, word},
    text::Json,
};

/// An org's endpoints.
#[derive(Debug)]
pub struct Endpoints<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    settings: Json<EndpointSettings>,
    disabled_reason: Option<String>,
    disabled_at: Option<i64>,
    from_sequence: i64,
    version: i64,
    sealed: Vec<u8>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Endpoint {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let disabled = match (row.disabled_reason, optional_time(row.disabled_at)?) {
            (Some(reason), Some(at)) => Some(Disabled { reason: word(&reason)?, at }),
            _ => None,
        };
        Ok(Self {
            id: EndpointId(row.id),
            org: OrgId(row.org_id),
            settings: row.settings.0,
            disabled,
            from_sequence: row.from_sequence,
            version: unsigned(row.version),
            sealed: row.sealed,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT org_id, id, settings, disabled_reason, disabled_at, from_sequence, version, sealed, created_at,
               updated_at
             FROM endpoint ",
            $rest
        )
    };
}

impl Endpoints<'_> {
    /// One endpoint.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: EndpointId) -> Result<Option<Endpoint>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND id = $2"), self.org.0, id.0)?
            .map(Endpoint::try_from)
            .transpose()
    }

    /// Endpoints, the newest first, older than one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, before_id: Option<EndpointId>, limit: u32) -> Result<Vec<Endpoint>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"),
            self.org.0,
            before(before_id.map(|id| id.0)),
            row_limit(limit),
        )?
        .into_iter()
        .map(Endpoint::try_from)
        .collect()
    }

    /// Those that are switched on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn enabled(&mut self) -> Result<Vec<Endpoint>, StorageError> {
        fetch_all!(self.tx, Row, select!("WHERE org_id = $1 AND disabled_at IS NULL ORDER BY id"), self.org.0)?
            .into_iter()
            .map(Endpoint::try_from)
            .collect()
    }

    /// How many there are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count(&mut self) -> Result<u64, StorageError> {
        let sql = "SELECT CAST(count(*) AS BIGINT) FROM endpoint WHERE org_id = $1";
        Ok(fetch_optional!(self.tx, (i64,), sql, self.org.0)?.map_or(0, |(count,)| unsigned(count)))
    }

    /// Adds one, or changes the one with its id.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put(&mut self, endpoint: &Endpoint) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO endpoint (org_id, id, settings, disabled_reason, disabled_at, from_sequence, version, sealed,
               created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (org_id, id) DO UPDATE SET settings = excluded.settings,
               disabled_reason = excluded.disabled_reason, disabled_at = excluded.disabled_at,
               from_sequence = excluded.from_sequence, version = excluded.version, sealed = excluded.sealed,
               updated_at = excluded.updated_at",
            self.org.0,
            endpoint.id.0,
            Json(&endpoint.settings),
            endpoint.disabled.map(|disabled| disabled.reason.as_str()),
            micros(endpoint.disabled.map(|disabled| disabled.at)),
            endpoint.from_sequence,
            signed(endpoint.version),
            &endpoint.sealed,
            endpoint.created_at.timestamp_micros(),
            endpoint.updated_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// Deletes one. False if it is not there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, id: EndpointId) -> Result<bool, StorageError> {
        Ok(execute!(self.tx, "DELETE FROM endpoint WHERE org_id = $1 AND id = $2", self.org.0, id.0)? > 0)
    }
}
