//! The whole hub from outside: real sockets, real components, simulated vendors.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: what is not as expected must stop them"
)]

mod bad_input;
mod broken_packages;
mod canary;
mod compile_bombs;
mod docs;
mod hot_swap;
mod isolation;
mod languages;
mod oauth;
mod openai;
mod openai_failures;
mod openai_streams;
mod private_names;
mod scene;
mod sdk;
mod simulator;
mod smuggling;
mod stripe;
mod zoo;
