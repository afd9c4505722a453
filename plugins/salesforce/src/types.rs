//! What the actions take and give.

pub mod calls;
pub mod queries;
pub mod records;
