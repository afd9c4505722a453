//! Parameters in the path.

use axum::extract::FromRequestParts;
use http::request::Parts;
use patchbay_model::{Code, Failure};
use serde::de::DeserializeOwned;

use crate::{problem::Problem, state::ApiState};

/// The path's parameters, percent-decoded.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Failure::new(Code::InvalidRequest, rejection.body_text()).into()),
        }
    }
}
