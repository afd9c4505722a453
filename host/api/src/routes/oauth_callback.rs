//! `GET /oauth/callback/{plugin}`: where vendors send browsers back to.
//!
//! The answer is a page, because a person reads it. It has no script, loads nothing, and gives nobody its own URL,
//! which holds the code and the state.

use axum::{
    extract::{RawQuery, State},
    response::{Html, IntoResponse, Response},
};
use http::{Extensions, HeaderMap, StatusCode, header};
use patchbay_hub::{AddressClass, Authorized};
use patchbay_model::{Failure, PluginId};

use crate::{
    escape::Text,
    extract::{Path, admit_address},
    problem::Problem,
    state::ApiState,
};

const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

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
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Problem> {
    admit_address(&state, AddressClass::OauthCallback, &headers, &extensions).await?;
    Ok(match state.hub.complete_authorization(&plugin, &query.unwrap_or_default()).await {
        Ok(authorized) => page(StatusCode::OK, "Connected", &connected(&authorized)),
        Err(failure) => {
            tracing::info!(%plugin, error = %failure, "an authorization was not completed");
            let status = StatusCode::from_u16(failure.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            page(status, "Not connected", &told(&failure))
        }
    })
}

fn connected(authorized: &Authorized) -> String {
    let Authorized { plugin, organization, account } = authorized;
    let account = account.as_ref().map(|account| format!(" with the account {account}")).unwrap_or_default();
    format!("{plugin} is now connected to the organization {organization}{account}. You can close this window.")
}

fn told(failure: &Failure) -> String {
    let detail = if failure.detail.is_empty() { failure.code.title() } else { &failure.detail };
    format!("{detail}. Nothing was changed.")
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><main><h1>{title}</h1><p>{}</p></main></html>",
        Text(text)
    );
    (status, headers, Html(html)).into_response()
}
