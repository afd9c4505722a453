//! `DELETE /v1/invitations/{invitation}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::InvitationId;

use crate::{
    extract::{Allowed, ManageMembers, Path},
    problem::Problem,
};

/// Take an invitation back
#[utoipa::path(
    delete,
    path = "/v1/invitations/{invitation}",
    tag = "Members",
    security(("api_key" = ["manage_members"])),
    params(("invitation" = String, Path, description = "The invitation's id")),
    responses((status = 204, description = "It counts no more"))
)]
pub(crate) async fn delete_invitation(
    caller: Allowed<ManageMembers>,
    State(hub): State<Hub>,
    Path(invitation): Path<InvitationId>,
) -> Result<StatusCode, Problem> {
    hub.revoke_invitation(&caller, invitation).await?;
    Ok(StatusCode::NO_CONTENT)
}
