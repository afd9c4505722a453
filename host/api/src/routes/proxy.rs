//! `ANY /v1/proxy/{plugin}/{path…}`

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::HeaderValue;
use http_body::Body as _;
use patchbay_hub::ProxyRequest;
use patchbay_model::{Code, Failure, PluginId};

use crate::{body, cookie, extract::notes, foreign, observe::RUN_HEADER, problem::Problem, state::ApiState};

/// The vendor's own API
///
/// Takes what the vendor's own SDK sends, and answers as the vendor does, streamed both ways. Set the
/// SDK's base URL to this path and its key to the hub's; the hub's key is taken away, and the vendor's is
/// put in its place. The manifest lists the routes. `{path}` may hold slashes, and every method is taken
/// that the plugin's route names.
#[utoipa::path(
    post,
    path = "/v1/proxy/{plugin}/{path}",
    tag = "Proxy",
    security(("api_key" = ["call_actions"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "openai"),
        ("path" = String, Path, description = "The vendor's path", example = "v1/chat/completions"),
        ("idempotency-key" = Option<String>, Header, description = "As for actions, for whatever changes something: not for GET, HEAD and OPTIONS"),
    ),
    responses((status = "default", description = "The vendor's answer, or a problem of the hub"))
)]
pub(crate) async fn proxy(State(state): State<ApiState>, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    cookie::strip(&mut parts.headers);
    let (plugin, path) = split(parts.uri.path())?;
    let size = body.size_hint().exact();
    let request = ProxyRequest {
        method: parts.method,
        path: path.to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body: body::stream(body, state.shared.config.body_idle_timeout),
        size,
        notes: notes(&parts.extensions),
    };
    let reply = state.hub.proxy(&plugin, request).await?;
    let mut response = Response::new(Body::from_stream(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    foreign::guard(response.headers_mut());
    if let Ok(run) = HeaderValue::try_from(reply.run.to_string()) {
        response.headers_mut().insert(RUN_HEADER, run);
    }
    Ok(response)
}

/// The plugin, and the path as it came: decoding it would let `%2F` and `%2E` mean something else to the
/// vendor than to the check of the route.
fn split(path: &str) -> Result<(PluginId, &str), Failure> {
    let rest = path.strip_prefix("/v1/proxy/").unwrap_or_default();
    let (plugin, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    match plugin.parse() {
        Ok(plugin) => Ok((plugin, path)),
        Err(error) => Err(Failure::new(Code::InvalidRequest, format!("{error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_goes_on_as_it_came() {
        let (plugin, path) = split("/v1/proxy/openai/v1/files/a%2Fb/%2e%2e//x").unwrap();
        assert_eq!((plugin.as_str(), path), ("openai", "/v1/files/a%2Fb/%2e%2e//x"));
    }

    #[test]
    fn a_name_that_no_plugin_can_have_is_refused() {
        assert_eq!(split("/v1/proxy/%6fpenai/v1").unwrap_err().code, Code::InvalidRequest);
    }
}
