//! The answer to somebody who has just signed in.
//!
//! A browser gets a cookie that no script can read; a program asks for the token and gets no cookie.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use patchbay_hub::NewSession;
use secrecy::ExposeSecret as _;

use crate::{cookie, view::SessionReply};

/// The session as JSON, with its token in the body or in a cookie.
pub(crate) fn reply(new: NewSession, as_token: bool) -> Response {
    let cookie = (!as_token).then(|| session_cookie(&new));
    let token = as_token.then(|| new.token.expose_secret().to_owned());
    let mut response = Json(SessionReply { session: new.signed_in.into(), token }).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The cookie of a session, which ends with it.
pub(crate) fn session_cookie(new: &NewSession) -> HeaderValue {
    let session = &new.signed_in.session;
    let lifetime = (session.expires_at - session.created_at).to_std().unwrap_or_default();
    cookie::set(cookie::SESSION, &new.token, lifetime)
}
