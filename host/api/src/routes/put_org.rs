//! `PUT /v1/org`

use axum::{Json as Reply, extract::State};
use patchbay_hub::Hub;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageOrg},
    problem::Problem,
    view::Org,
};

/// The organization as it should be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrgInput {
    /// What people call it; 1 to 200 characters.
    #[schema(example = "Acme")]
    name: String,
}

/// Rename the organization
#[utoipa::path(
    put,
    path = "/v1/org",
    tag = "Organization",
    security(("api_key" = ["manage_org"])),
    request_body = OrgInput,
    responses((status = 200, description = "The organization as it is now", body = Org))
)]
pub(crate) async fn put_org(
    caller: Allowed<ManageOrg>,
    State(hub): State<Hub>,
    Json(input): Json<OrgInput>,
) -> Result<Reply<Org>, Problem> {
    Ok(Reply(hub.rename_org(&caller, &input.name).await?.into()))
}
