//! A plugin as one file, and every check that comes before it is compiled.
//!
//! A package is a WebAssembly component with its manifest in a custom section and, last of all, the
//! publisher's signature over everything before it. One file was chosen over an archive (or a manifest
//! beside the component) because one file has one digest: what was signed, what is stored and what is
//! compiled cannot come apart. [`open()`] is the only way from bytes to a [`Package`].
//!
//! The table of contents: [`section`] reads and appends custom sections, [`signature`] signs and
//! verifies, [`api`] says which contract the host serves, [`manifest`] is the document and
//! [`validate()`] its rules, [`load_manifest_dir`] reads it from an author's folder, [`pack()`] and
//! [`component`] build the file, [`schema`] compiles JSON Schemas, [`objects`] those of standard objects, [`capabilities`] says in words what
//! a plugin may do, [`endpoint`] reads the URLs that the host itself calls for it, [`secret_path`] those that are secrets.

pub mod api;
pub mod capabilities;
pub mod component;
pub mod cron;
pub mod endpoint;
pub mod error;
pub mod load;
pub mod manifest;
pub mod objects;
pub mod open;
pub mod pack;
pub mod pattern;
pub mod schema;
pub mod secret_path;
pub mod section;
pub mod signature;
pub mod validate;

pub use api::{HOST_API, serves};
pub use error::{ManifestError, PackageError};
pub use load::load_manifest_dir;
pub use manifest::Manifest;
pub use open::{OpenLimits, Package, Trust, digest, manifest_of, open};
pub use pack::{pack, sign};
pub use schema::{SchemaError, SchemaValidator};
pub use signature::{PublicKey, SecretKey};
pub use validate::validate;
