//! Outbound HTTP. Only what the manifest's egress list names is reached; redirects are not followed.
//!
//! ```no_run
//! # use patchbay_sdk::{Error, http};
//! # #[derive(serde::Deserialize)] struct Model { id: String }
//! # fn example() -> Result<(), Error> {
//! let model: Model = http::Request::get("https://api.example.com/v1/models/small")
//!     .credential("secret_key")
//!     .fetch()?
//!     .json()?;
//! # Ok(()) }
//! ```

mod request;
mod response;
mod retry_after;

pub use request::{Body, Request};
pub use response::{Response, WholeResponse};
pub use retry_after::retry_after_ms;
