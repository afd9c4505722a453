//! Salesforce, from the consent to the synced records, and back.

mod connection;
mod property;
mod records;
pub mod scene;
mod syncs;

pub use connection::*;
pub use property::*;
pub use records::*;
pub use syncs::*;
