//! `GET /v1/invitations`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::InvitationId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, ManageMembers, Query},
    problem::Problem,
    view::{Invitation, Page},
};

/// Which invitations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InvitationQuery {
    /// Only those after this one: the cursor.
    #[param(value_type = Option<String>)]
    after: Option<InvitationId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List invitations
///
/// Those that nobody has accepted yet, the oldest first. One that has expired is gone within a minute.
#[utoipa::path(
    get,
    path = "/v1/invitations",
    tag = "Members",
    security(("api_key" = ["manage_members"])),
    params(InvitationQuery),
    responses((status = 200, description = "A part of them", body = Page<Invitation>))
)]
pub(crate) async fn list_invitations(
    caller: Allowed<ManageMembers>,
    State(hub): State<Hub>,
    Query(query): Query<InvitationQuery>,
) -> Result<Json<Page<Invitation>>, Problem> {
    Ok(Json(hub.invitations(&caller, query.after, query.limit).await?.into()))
}
