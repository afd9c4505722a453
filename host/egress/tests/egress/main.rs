//! The way out against real sockets on this machine.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails the test")]

mod addresses;
mod credentials;
mod encoding;
mod endpoints;
mod exchange;
mod limits;
mod redaction;
mod retries;
mod support;
mod tls;
