//! `POST /v1/connections/{plugin}/authorize`

use axum::{Json as Reply, extract::State};
use patchbay_hub::{Authorization, Grant, Hub};
use patchbay_model::{PluginId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    extract::{Admin, Allowed, Json, Path},
    problem::Problem,
    view::Connection,
};

/// How to come to an authorization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizationInput {
    /// `authorization-code`, `client-credentials` or `jwt-bearer`; the first that the plugin lists if not said.
    #[schema(value_type = Option<String>, example = "authorization-code")]
    grant: Option<Grant>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum AuthorizationReply {
    /// A person must consent at the vendor.
    Pending {
        /// A link to this hub for their browser, good once. Its page says for whom it is.
        url: String,
        /// From when on the link is no good.
        #[schema(value_type = String, format = DateTime)]
        expires_at: Timestamp,
    },
    /// It is connected: nobody has to consent.
    Connected {
        /// The connection as it is now.
        connection: Box<Connection>,
    },
}

/// Authorize a connection by OAuth
///
/// Gives a link for the person whose account it shall be. Its page says which organization asks, and leads them to the
/// vendor, which sends them back to the hub in the same browser; the hub gets the tokens and keeps them good. Grants that
/// need no person connect at once.
#[utoipa::path(
    post,
    path = "/v1/connections/{plugin}/authorize",
    tag = "Connections",
    security(("api_key" = ["admin"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "salesforce")),
    request_body = AuthorizationInput,
    responses((status = 200, description = "A link for a person, or the connection", body = AuthorizationReply))
)]
pub(crate) async fn authorize_connection(
    caller: Allowed<Admin>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
    Json(input): Json<AuthorizationInput>,
) -> Result<Reply<AuthorizationReply>, Problem> {
    Ok(Reply(match hub.authorize_connection(&caller, &plugin, input.grant).await? {
        Authorization::Pending { url, expires_at } => AuthorizationReply::Pending { url: url.into(), expires_at },
        Authorization::Done(view) => AuthorizationReply::Connected { connection: Box::new((*view).into()) },
    }))
}
