//! `POST /v1/connections/{plugin}/authorize`

use std::time::Duration;

use axum::{
    Json as Reply,
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use patchbay_hub::{Authorization, Begun, Grant, Hub};
use patchbay_model::{PluginId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    cookie,
    extract::{Allowed, Json, ManageConnections, Path},
    problem::Problem,
    view::Connection,
};

/// How long a person may take at the vendor.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

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
        /// Where to send their browser, once.
        url: String,
        /// From when on it is too late.
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
/// Gives the URL of the vendor where a person consents. The vendor sends them back to the hub, which gets the tokens
/// and keeps them good. Asked with a session in a cookie, the same browser has to come back; asked with a key, tell the person for
/// which organization they consent. Grants that need no person connect at once.
#[utoipa::path(
    post,
    path = "/v1/connections/{plugin}/authorize",
    tag = "Connections",
    security(("api_key" = ["manage_connections"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "salesforce")),
    request_body = AuthorizationInput,
    responses((status = 200, description = "A URL for a browser, or the connection", body = AuthorizationReply))
)]
pub(crate) async fn authorize_connection(
    caller: Allowed<ManageConnections>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
    Json(input): Json<AuthorizationInput>,
) -> Result<Response, Problem> {
    Ok(reply(hub.authorize_connection(&caller, &plugin, input.grant, caller.browser()).await?))
}

/// The answer, with the cookie that binds it to the browser if one does.
pub(super) fn reply(begun: Begun) -> Response {
    let mut response = Reply(match begun.authorization {
        Authorization::Pending { url, expires_at } => AuthorizationReply::Pending { url: url.into(), expires_at },
        Authorization::Done(view) => AuthorizationReply::Connected { connection: Box::new((*view).into()) },
    })
    .into_response();
    if let Some(nonce) = &begun.nonce {
        response.headers_mut().insert(header::SET_COOKIE, cookie::set(cookie::CONSENT, nonce, PATIENCE));
    }
    response
}
