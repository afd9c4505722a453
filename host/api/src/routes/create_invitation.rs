//! `POST /v1/invitations`

use axum::{Json as Reply, extract::State};
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::identity::Role;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageMembers},
    problem::Problem,
    view::InvitationReply,
};

/// Who is invited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationInput {
    /// Their e-mail address.
    #[schema(example = "grace@example.com")]
    email: String,
    /// `owner`, `admin`, `member` or `viewer`.
    #[schema(value_type = String, example = "member")]
    role: Role,
}

/// Invite somebody
///
/// Gives a link that makes whoever opens it a member, once, within 7 days. The hub sends no mail: pass it on yourself, to nobody
/// else. A new invitation for the same address takes the place of the one before.
#[utoipa::path(
    post,
    path = "/v1/invitations",
    tag = "Members",
    security(("api_key" = ["manage_members"])),
    request_body = InvitationInput,
    responses((status = 201, description = "The invitation and its token", body = InvitationReply))
)]
pub(crate) async fn create_invitation(
    caller: Allowed<ManageMembers>,
    State(hub): State<Hub>,
    Json(input): Json<InvitationInput>,
) -> Result<(StatusCode, Reply<InvitationReply>), Problem> {
    Ok((StatusCode::CREATED, Reply(hub.invite(&caller, &input.email, input.role).await?.into())))
}
