//! `POST /v1/oidc/authorize`

use std::time::Duration;

use axum::{
    Json as Reply,
    extract::State,
    response::{AppendHeaders, IntoResponse},
};
use http::header;
use patchbay_hub::{Hub, OidcStart};
use patchbay_model::OrgId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    cookie,
    extract::{Client, Json, OwnOrigin, optional_secret},
    problem::Problem,
};

/// How long somebody may take at the provider.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

/// Where to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OidcInput {
    /// In which organization the session shall act; the one that they have been a member of for longest if not said.
    #[schema(value_type = Option<String>)]
    org: Option<OrgId>,
    /// The token of an invitation that is accepted with it.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schema(value_type = Option<String>, example = "pbi_…")]
    invitation: Option<SecretString>,
}

/// Where to send the browser.
#[derive(Serialize, ToSchema)]
pub(crate) struct OidcReply {
    /// The identity provider's page, once.
    url: String,
}

/// Sign in by the identity provider
///
/// Gives the URL of the provider, and a cookie that binds the answer to this browser for ten minutes. The provider sends the browser
/// back to `/v1/oidc/callback`.
#[utoipa::path(
    post,
    path = "/v1/oidc/authorize",
    tag = "Sessions",
    security(()),
    request_body = OidcInput,
    responses((status = 200, description = "A URL for the browser", body = OidcReply))
)]
pub(crate) async fn begin_oidc(
    _: OwnOrigin,
    _: Client,
    State(hub): State<Hub>,
    Json(input): Json<OidcInput>,
) -> Result<impl IntoResponse, Problem> {
    let invitation = input.invitation.as_ref().map(|token| token.expose_secret());
    let OidcStart { url, cookie } = hub.begin_oidc(input.org, invitation).await?;
    let cookie = cookie::set(cookie::OIDC, &cookie, PATIENCE);
    let headers = AppendHeaders([(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, crate::page::NO_STORE)]);
    Ok((headers, Reply(OidcReply { url: url.into() })))
}
