//! Forms of the hub's own pages.

use axum::extract::{FromRequest, Request};
use patchbay_model::{Code, Failure};
use secrecy::SecretString;
use url::form_urlencoded;

use super::media;
use crate::{body, problem::Problem, state::ApiState};

/// A form's fields. Any may be a secret.
pub(crate) struct Form(Vec<(String, SecretString)>);

impl Form {
    /// The value of a field that was filled in.
    pub(crate) fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// All that was filled in.
    pub(crate) fn into_fields(self) -> impl Iterator<Item = (String, SecretString)> {
        self.0.into_iter()
    }
}

impl FromRequest<ApiState> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        media::form(request.headers())?;
        let config = &state.shared.config;
        let bytes = body::read(request.into_body(), config.max_json_bytes, config).await?;
        if std::str::from_utf8(&bytes).is_err() {
            return Err(Failure::new(Code::InvalidRequest, "the form is not UTF-8").into());
        }
        let fields = form_urlencoded::parse(&bytes).filter(|(_, value)| !value.is_empty());
        Ok(Self(fields.map(|(name, value)| (name.into_owned(), SecretString::from(value.into_owned()))).collect()))
    }
}
