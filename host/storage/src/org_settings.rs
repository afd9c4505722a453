//! An org's own row.

use patchbay_model::OrgId;

use crate::{StorageError, Tx, text::Text};

/// What an org says of itself.
#[derive(Debug)]
pub struct OrgSettings<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

impl OrgSettings<'_> {
    /// Gives the org another name. False if there is no such org.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rename(&mut self, name: &str) -> Result<bool, StorageError> {
        let rows = execute!(self.tx, "UPDATE org SET name = $2 WHERE id = $1", self.org.0, Text(name))?;
        Ok(rows > 0)
    }
}
