//! Syncs: a standard object of the hub, kept alike with what a vendor calls something else.

mod ask;
pub(crate) mod fields;
mod log;
pub(crate) mod outbox;
pub(crate) mod preview;
pub(crate) mod push;
pub(crate) mod settings;
mod trigger;
pub(crate) mod views;
