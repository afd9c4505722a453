//! `GET /oauth/callback/{plugin}`: where vendors send browsers back to.
//!
//! The answer is a page, because a person reads it.

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use patchbay_hub::{Authorized, Hub};
use patchbay_model::PluginId;

use crate::{consent_cookie, extract::Path, page::Page};

/// Come back from a vendor
///
/// The redirect URL of every authorization by OAuth: one for each plugin, to be registered at its vendor. The answer
/// is a page for the person at the browser.
#[utoipa::path(
    get,
    path = "/oauth/callback/{plugin}",
    tag = "Connections",
    params(("plugin" = String, Path, description = "The plugin's id", example = "salesforce")),
    responses((status = 200, description = "The connection is authorized", body = String, content_type = "text/html"))
)]
pub(crate) async fn oauth_callback(
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let nonce = consent_cookie::get(&headers);
    match hub.complete_authorization(&plugin, &query.unwrap_or_default(), nonce).await {
        Ok(authorized) => {
            let text = vec![connected(&authorized)];
            Page { status: StatusCode::OK, title: "Connected", text, button: None }.into_response()
        }
        Err(failure) => {
            tracing::info!(%plugin, error = %failure, "an authorization was not completed");
            Page::failed(&failure)
        }
    }
}

fn connected(authorized: &Authorized) -> String {
    let Authorized { plugin, organization, account } = authorized;
    let account = account.as_ref().map(|account| format!(" with the account {account}")).unwrap_or_default();
    format!("{plugin} is now connected to the organization {organization}{account}. You can close this window.")
}
