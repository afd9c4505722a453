//! People: who may do what, signing in, members, keys, end users who connect an account, and several hubs.

mod connect;
mod cookies;
mod keys;
mod matrix;
mod members;
mod nodes;
mod oidc;
mod oidc_tokens;
pub mod scene;

pub use connect::*;
pub use cookies::*;
pub use keys::*;
pub use matrix::*;
pub use members::*;
pub use oidc::*;
