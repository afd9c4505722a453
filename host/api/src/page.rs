//! Pages for a person at a browser. They have no script, load nothing, are in nobody's frame, and give nobody their own URL,
//! which may hold a ticket, a code or a state.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use patchbay_model::Failure;

use crate::escape::Text;

const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// For a page whose button leads to a vendor: browsers hold the whole way there to it, and vendors send people on to hosts
/// that nobody can list.
const FORM_POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'self' https:; frame-ancestors 'none'";

/// A page.
pub(crate) struct Page<'a> {
    pub(crate) status: StatusCode,
    pub(crate) title: &'a str,
    /// Each is a paragraph.
    pub(crate) text: Vec<String>,
    /// The label of a button that sends a form to the page's own address, and the value of `proof` in it.
    pub(crate) button: Option<(&'a str, &'a str)>,
}

impl Page<'_> {
    /// What is told of a failure.
    pub(crate) fn failed(failure: &Failure) -> Response {
        let status = StatusCode::from_u16(failure.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let detail = if failure.detail.is_empty() { failure.code.title() } else { &failure.detail };
        let text = vec![format!("{detail}. Nothing was changed.")];
        Page { status, title: "Not connected", text, button: None }.into_response()
    }
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let Self { status, title, text, button } = self;
        let policy = if button.is_some() { FORM_POLICY } else { POLICY };
        let title = Text(title);
        let mut html = format!(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
             <title>{title}</title><main><h1>{title}</h1>"
        );
        for text in &text {
            html.push_str(&format!("<p>{}</p>", Text(text)));
        }
        if let Some((label, proof)) = button {
            let (label, proof) = (Text(label), Text(proof));
            html.push_str(&format!(
                "<form method=post><input type=hidden name=proof value=\"{proof}\"><button>{label}</button></form>"
            ));
        }
        html.push_str("</main></html>");
        let mut response = (status, Html(html)).into_response();
        harden(&mut response, policy);
        response
    }
}

/// The headers of a page, for an answer of whatever kind.
pub(crate) fn harden(response: &mut Response, policy: &'static str) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

/// A way on, for a browser that has just sent a form. The target is in no text of ours.
pub(crate) fn see_other(location: &url::Url) -> Result<Response, Failure> {
    let location = HeaderValue::try_from(location.as_str()).map_err(Failure::internal)?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    harden(&mut response, POLICY);
    Ok(response)
}
