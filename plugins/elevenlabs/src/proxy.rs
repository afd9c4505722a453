//! ElevenLabs' own API, for its SDKs: they send the hub's key where they would send ElevenLabs'.

use patchbay_sdk::proxy::{Request, Responder, retain_request_headers, retain_response_headers};
use patchbay_sdk::{Error, Headers, http};

use crate::api::KEY;
use crate::config::Config;
use crate::speech::{self, Asked, Form};

/// The largest request for speech, in bytes; as in the manifest.
const MAX_SPEECH: u32 = 1 << 20;

/// What lies below `/v1/` and gives out keys, secrets and tokens of the account.
const REFUSED: [&str; 3] = ["service-accounts", "single-use-token", "workspace"];

/// In ElevenLabs' own shape.
const REFUSAL: &str = r#"{"detail":{"type":"authorization_error","code":"missing_permissions","status":"missing_permissions","message":"Keys, secrets and tokens of the account are not given out here."}}"#;

/// Forwards one request and its answer.
pub(crate) fn handle(mut request: Request, responder: &Responder) -> Result<(), Error> {
    let area = request.path.split('/').nth(2).unwrap_or_default();
    // An encoded letter would get a name past the list.
    if area.contains('%') || REFUSED.contains(&area) {
        let headers: Headers = [("content-type", "application/json")].into_iter().collect();
        responder.start(403, headers)?;
        return responder.write(REFUSAL.as_bytes());
    }
    let config = Config::load()?;
    let is_fresh = is_fresh(&request.headers);
    retain_request_headers(&mut request.headers);
    let mut url = format!("{}{}", config.origin(), request.path);
    if !request.query.is_empty() {
        url.push('?');
        url.push_str(&request.query);
    }
    let forwarded = http::Request::new(request.method.as_str(), url).headers(request.headers).credential(KEY);
    let Some((voice, form)) = speech(&request.method, &request.path) else {
        let is_empty = request.method == "GET" || request.body.size() == Some(0);
        let forwarded = if is_empty { forwarded } else { forwarded.body(http::Body::Stream(request.body)) };
        let mut response = forwarded.send()?;
        if response.is_success() {
            speech::meter_reported(&response.headers)?;
        }
        retain_response_headers(&mut response.headers);
        responder.start(response.status, response.headers)?;
        responder.forward(response.body, None)?;
        return Ok(());
    };
    let body = request.body.read_to_end(MAX_SPEECH)?;
    let asked = Asked::of(form, config.origin(), voice, &request.query, &body);
    let asked = if is_fresh { asked.afresh() } else { asked };
    let mut spoken = speech::speak(&asked, config.terms(), forwarded.body(http::Body::Bytes(body)))?;
    retain_response_headers(&mut spoken.headers);
    responder.start(spoken.status, spoken.headers)?;
    responder.forward(spoken.body, None)?;
    Ok(())
}

/// The voice, and what is answered; none for any other request.
fn speech<'a>(method: &str, path: &'a str) -> Option<(&'a str, Form)> {
    let rest = path.strip_prefix("/v1/text-to-speech/").filter(|_| method == "POST")?;
    let (voice, form) = rest.split_once('/').unwrap_or((rest, ""));
    match form {
        "" | "stream" => Some((voice, Form::Audio)),
        "with-timestamps" => Some((voice, Form::Timestamps)),
        "stream/with-timestamps" => Some((voice, Form::TimestampStream)),
        _ => None,
    }
}

/// True if the client wants what ElevenLabs would say now (RFC 9111, section 5.2.1).
fn is_fresh(headers: &Headers) -> bool {
    let directives = headers.get_all("cache-control").flat_map(|value| value.split(','));
    directives.map(str::trim).any(|wish| ["no-cache", "no-store"].iter().any(|own| wish.eq_ignore_ascii_case(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_is_told_from_all_else() {
        assert_eq!(speech("POST", "/v1/text-to-speech/v"), Some(("v", Form::Audio)));
        assert_eq!(speech("POST", "/v1/text-to-speech/v/stream"), Some(("v", Form::Audio)));
        let stream = speech("POST", "/v1/text-to-speech/v/stream/with-timestamps");
        assert_eq!(stream, Some(("v", Form::TimestampStream)));
        for (method, path) in
            [("GET", "/v1/text-to-speech/v"), ("POST", "/v1/text-to-speech/v/else"), ("POST", "/v1/sound-generation")]
        {
            assert_eq!(speech(method, path), None, "{method} {path}");
        }
    }
}
