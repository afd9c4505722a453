//! `GET /v1/members/{user}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::UserId;

use crate::{
    extract::{Allowed, Path, ReadMembers},
    problem::Problem,
    view::Member,
};

/// Read a member
#[utoipa::path(
    get,
    path = "/v1/members/{user}",
    tag = "Members",
    security(("api_key" = ["read_members"])),
    params(("user" = String, Path, description = "The user's id")),
    responses((status = 200, description = "The member", body = Member))
)]
pub(crate) async fn get_member(
    caller: Allowed<ReadMembers>,
    State(hub): State<Hub>,
    Path(user): Path<UserId>,
) -> Result<Json<Member>, Problem> {
    Ok(Json(hub.member(&caller, user).await?.into()))
}
