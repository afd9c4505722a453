//! `POST /v1/session/switch`

use axum::{extract::State, response::Response};
use patchbay_hub::Hub;
use patchbay_model::OrgId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Client, Json, Member},
    problem::Problem,
    signed_in,
    view::SessionReply,
};

/// Where to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwitchInput {
    /// The organization.
    #[schema(value_type = String)]
    org: OrgId,
}

/// Act in another organization
///
/// A session acts in one organization. This one ends, and another one begins in its place; its token comes the way that this
/// one's was shown: in a cookie, or in the answer.
#[utoipa::path(
    post,
    path = "/v1/session/switch",
    tag = "Sessions",
    security(("session" = [])),
    request_body = SwitchInput,
    responses((status = 200, description = "The new session", body = SessionReply))
)]
pub(crate) async fn switch_org(
    member: Member,
    State(hub): State<Hub>,
    Client(client): Client,
    Json(input): Json<SwitchInput>,
) -> Result<Response, Problem> {
    let new = hub.switch_org(&member, input.org, &client).await?;
    Ok(signed_in::reply(new, !member.by_cookie))
}
