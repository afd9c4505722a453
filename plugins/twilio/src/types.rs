//! What actions take and give.

pub mod calls;
pub mod messages;
pub mod numbers;
pub mod provisioning;
