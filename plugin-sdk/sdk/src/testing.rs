//! A hub to test a connector against, natively: no wasm, no network, no clock of its own.
//!
//! A [`MockHost`] stands behind every function of this crate on the thread that made it. The requests
//! that the connector will send are scripted with the vendor's replies, in order; one that differs fails
//! the test and shows where. So are its calls of other plugins ([`MockHost::expect_call`]). What the connector records, publishes,
//! meters, logs and keeps is in memory to be looked at. A call that fails loses its events, its documents, its jobs and its hints of
//! changes and keeps its usage, as in the hub.
//!
//! Recording real vendors' traffic to files was rejected for the kit itself: a scripted exchange sits in
//! the test that it explains, and no secret can slip into a file.
//!
//! ```
//! # use patchbay_sdk::{Actions, Call, Connector, Error, NoConfig, http};
//! # struct Example;
//! # #[derive(serde::Deserialize, schemars::JsonSchema)] struct Input { id: u32 }
//! # impl Connector for Example {
//! #     type Config = NoConfig;
//! #     fn actions() -> Actions { Actions::new().add("get-thing", |call: Call<Input>| -> Result<serde_json::Value, Error> {
//! #         http::Request::get(format!("https://api.example.com/things/{}", call.input.id)).credential("key").fetch()?.json()
//! #     }) }
//! # }
//! use patchbay_sdk::testing::{Exchange, MockHost, Reply};
//! use serde_json::json;
//!
//! let host = MockHost::new();
//! host.expect(
//!     Exchange::get("https://api.example.com/things/7").credential("key"),
//!     Reply::json(200, &json!({"name": "seven"})),
//! );
//! let output = host.invoke::<Example>("get-thing", json!({"id": 7})).unwrap();
//! assert_eq!(output, json!({"name": "seven"}));
//! ```
#![expect(clippy::panic, reason = "a test kit fails tests by panicking")]

mod answers;
mod calls;
mod client;
mod crypto;
mod entitlements;
mod exchange;
pub(crate) mod host;
mod manifest;
mod mock;
mod observe;
mod package;
mod peers;
mod state;
mod store;
mod syncs;

pub use calls::{ActionCall, ActionOutput};
pub use client::{ProxyCall, ProxyReply};
pub use exchange::{Exchange, Reply, Sent};
pub use host::source;
pub use mock::MockHost;
pub use package::{manifest_matches_code, schemas_match_types};
pub use peers::Asked;
pub use state::{Enqueued, Grows, LogLine, Published, Used};
pub use syncs::Pulled;
