//! The authorization endpoint: checks what a browser brings, and sends it back as the person decided.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use url::Url;

use super::{Client, Consent, Shared, form::Form};

/// The shortest state that nobody guesses, in characters.
const SHORTEST_STATE: usize = 32;
const PARAMETERS: [&str; 7] =
    ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"];

pub(crate) async fn authorize(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let page = |text: &str| {
        shared.violation(format!("authorization request: {text}"));
        (StatusCode::BAD_REQUEST, text.to_owned()).into_response()
    };
    let form = match Form::parse(query.unwrap_or_default().as_bytes()) {
        Ok(form) => form,
        Err(text) => return page(&text),
    };
    // Until client and redirect are known to belong together, the browser is sent nowhere (RFC 6749, 4.1.2.1).
    let Some(client) = shared.client(form.text("client_id")) else { return page("no such client") };
    let redirect = form.text("redirect_uri");
    if !client.redirects.iter().any(|known| known == redirect) {
        return page("the redirect is not one of the client's");
    }
    let Ok(mut back) = Url::parse(redirect) else { return page("the redirect is no URL") };
    let answer = decide(&shared, &client, &form);
    match &answer {
        Ok(code) => {
            back.query_pairs_mut().append_pair("code", code);
        }
        Err((error, text)) => {
            if *error != "access_denied" {
                shared.violation(format!("authorization request: {text}"));
            }
            back.query_pairs_mut().append_pair("error", error).append_pair("error_description", text);
        }
    }
    back.query_pairs_mut().append_pair("state", form.text("state"));
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

fn decide(shared: &Shared, client: &Client, form: &Form) -> Result<String, (&'static str, String)> {
    let invalid = |text: String| Err(("invalid_request", text));
    if form.text("response_type") != "code" {
        return Err(("unsupported_response_type", "the response type is not `code`".to_owned()));
    }
    if form.text("state").len() < SHORTEST_STATE {
        return invalid("the state can be guessed".to_owned());
    }
    let unknown = form.beyond(&PARAMETERS, &client.authorize_parameters);
    if !unknown.is_empty() {
        return invalid(format!("parameters that nobody expects: {}", unknown.join(", ")));
    }
    let missing = form.lacks(&client.authorize_parameters);
    if !missing.is_empty() {
        return invalid(format!("parameters that are missing or wrong: {}", missing.join(", ")));
    }
    let challenge = match (form.get("code_challenge"), form.get("code_challenge_method")) {
        (Some(challenge), Some("S256")) if is_challenge(challenge) => Some(challenge.to_owned()),
        (None, None) if !client.pkce => None,
        (None, None) => return invalid("the client must use PKCE".to_owned()),
        _ => return invalid("the challenge is not one of S256".to_owned()),
    };
    let asked: Vec<&str> = form.text("scope").split([' ', ',']).filter(|scope| !scope.is_empty()).collect();
    if let Some(scope) = asked.iter().find(|scope| !client.scopes.iter().any(|known| known == *scope)) {
        return Err(("invalid_scope", format!("the client may not ask for {scope}")));
    }
    let granted = match shared.behaviour().consent {
        Consent::Denies => return Err(("access_denied", "the person said no".to_owned())),
        Consent::Gives => asked,
        Consent::Without(left_out) => {
            asked.into_iter().filter(|scope| !left_out.iter().any(|left| left == scope)).collect()
        }
    };
    let scopes = granted.into_iter().map(str::to_owned).collect();
    let mut ledger = shared.ledger.lock().unwrap();
    let grant = ledger.grant(&client.id, shared.behaviour().account, scopes);
    Ok(ledger.code(grant, form.text("redirect_uri"), challenge, shared.clock.now()))
}

/// 32 bytes in base64url (RFC 7636, 4.2).
fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
