//! `PUT /v1/session/password`

use axum::{extract::State, response::Response};
use patchbay_hub::Hub;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Client, Json, Member, secret},
    problem::Problem,
    signed_in,
    view::SessionReply,
};

/// The old one and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordInput {
    /// The present password.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String)]
    current: SecretString,
    /// The new one: 12 to 256 characters.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, min_length = 12, max_length = 256)]
    new: SecretString,
}

/// Change one's password
///
/// Ends all of one's sessions in all organizations, on all hubs within a second. A new one begins in the place of this one.
#[utoipa::path(
    put,
    path = "/v1/session/password",
    tag = "Sessions",
    security(("session" = [])),
    request_body = PasswordInput,
    responses((status = 200, description = "The new session", body = SessionReply))
)]
pub(crate) async fn change_password(
    member: Member,
    State(hub): State<Hub>,
    Client(client): Client,
    Json(input): Json<PasswordInput>,
) -> Result<Response, Problem> {
    let new = hub.change_password(&member, input.current, input.new, &client).await?;
    Ok(signed_in::reply(new, !member.by_cookie))
}
