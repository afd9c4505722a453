//! `POST /v1/actions/{plugin}/{action}`

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use patchbay_hub::{Hub, IdempotencyKey, InvokeOptions, Output};
use patchbay_model::{PluginId, RunId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, CallActions, JsonText, Path, notes},
    foreign,
    observe::RUN_HEADER,
    problem::Problem,
    view::{Blob, Job},
};

/// What an action gave.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActionReply {
    /// The run that answered.
    #[schema(value_type = String, example = "run_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    run: RunId,
    /// The output, by the action's schema.
    #[schema(value_type = serde_json::Value)]
    output: Box<RawValue>,
}

/// What an action gave that stored a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileReply {
    /// The run that answered.
    #[schema(value_type = String)]
    run: RunId,
    /// The file.
    blob: Blob,
}

/// Call an action
///
/// The input is checked against the action's schema before the plugin runs. With a key, this description
/// lists every action that is switched on, with its schemas. An action that gives bytes is answered with
/// them and their media type instead of JSON.
#[utoipa::path(
    post,
    path = "/v1/actions/{plugin}/{action}",
    tag = "Actions",
    security(("api_key" = ["call_actions"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "openai"),
        ("action" = String, Path, description = "The action's name", example = "create-chat-completion"),
        ("prefer" = Option<String>, Header, description = "`respond-async` (RFC 7240): the call is made later, by a job. The answer is 202 with the job and its address in `Location`", example = "respond-async"),
        ("idempotency-key" = Option<String>, Header, description = "The call is made once: a repeat with this key and this body within 24 hours gets the first answer, with `idempotent-replayed: true`. 1 to 255 printable ASCII characters"),
    ),
    request_body(content = serde_json::Value, description = "The input"),
    responses(
        (status = 200, description = "The output", body = ActionReply),
        (status = 202, description = "The job that makes the call, for a caller who prefers not to wait", body = Job),
    )
)]
pub(crate) async fn invoke_action(
    caller: Allowed<CallActions>,
    State(hub): State<Hub>,
    Path((plugin, action)): Path<(PluginId, String)>,
    headers: HeaderMap,
    extensions: Extensions,
    JsonText(input): JsonText,
) -> Result<Response, Problem> {
    let options = InvokeOptions { idempotency_key: IdempotencyKey::from_headers(&headers)?, notes: notes(&extensions) };
    if prefers_not_to_wait(&headers) {
        let job = hub.invoke_later(&caller, &plugin, &action, input, options).await?;
        let location = format!("/v1/jobs/{}", job.id);
        let headers = [(header::LOCATION.as_str(), location.as_str()), ("preference-applied", "respond-async")];
        return Ok((StatusCode::ACCEPTED, headers, Json(Job::from(job))).into_response());
    }
    let reply = hub.invoke(&caller, &plugin, &action, input, options).await?;
    let run = reply.run;
    let mut response = match reply.output {
        Output::Json(output) => Json(ActionReply { run, output }).into_response(),
        Output::Blob(blob) => Json(FileReply { run, blob: blob.into() }).into_response(),
        Output::Bytes(media_type, bytes) => {
            let media_type =
                HeaderValue::try_from(media_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
            let mut response = ([(header::CONTENT_TYPE, media_type)], bytes).into_response();
            foreign::guard(response.headers_mut());
            response
        }
    };
    if let Ok(run) = HeaderValue::try_from(run.to_string()) {
        response.headers_mut().insert(RUN_HEADER, run);
    }
    Ok(response)
}

/// Whether the header `Prefer` says so, among whatever else it says (RFC 7240: names in any case, more than one header).
fn prefers_not_to_wait(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    preferences
        .flat_map(|value| value.split(','))
        .map(|preference| preference.split([';', '=']).next().unwrap_or_default().trim())
        .any(|name| name.eq_ignore_ascii_case("respond-async"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_found_among_others() {
        let prefers = |values: &[&str]| {
            let headers = values.iter().map(|value| (http::HeaderName::from_static("prefer"), value.parse().unwrap()));
            prefers_not_to_wait(&headers.collect())
        };
        assert!(prefers(&["respond-async"]));
        assert!(prefers(&["return=minimal", "Respond-Async; wait=10"]));
        assert!(prefers(&["return=minimal, respond-async"]));
        assert!(!prefers(&[]) && !prefers(&["return=minimal"]) && !prefers(&["respond-async-never"]));
    }
}
