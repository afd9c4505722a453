//! The typed operations.

pub(crate) mod calls;
pub(crate) mod composite;
pub(crate) mod query;
pub(crate) mod records;
