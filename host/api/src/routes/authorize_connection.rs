//! `POST /v1/connections/{plugin}/authorize`

use axum::{
    Json as Reply,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header};
use patchbay_hub::{Authorization, Begun, Browser, Grant, Hub};
use patchbay_model::{PluginId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    cookie,
    extract::{Allowed, Json, ManageConnections, Path},
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
        /// For their browser. A link to this hub, good once, whose page says for whom it is; the vendor's own page if a browser asked,
        /// by a session in a cookie or by a connect session: no other may open it then.
        url: String,
        /// From when on it is no good.
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
/// vendor, which sends them back to the hub in the same browser; the hub gets the tokens and keeps them good. Asked with a
/// session in a cookie, it is this browser that goes to the vendor, at once. Grants that need no person connect at once.
#[utoipa::path(
    post,
    path = "/v1/connections/{plugin}/authorize",
    tag = "Connections",
    security(("api_key" = ["manage_connections"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "salesforce")),
    request_body = AuthorizationInput,
    responses((status = 200, description = "A link for a person, or the connection", body = AuthorizationReply))
)]
pub(crate) async fn authorize_connection(
    caller: Allowed<ManageConnections>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
    headers: HeaderMap,
    Json(input): Json<AuthorizationInput>,
) -> Result<Response, Problem> {
    let browser = if caller.is_browser() { asking(&headers) } else { Browser::Opening };
    Ok(reply(hub.authorize_connection(&caller, &plugin, input.grant, browser).await?))
}

/// The browser that sends this.
pub(super) fn asking(headers: &HeaderMap) -> Browser<'_> {
    Browser::Asking { nonce: cookie::get(headers, cookie::CONSENT) }
}

/// The answer, with the cookie that binds it to the browser if one does.
pub(super) fn reply(begun: Begun) -> Response {
    let mut response = Reply(match begun.authorization {
        Authorization::Pending { url, expires_at } => AuthorizationReply::Pending { url: url.into(), expires_at },
        Authorization::Done(view) => AuthorizationReply::Connected { connection: Box::new((*view).into()) },
    })
    .into_response();
    if let Some(nonce) = &begun.nonce {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, cookie::set(cookie::CONSENT, nonce, cookie::CONSENT_LIFETIME));
    }
    response
}
