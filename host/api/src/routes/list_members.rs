//! `GET /v1/members`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::UserId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Query, ReadMembers},
    problem::Problem,
    view::{Member, Page},
};

/// Which members.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MemberQuery {
    /// Only those after this user: the cursor.
    #[param(value_type = Option<String>)]
    after: Option<UserId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List members
#[utoipa::path(
    get,
    path = "/v1/members",
    tag = "Members",
    security(("api_key" = ["read_members"])),
    params(MemberQuery),
    responses((status = 200, description = "A part of them", body = Page<Member>))
)]
pub(crate) async fn list_members(
    caller: Allowed<ReadMembers>,
    State(hub): State<Hub>,
    Query(query): Query<MemberQuery>,
) -> Result<Json<Page<Member>>, Problem> {
    Ok(Json(hub.members(&caller, query.after, query.limit).await?.into()))
}
