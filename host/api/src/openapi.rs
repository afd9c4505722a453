//! The API's description, OpenAPI 3.1.
//!
//! What is the same for everyone comes from the handlers' own attributes. The actions of an org's plugins
//! are added per caller, as plain JSON: their schemas are the plugins' own JSON Schema 2020-12, which
//! OpenAPI 3.1 takes as it is, and which utoipa's types could not hold without losing keywords.

mod actions;
mod document;

pub(crate) use actions::with_actions;
pub(crate) use document::{ApiDoc, finish};
