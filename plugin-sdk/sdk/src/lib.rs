//! What a connector is written with: implement [`Connector`], then [`export_connector!`].
//!
//! The same code runs in two worlds. Built for `wasm32-unknown-unknown` it calls the hub through the
//! bindings of the WIT package `patchbay:connector`; built natively it calls
//! [`testing::MockHost`], so that `cargo test` in a connector needs no hub, no wasm and no network.
//! The types are therefore this crate's own and not the bindings': they read like Rust, and they exist
//! on both sides. Generating them natively as well was rejected, because generated imports can only be
//! called inside a component.
//!
//! There is no attribute macro: handlers are plain functions that [`Actions`] lists, so a wrong
//! signature is an ordinary type error at the line that lists it.
//!
//! ```
//! use patchbay_sdk::{Actions, Call, Connector, Error, NoConfig, export_connector};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Greet {
//!     name: String,
//! }
//!
//! #[derive(serde::Serialize, schemars::JsonSchema)]
//! struct Greeting {
//!     text: String,
//! }
//!
//! struct Hello;
//!
//! impl Hello {
//!     fn greet(call: Call<Greet>) -> Result<Greeting, Error> {
//!         Ok(Greeting { text: format!("hello, {}", call.input.name) })
//!     }
//! }
//!
//! impl Connector for Hello {
//!     type Config = NoConfig;
//!
//!     fn actions() -> Actions {
//!         Actions::new().add("greet", Self::greet)
//!     }
//! }
//!
//! export_connector!(Hello);
//! # fn main() {}
//! ```
#![deny(missing_docs)]

mod action;
pub mod blobs;
pub mod cache;
pub mod clock;
mod connector;
mod dispatch;
pub mod entitlements;
mod error;
pub mod events;
mod export;
mod headers;
pub mod http;
pub mod installation;
pub mod jobs;
pub mod kv;
mod live_translation;
pub mod log;
pub mod objects;
pub mod peers;
pub mod proxy;
pub mod random;
pub mod records;
mod schema;
pub mod signature;
mod source;
pub mod sync;
pub mod task;
pub mod usage;
mod verbatim;
pub mod webhook;

#[doc(hidden)]
#[cfg(target_arch = "wasm32")]
pub mod guest;
#[cfg(target_arch = "wasm32")]
use guest as host;

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
#[cfg(not(target_arch = "wasm32"))]
use testing::host;

pub use action::{Actions, Call, File};
pub use connector::{Connector, NoConfig};
pub use error::{Error, UpstreamFailure, Violation};
pub use headers::Headers;
pub use live_translation::LiveTranslation;
pub use schema::Schemas;
pub use source::Source;
pub use task::Tasks;
pub use verbatim::Verbatim;
