//! `GET /metrics`

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use patchbay_model::{Code, Failure};

use crate::{problem::Problem, state::ApiState};

/// The hub's metrics in Prometheus' text format. No label names an org.
pub(crate) async fn metrics(State(state): State<ApiState>) -> Result<Response, Problem> {
    let Some(handle) = &state.shared.config.metrics else {
        return Err(Failure::new(Code::NotFound, "this hub records no metrics").into());
    };
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()).into_response())
}
