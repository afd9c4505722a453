//! `GET /oauth/callback/{plugin}`: where vendors send browsers back to.
//!
//! The answer is a page, because a person reads it.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::{Extensions, HeaderMap, StatusCode};
use patchbay_hub::{AddressClass, Authorized};
use patchbay_model::PluginId;

use crate::{
    cookie,
    extract::{Path, admit_address},
    page,
    problem::Problem,
    state::ApiState,
};

/// Come back from a vendor
///
/// The redirect URL of every authorization by OAuth: one for each plugin, to be registered at its vendor. The answer
/// is a page for the person at the browser.
#[utoipa::path(
    get,
    path = "/oauth/callback/{plugin}",
    tag = "Connections",
    params(("plugin" = String, Path, description = "The plugin's id", example = "salesforce")),
    responses(
        (status = 200, description = "The connection is authorized", body = String, content_type = "text/html"),
        (status = "4XX", description = "It is not", body = String, content_type = "text/html"),
        (status = "5XX", description = "It is not", body = String, content_type = "text/html"),
    )
)]
pub(crate) async fn oauth_callback(
    State(state): State<ApiState>,
    Path(plugin): Path<PluginId>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    extensions: Extensions,
) -> Result<Response, Problem> {
    admit_address(&state, AddressClass::OauthCallback, &headers, &extensions).await?;
    let nonce = cookie::get(&headers, cookie::CONSENT);
    let completed = state.hub.complete_authorization(&plugin, &query.unwrap_or_default(), nonce).await;
    Ok(match completed {
        Ok(authorized) => page::text(StatusCode::OK, "Connected", &connected(&authorized)),
        Err(failure) => {
            tracing::info!(%plugin, error = %failure, "an authorization was not completed");
            page::failed("Not connected", failure)
        }
    })
}

fn connected(authorized: &Authorized) -> String {
    let Authorized { plugin, organization, account } = authorized;
    let account = account.as_ref().map(|account| format!(" with the account {account}")).unwrap_or_default();
    format!("{plugin} is now connected to the organization {organization}{account}. You can close this window.")
}
