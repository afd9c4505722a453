//! What the actions take and give: the members of Telnyx' API under their own names, but for what the hub sees to itself.

pub mod application;
pub mod calls;
pub mod media;
pub mod numbers;
