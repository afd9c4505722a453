//! Several orgs in one transaction, for what is done for many in bulk: handing on events, sending them.
//!
//! Rows go in as one parameter of JSON, which either database takes apart: the text of a statement is the same for any
//! number of rows. On PostgreSQL the transaction speaks for these orgs and for no others (`Scope::Journal`).

use patchbay_model::OrgId;
use uuid::Uuid;

use crate::Tx;

/// What is done for several orgs at once.
#[derive(Debug)]
pub struct OrgsTx<'a> {
    pub(crate) tx: &'a mut Tx,
    /// In their order, each once.
    pub(crate) orgs: Vec<OrgId>,
}

/// An id in a parameter of JSON.
pub(crate) fn hex(id: Uuid) -> String {
    id.simple().to_string()
}
