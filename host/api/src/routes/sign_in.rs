//! `POST /v1/session`

use axum::{extract::State, response::Response};
use patchbay_hub::{Hub, SignIn};
use patchbay_model::OrgId;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Client, Json, OwnOrigin, secret},
    problem::Problem,
    signed_in,
    view::SessionReply,
};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInInput {
    /// The e-mail address.
    #[schema(example = "ada@example.com")]
    email: String,
    /// The password.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String)]
    password: SecretString,
    /// In which org the session shall act; the one that they have been a member of for longest if not said.
    #[schema(value_type = Option<String>)]
    org: Option<OrgId>,
    /// True: the token is in the answer, for `Authorization: Bearer`. False, or not said: it is in a cookie.
    #[serde(default)]
    as_token: bool,
}

/// Sign in with a password
///
/// Begins a session in one organization. It ends when it is not used for 12 hours, and after 30 days. What a wrong sign-in is
/// told does not depend on whether there is such a user; after a few of them one has to wait.
#[utoipa::path(
    post,
    path = "/v1/session",
    tag = "Sessions",
    security(()),
    request_body = SignInInput,
    responses((status = 200, description = "The session", body = SessionReply))
)]
pub(crate) async fn sign_in(
    _: OwnOrigin,
    State(hub): State<Hub>,
    Client(client): Client,
    Json(input): Json<SignInInput>,
) -> Result<Response, Problem> {
    let SignInInput { email, password, org, as_token } = input;
    Ok(signed_in::reply(hub.sign_in(SignIn { email, password, org }, &client).await?, as_token))
}
