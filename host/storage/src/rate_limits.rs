//! Rate limits of orgs in place of the configuration's.

use patchbay_model::{OrgId, Timestamp, rate::OrgRates};

use crate::{StorageError, Tx, text::Json};

/// An org's rate limits.
#[derive(Debug)]
pub struct RateLimits<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

impl RateLimits<'_> {
    /// What was set for the org; nothing if nothing was.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self) -> Result<Option<OrgRates>, StorageError> {
        let sql = "SELECT limits FROM rate_limits WHERE org_id = $1";
        let row: Option<(Json<OrgRates>,)> = fetch_optional!(self.tx, (Json<OrgRates>,), sql, self.org.0)?;
        Ok(row.map(|(rates,)| rates.0))
    }

    /// Sets all of them.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put(&mut self, rates: &OrgRates, at: Timestamp) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO rate_limits (org_id, limits, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (org_id) DO UPDATE SET limits = excluded.limits, updated_at = excluded.updated_at",
            self.org.0,
            Json(rates),
            at.timestamp_micros(),
        )?;
        Ok(())
    }
}
