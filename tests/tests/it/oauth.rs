//! Connections by OAuth through the whole hub: a strict vendor, a browser, a plugin that calls the vendor's API.

mod callback;
mod clients;
mod hubs;
pub mod scene;
mod tokens;
