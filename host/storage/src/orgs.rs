//! Several orgs in one transaction, for what is done for many in bulk: handing on events, sending them.
//!
//! Rows go in as one parameter of JSON, which either database takes apart: the text of a statement is the same for any
//! number of rows. On PostgreSQL the transaction speaks for these orgs and for no others (`Scope::Bulk`).
//!
//! There a statement that joins these rows to a table takes them apart in a subquery with `OFFSET 0`: row-level security lets no
//! index be used by what may fail, as a text that becomes an id, and would read all rows of the orgs. That each row is an array
//! (`json_typeof`) is asked for the planner, which takes a hundred rows for granted, and a table of ten pages to be read faster.

use patchbay_model::OrgId;
use uuid::Uuid;

use crate::{
    Change, StorageError, Tx,
    changes::{CHANNEL, Message},
    text::Json,
};

/// What is done for several orgs at once.
#[derive(Debug)]
pub struct OrgsTx<'a> {
    pub(crate) tx: &'a mut Tx,
    /// In their order, each once.
    pub(crate) orgs: Vec<OrgId>,
}

impl OrgsTx<'_> {
    /// As [`crate::HubTx::notify`], for several changes in one trip, and within what the transaction speaks for already.
    ///
    /// # Errors
    /// The database fails.
    pub async fn notify(&mut self, changes: Vec<Change>) -> Result<(), StorageError> {
        if changes.is_empty() {
            return Ok(());
        }
        let by = match &mut *self.tx {
            Tx::Sqlite(tx) => {
                changes.into_iter().for_each(|change| tx.notify(change));
                return Ok(());
            }
            Tx::Postgres(tx) => tx.teller(),
        };
        let messages: Vec<Message> = changes.into_iter().map(|change| Message { by, change }).collect();
        execute!(
            self.tx,
            "SELECT pg_notify($1, value::text) FROM json_array_elements($2) AS one (value)",
            CHANNEL,
            Json(messages),
        )?;
        Ok(())
    }
}

/// An id in a parameter of JSON.
pub(crate) fn hex(id: Uuid) -> String {
    id.simple().to_string()
}
