//! Pages for people: where a browser comes back to, and the forms that need no console.
//!
//! None has a script, loads anything, or may be framed.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use patchbay_model::{Failure, RequestId};
use url::Url;

use crate::{escape::Text, problem};

/// For answers that hold a secret.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

const TEXT_ALONE: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A form's answer may lead to a vendor.
const WITH_FORMS: &str = "default-src 'none'; base-uri 'none'; form-action 'self' https:; frame-ancestors 'none'";

/// A page of one sentence or two.
pub(crate) fn text(status: StatusCode, title: &str, text: &str) -> Response {
    page(status, title, &format!("<p>{}</p>", Text(text)), TEXT_ALONE, "no-referrer")
}

/// A page that says why something did not happen. As a problem document, it is written by [`crate::observe`], which
/// knows the request's id.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    title: &'static str,
    pub(crate) failure: Failure,
}

/// The answer that becomes such a page.
pub(crate) fn failed(title: &'static str, failure: Failure) -> Response {
    let mut response = problem::status_of(&failure).into_response();
    response.extensions_mut().insert(Failed { title, failure });
    response
}

/// Writes the page into the answer that carries it, keeping headers such as cookies.
pub(crate) fn render(mut response: Response, failed: &Failed, request: RequestId) -> Response {
    let Failed { title, failure } = failed;
    let mut told = format!("{}. Nothing was changed.", told(failure));
    if failure.code.status() >= 500 {
        told.push_str(&format!(" Give {request} to whoever runs this hub."));
    }
    let (page, body) = text(problem::status_of(failure), title, &told).into_parts();
    *response.status_mut() = page.status;
    response.headers_mut().extend(page.headers);
    problem::write_wait(failure, response.headers_mut());
    *response.body_mut() = body;
    response
}

/// A page with forms; `html` is markup, in which whatever somebody else wrote is escaped.
pub(crate) fn forms(status: StatusCode, title: &str, html: &str) -> Response {
    // the browser says where a form comes from only if it may say it to this host at least
    page(status, title, html, WITH_FORMS, "same-origin")
}

/// Sends a browser somewhere else, with a cookie to come back with if there is one. The target may hold a state: it is in no
/// text of ours.
pub(crate) fn see_other(url: &Url, cookie: Option<HeaderValue>) -> Result<Response, Failure> {
    let url = HeaderValue::try_from(url.as_str()).map_err(Failure::internal)?;
    let headers = [
        (header::LOCATION, url),
        (header::CACHE_CONTROL, NO_STORE),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// What happened, for a person.
pub(crate) fn told(failure: &Failure) -> String {
    let detail = if failure.detail.is_empty() { failure.code.title() } else { &failure.detail };
    let places = failure.violations.iter().map(|violation| {
        let field = violation.pointer.rsplit('/').next().unwrap_or_default();
        format!(" ({field}: {})", violation.expected)
    });
    let mut told = detail.to_owned();
    told.extend(places);
    told
}

fn page(status: StatusCode, title: &str, html: &str, policy: &'static str, referrer: &'static str) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static(referrer)),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{0}</title><main><h1>{0}</h1>{html}</main></html>",
        Text(title)
    );
    (status, headers, Html(html)).into_response()
}

#[cfg(test)]
mod tests {
    use patchbay_model::Code;

    use super::*;

    #[test]
    fn what_went_wrong_is_told_in_words() {
        assert_eq!(told(&Failure::new(Code::NotFound, "")), "Not found");
        let failure = Failure::violation("/password", "12 to 256 characters");
        assert_eq!(told(&failure), "The input is not valid (password: 12 to 256 characters)");
    }
}
