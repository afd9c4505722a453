//! The hub's HTTP face.
//!
//! Handlers are thin: they take typed input ([`extract`]), ask the hub, and give a type of their own back
//! ([`view`]). Everything that all requests share is one layer ([`observe`]), and everything about
//! connections is the accept loop ([`serve()`]). Failures are problem documents ([`problem`]).

mod body;
mod client_address;
mod config;
mod cookie;
mod escape;
mod extract;
mod foreign;
mod linger;
mod notes;
mod observe;
mod openapi;
mod origin;
mod page;
mod problem;
mod routes;
mod serve;
mod signed_in;
mod state;
mod view;

use std::sync::Arc;

use axum::Router;
use patchbay_hub::Hub;

pub use client_address::ForwardedBy;
pub use config::{ApiConfig, ServeConfig};
pub use serve::{serve, serve_within};

use crate::{observe::Observe, state::ApiState};

/// Every route over `hub`, with the layer that all of them share.
pub fn router(hub: Hub, config: ApiConfig) -> Router {
    let (router, document) = routes::all().split_for_parts();
    let document = openapi::finish(&document);
    let observe = Observe { clock: Arc::clone(&config.clock), random: Arc::clone(&config.random) };
    let shared = Arc::new(state::Shared { config, document });
    router
        .fallback(routes::not_found)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .with_state(ApiState { hub, shared })
        .layer(observe)
}
