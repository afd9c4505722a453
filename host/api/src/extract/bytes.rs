//! Bodies that are handed on as they came.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;

use super::media;
use crate::{body, problem::Problem, state::ApiState};

/// The JSON input of an action, unparsed: the hub parses it once, against the action's schema.
pub(crate) struct JsonText(pub(crate) Bytes);

impl FromRequest<ApiState> for JsonText {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        media::json(request.headers())?;
        let config = &state.shared.config;
        Ok(Self(body::read(request.into_body(), config.max_action_bytes, config).await?))
    }
}

/// A plugin's package.
pub(crate) struct PackageBytes(pub(crate) Bytes);

impl FromRequest<ApiState> for PackageBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        media::package(request.headers())?;
        let config = &state.shared.config;
        Ok(Self(body::read(request.into_body(), config.max_package_bytes, config).await?))
    }
}
