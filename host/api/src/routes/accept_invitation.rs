//! `POST /v1/invitations/accept`

use axum::{
    Json as Reply,
    extract::State,
    response::{IntoResponse, Response},
};
use patchbay_hub::{Acceptance, Hub};
use patchbay_model::Failure;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    extract::{Client, Json, Member, OwnOrigin, optional_secret, secret},
    problem::Problem,
    signed_in,
    view::{Membership, SessionReply},
};

/// The acceptance of an invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptanceInput {
    /// The invitation's token.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, example = "pbi_…")]
    token: SecretString,
    /// Without a session: the password of the account with the invited address, or one for a new account (12 to 256
    /// characters).
    #[serde(default, deserialize_with = "optional_secret")]
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
    /// For a new account: what people call you.
    name: Option<String>,
    /// Without a session: true puts the new session's token into the answer, not into a cookie.
    #[serde(default)]
    as_token: bool,
}

/// What came of it for somebody who is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct AcceptedReply {
    /// Where they are a member now. Their session goes on where it is.
    membership: Membership,
}

/// Accept an invitation
///
/// With a session, the account that is signed in becomes a member, if the invitation is for its address. Without one, a password
/// signs in or makes an account, and a session begins.
#[utoipa::path(
    post,
    path = "/v1/invitations/accept",
    tag = "Members",
    security((), ("session" = [])),
    request_body = AcceptanceInput,
    responses(
        (status = 200, description = "A session in the organization", body = SessionReply),
        (status = 201, description = "With a session: where they are a member now", body = AcceptedReply),
    )
)]
pub(crate) async fn accept_invitation(
    _: OwnOrigin,
    member: Option<Member>,
    State(hub): State<Hub>,
    Client(client): Client,
    Json(input): Json<AcceptanceInput>,
) -> Result<Response, Problem> {
    let AcceptanceInput { token, password, name, as_token } = input;
    if let Some(member) = member {
        let membership = hub.accept_invitation_as(&member, token.expose_secret()).await?.into();
        return Ok((http::StatusCode::CREATED, Reply(AcceptedReply { membership })).into_response());
    }
    let password = password.ok_or_else(|| Failure::violation("/password", "a password, or sign in first"))?;
    let new = hub.accept_invitation(token.expose_secret(), Acceptance { password, name }, &client).await?;
    Ok(signed_in::reply(new, as_token))
}
