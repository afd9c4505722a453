//! What every handler can reach.

use std::sync::Arc;

use axum::extract::FromRef;
use patchbay_hub::Hub;
use serde_json::Value;

use crate::ApiConfig;

/// Shared by all requests; cloning it is two reference counts.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub(crate) hub: Hub,
    pub(crate) shared: Arc<Shared>,
}

/// What does not change while the hub runs.
pub(crate) struct Shared {
    pub(crate) config: ApiConfig,
    /// The part of the API's description that is the same for everyone.
    pub(crate) document: Value,
}

impl FromRef<ApiState> for Hub {
    fn from_ref(state: &ApiState) -> Self {
        state.hub.clone()
    }
}
