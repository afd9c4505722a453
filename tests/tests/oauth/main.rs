//! The host's OAuth client against a strict vendor, on real sockets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests: what is not as expected must stop them")]

mod authorization;
mod canary;
mod client_auth;
mod database;
mod failures;
mod nodes;
mod rotation;
mod scene;
mod simulator;
mod single_flight;
mod without_a_person;
