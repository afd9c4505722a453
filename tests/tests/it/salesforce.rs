//! Salesforce, from the consent to the synced records, and back.

mod connection;
mod property;
pub mod scene;
mod syncs;

pub use connection::*;
pub use property::*;
pub use syncs::*;
