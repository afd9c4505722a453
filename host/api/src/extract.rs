//! What handlers take in. Each extractor answers a bad request with a problem of our own, so that no
//! route can fall back to a framework's plain text.
//!
//! The order in a handler's arguments is the order of the checks: first [`Allowed`], so that nobody
//! learns anything and no body is read without a key or beyond a rate limit, then path and query, then the body.

mod allowed;
mod bytes;
mod json;
mod media;
mod path;
mod query;

pub(crate) use allowed::{Admin, Allowed, Invoke, MaybeCaller, Operator, Read, admit_address, notes};
pub(crate) use bytes::{JsonText, PackageBytes};
pub(crate) use json::Json;
pub(crate) use path::Path;
pub(crate) use query::Query;
