//! `POST /v1/connect-sessions`

use axum::{Json as Reply, extract::State};
use http::StatusCode;
use patchbay_hub::{Hub, NewConnectSession};
use patchbay_model::PluginId;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageConnectSessions},
    problem::Problem,
    view::ConnectSessionReply,
};

/// Who shall connect what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectSessionInput {
    /// The end user connects one of these plugins; 1 to 50.
    #[schema(value_type = Vec<String>, example = json!(["salesforce"]))]
    plugins: Vec<PluginId>,
    /// Who the end user is to you: your own reference, for the audit log; 1 to 200 characters.
    #[schema(example = "customer-4711")]
    end_user: String,
    /// What the connection's account shall be called, if the vendor does not say; 1 to 200 characters.
    account: Option<String>,
    /// How long it lasts: at most 3600 (an hour); 900 if not said.
    #[schema(minimum = 1, maximum = 3600)]
    expires_in_seconds: Option<u64>,
}

/// Let an end user connect an account
///
/// Gives a token with which an end user's browser connects one account for your organization, and can do nothing else. Send them to
/// `url`, or call `/v1/connect` with the token from a page of yours.
#[utoipa::path(
    post,
    path = "/v1/connect-sessions",
    tag = "Connect sessions",
    security(("api_key" = ["manage_connect_sessions"])),
    request_body = ConnectSessionInput,
    responses((status = 201, description = "The session and its token", body = ConnectSessionReply))
)]
pub(crate) async fn create_connect_session(
    caller: Allowed<ManageConnectSessions>,
    State(hub): State<Hub>,
    Json(input): Json<ConnectSessionInput>,
) -> Result<(StatusCode, Reply<ConnectSessionReply>), Problem> {
    let ConnectSessionInput { plugins, end_user, account, expires_in_seconds: expires_in_s } = input;
    let new = NewConnectSession { plugins, end_user, account, expires_in_s };
    let (session, token) = hub.create_connect_session(&caller, new).await?;
    let token = token.expose_secret().to_owned();
    let url = format!("{}/connect/{token}", hub.public_url().trim_end_matches('/'));
    Ok((StatusCode::CREATED, Reply(ConnectSessionReply { session: session.into(), token, url })))
}
