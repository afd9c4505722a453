//! What makes the audit logs trustworthy: everything in them is chained, how far they go is signed now and then, and
//! whether all of that holds can be verified.
//!
//! Who can write to the database can make a chain that holds in itself. He cannot sign: so the hub signs the end of each
//! log, after it has seen that the log leads there from what it signed before, and appends what it signed to a file that
//! may be where nobody deletes. Rejected: a signature per entry, which says nothing about entries that are missing at the
//! end, and to sign in the transactions that append, which would make every change wait for another medium.

mod checkpoints;
mod file;
mod legacy;
mod verify;
mod walk;

pub use checkpoints::AuditConfig;
pub use file::read_checkpoints;
pub use verify::{ChainReport, VerifyAudit};
pub use walk::{Damage, DamageKind};

pub(crate) use checkpoints::start;
