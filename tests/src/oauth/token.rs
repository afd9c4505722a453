//! The token endpoint: what all grants have in common, and how answers look.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Behaviour, Fault, Shared, Style, client::authenticate, form::Form, grants, server::ELSEWHERE};

/// Why a request is not served.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, text: &str) -> Self {
        Self { status, code, text: text.to_owned() }
    }
}

/// Reads a form that was posted as RFC 6749 wants it.
pub(crate) fn posted(shared: &Shared, headers: &HeaderMap, body: &Bytes) -> Result<Form, Refusal> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    if text(header::CONTENT_TYPE) != "application/x-www-form-urlencoded" {
        return Err(Refusal::new(400, "invalid_request", "the body is not a form"));
    }
    if text(header::ACCEPT) != "application/json" {
        shared.violation("a request that does not accept JSON");
    }
    Form::parse(body).map_err(|text| Refusal::new(400, "invalid_request", &text))
}

pub(crate) async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let form = posted(&shared, &headers, &body);
    let grant = form.as_ref().map(|form| form.text("grant_type").to_owned()).unwrap_or_default();
    shared.asked.send_modify(|asked| asked.push(grant));
    let _ = shared.held.subscribe().wait_for(|held| !held).await;
    let behaviour = shared.behaviour();
    tokio::time::sleep(behaviour.delay).await;
    let response = match form {
        Err(refusal) => {
            shared.violation(format!("request for tokens: {}", refusal.text));
            failed(&behaviour, &refusal, "")
        }
        Ok(form) => answer(&shared, &behaviour, &headers, &form),
    };
    shared.answered.send_modify(|answered| *answered += 1);
    response
}

fn answer(shared: &Shared, behaviour: &Behaviour, headers: &HeaderMap, form: &Form) -> Response {
    match &behaviour.fault {
        Some(Fault::Status(status)) => {
            let status = StatusCode::from_u16(*status).unwrap();
            let mut response = (status, "<html>not now</html>").into_response();
            if let Some(seconds) = behaviour.retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            if status.is_redirection() {
                let location = HeaderValue::try_from(format!("{}{ELSEWHERE}", shared.issuer)).unwrap();
                response.headers_mut().insert(header::LOCATION, location);
            }
            return response;
        }
        Some(Fault::Error(status, code)) => {
            return failed(behaviour, &Refusal::new(*status, code, "as the test wants it"), &form.values());
        }
        Some(Fault::Endless) => {
            let block = Bytes::from_static(&[b' '; 16 << 10]);
            return Body::from_stream(futures::stream::repeat_with(move || Ok::<_, Infallible>(block.clone())))
                .into_response();
        }
        _ => {}
    }
    let served = authenticate(shared, headers, form).and_then(|client| grants::serve(shared, behaviour, &client, form));
    let served = match served {
        Ok(served) => served,
        Err(refusal) => {
            // A grant that has ended is the person's doing; all else is the client's own mistake.
            if refusal.code != "invalid_grant" {
                shared.violation(format!("request for tokens: {}", refusal.text));
            }
            return failed(behaviour, &refusal, &form.values());
        }
    };
    let tokens = match behaviour.style {
        Style::Standard => served,
        Style::Slack => slack(served),
    };
    let mut text = tokens.to_string();
    match &behaviour.fault {
        Some(Fault::CutJson) => text.truncate(text.len() - 1),
        Some(Fault::OtherShape) => text = json!({"data": tokens}).to_string(),
        Some(Fault::LostAnswer) => {
            let cut = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut"))]);
            return Body::from_stream(cut).into_response();
        }
        _ => {}
    }
    ([(header::CONTENT_TYPE, "application/json;charset=UTF-8"), (header::CACHE_CONTROL, "no-store")], text)
        .into_response()
}

fn slack(mut tokens: Value) -> Value {
    tokens["id"] = json!("U1");
    tokens["token_type"] = json!("user");
    tokens["scope"] = json!(tokens["scope"].as_str().unwrap_or_default().replace(' ', ","));
    json!({"ok": true, "app_id": "A1", "team": {"id": "T1", "name": "Acme"}, "authed_user": tokens})
}

fn failed(behaviour: &Behaviour, refusal: &Refusal, sent: &str) -> Response {
    let text = if behaviour.echo { format!("{sent} {}", refusal.text) } else { refusal.text.clone() };
    if behaviour.style == Style::Slack {
        return axum::Json(json!({"ok": false, "error": refusal.code})).into_response();
    }
    let body = axum::Json(json!({"error": refusal.code, "error_description": text}));
    let mut response = (StatusCode::from_u16(refusal.status).unwrap(), body).into_response();
    if refusal.status == 401 {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"vendor\""));
    }
    response
}

/// An instant so many seconds from now.
pub(crate) fn after(shared: &Shared, seconds: u64) -> patchbay_model::Timestamp {
    shared.clock.now() + Duration::from_secs(seconds)
}
