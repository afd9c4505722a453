//! `DELETE /v1/members/{user}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::UserId;

use crate::{
    extract::{Allowed, ManageMembers, Path},
    problem::Problem,
};

/// Remove a member
///
/// Ends the membership and the member's sessions in the organization, on all hubs within a second. API keys that they made stay:
/// they are the organization's.
#[utoipa::path(
    delete,
    path = "/v1/members/{user}",
    tag = "Members",
    security(("api_key" = ["manage_members"])),
    params(("user" = String, Path, description = "The user's id")),
    responses((status = 204, description = "They are no member any more"))
)]
pub(crate) async fn delete_member(
    caller: Allowed<ManageMembers>,
    State(hub): State<Hub>,
    Path(user): Path<UserId>,
) -> Result<StatusCode, Problem> {
    hub.remove_member(&caller, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
