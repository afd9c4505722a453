//! The HTTP face over a real hub on a database of its own, without plugins.

mod bad_input;
mod description;
mod server;
mod support;
