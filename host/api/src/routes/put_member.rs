//! `PUT /v1/members/{user}`

use axum::{Json as Reply, extract::State};
use patchbay_hub::Hub;
use patchbay_model::{UserId, identity::Role};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageMembers, Path},
    problem::Problem,
    view::Member,
};

/// A member as they should be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberInput {
    /// `owner`, `admin`, `member` or `viewer`.
    #[schema(value_type = String, example = "admin")]
    role: Role,
}

/// Give a member another role
///
/// Nobody gives or takes a role that may do more than they may themselves. An organization keeps its last owner. Holds on all hubs
/// within a second.
#[utoipa::path(
    put,
    path = "/v1/members/{user}",
    tag = "Members",
    security(("api_key" = ["manage_members"])),
    params(("user" = String, Path, description = "The user's id")),
    request_body = MemberInput,
    responses((status = 200, description = "The member as they are now", body = Member))
)]
pub(crate) async fn put_member(
    caller: Allowed<ManageMembers>,
    State(hub): State<Hub>,
    Path(user): Path<UserId>,
    Json(input): Json<MemberInput>,
) -> Result<Reply<Member>, Problem> {
    Ok(Reply(hub.set_role(&caller, user, input.role).await?.into()))
}
