//! The HTTP face over a real hub on a database of its own, without plugins.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: what is not as expected must stop them"
)]

mod bad_input;
mod description;
mod server;
mod support;
