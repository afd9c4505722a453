//! The programs at the other end of routes that need no key.

use axum::extract::FromRequestParts;
use http::{header, request::Parts};
use patchbay_hub::AddressClass;

use super::allowed::{address_of, admit_address};
use crate::{problem::Problem, state::ApiState};

/// The program at the other end, on routes that make sessions. Its address is counted.
pub(crate) struct Client(pub(crate) patchbay_hub::Client);

impl FromRequestParts<ApiState> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        admit_address(state, AddressClass::SignIn, &parts.headers, &parts.extensions).await?;
        let address = address_of(state, &parts.headers, &parts.extensions);
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(patchbay_hub::Client { address, user_agent: user_agent.map(str::to_owned) }))
    }
}

/// Somebody who opens a page, or sends what is on it. Their address is counted: what follows in the page's path is a secret that
/// one could try to guess.
pub(crate) struct Visitor;

impl FromRequestParts<ApiState> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        admit_address(state, AddressClass::Pages, &parts.headers, &parts.extensions).await?;
        Ok(Self)
    }
}
