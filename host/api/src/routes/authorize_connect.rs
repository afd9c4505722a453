//! `POST /v1/connect/{plugin}/authorize`

use axum::{extract::State, response::Response};
use http::HeaderMap;
use patchbay_hub::{Browser, Hub};
use patchbay_model::PluginId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::authorize_connection::{AuthorizationReply, asking, reply};
use crate::{
    extract::{Allowed, ConnectAccount, Json, Path},
    problem::Problem,
};

/// How the end user comes to the vendor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentInput {
    /// True, or not said: the browser that asks this is the one that will come back, and gets a cookie for that. False: you ask
    /// in its place, and get a link to this hub, whose page says for which organization it is and binds the browser that opens it.
    #[serde(default = "yes")]
    bound: bool,
}

const fn yes() -> bool {
    true
}

/// Connect an account at the vendor
///
/// For the token of a connect session: gives the URL of the vendor where the end user consents. The vendor sends them back to the
/// hub, which connects the account.
#[utoipa::path(
    post,
    path = "/v1/connect/{plugin}/authorize",
    tag = "Connect sessions",
    security(("connect_session" = ["connect_account"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "salesforce")),
    request_body = ConsentInput,
    responses((status = 200, description = "A URL for the browser", body = AuthorizationReply))
)]
pub(crate) async fn authorize_connect(
    caller: Allowed<ConnectAccount>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
    headers: HeaderMap,
    Json(input): Json<ConsentInput>,
) -> Result<Response, Problem> {
    let browser = if input.bound { asking(&headers) } else { Browser::Opening };
    Ok(reply(hub.connect_by_consent(&caller, &plugin, browser).await?))
}
