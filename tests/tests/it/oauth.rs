//! Connections by OAuth through the whole hub: a strict vendor, a browser, a plugin that calls the vendor's API.

mod approval;
mod callback;
mod clients;
mod hubs;
mod links;
mod refusals;
pub mod scene;
mod tokens;
mod upkeep;
