//! Requests that set a cookie.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::{origin, problem::Problem, state::ApiState};

/// Sent by a program or a page of the hub's own, and by nobody else's page.
pub(crate) struct OwnOrigin;

impl FromRequestParts<ApiState> for OwnOrigin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        origin::refuse_other(&parts.headers, state.hub.public_url())?;
        Ok(Self)
    }
}
