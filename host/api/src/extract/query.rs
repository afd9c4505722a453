//! Parameters in the query.

use axum::extract::{FromRequestParts, Query as Parsed};
use http::request::Parts;
use patchbay_model::{Code, Failure};
use serde::de::DeserializeOwned;

use crate::{problem::Problem, state::ApiState};

/// The query as a type, which should refuse parameters that it does not know.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        match Parsed::<T>::try_from_uri(&parts.uri) {
            Ok(Parsed(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let what = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                Err(Failure::new(Code::InvalidRequest, format!("in the query: {what}")).into())
            }
        }
    }
}
