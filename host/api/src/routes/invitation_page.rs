//! `GET` and `POST /invitations/{token}`: an invitation's link, for a person without a console.

use std::fmt::Write as _;

use axum::{extract::State, response::Response};
use http::{StatusCode, header};
use patchbay_hub::{Acceptance, Hub, OidcStart};
use patchbay_model::Failure;
use secrecy::ExposeSecret as _;

use super::begin_oidc::PATIENCE;
use crate::{
    cookie,
    escape::Text,
    extract::{Client, Form, OwnOrigin, Path, Visitor},
    page,
    problem::Problem,
    signed_in,
};

const NOT_JOINED: &str = "Not joined";

/// Says what the invitation is, with a form to accept it.
pub(crate) async fn show(_: Visitor, State(hub): State<Hub>, Path(token): Path<String>) -> Response {
    match hub.invited(&token).await {
        Err(failure) => page::failed(NOT_JOINED, failure),
        Ok(invited) => {
            let role = invited.role.as_str();
            let mut html = format!(
                "<p>You are invited to the organization <b>{}</b> as <b>{role}</b>, with the address <b>{}</b>.</p>\
                 <form method=post><p><label>Your name <input name=name maxlength=200 autocomplete=name></label></p>\
                 <p><label>Password <input name=password type=password required maxlength=256 \
                 autocomplete=current-password></label></p>\
                 <p>If the address has an account here, its password; else a new one of 12 characters or more.</p>\
                 <p><button>Join</button></p></form>",
                Text(&invited.organization),
                Text(&invited.email),
            );
            if hub.has_oidc() {
                // writing to a string does not fail
                let _ = write!(
                    html,
                    "<form method=post action=\"/invitations/{}/oidc\"><p><button>Join by your identity provider\
                     </button></p></form>",
                    Text(&token)
                );
            }
            page::forms(StatusCode::OK, "You are invited", &html)
        }
    }
}

/// Accepts it with a password.
pub(crate) async fn accept(
    _: OwnOrigin,
    State(hub): State<Hub>,
    Path(token): Path<String>,
    Client(client): Client,
    form: Form,
) -> Response {
    let accepted = async {
        let password = form.get("password").cloned();
        let password = password.ok_or_else(|| Failure::violation("/password", "a password"))?;
        let name = form.get("name").map(|name| name.expose_secret().to_owned());
        hub.accept_invitation(&token, Acceptance { password, name }, &client).await
    };
    match accepted.await {
        Err(failure) => page::failed(NOT_JOINED, failure),
        Ok(new) => {
            let mut response = page::text(StatusCode::OK, "Welcome", "You are a member now, and signed in.");
            response.headers_mut().append(header::SET_COOKIE, signed_in::session_cookie(&new));
            response
        }
    }
}

/// Accepts it by the identity provider.
pub(crate) async fn accept_by_oidc(
    _: OwnOrigin,
    _: Client,
    State(hub): State<Hub>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    Ok(match hub.begin_oidc(None, Some(&token)).await {
        Err(failure) => page::failed(NOT_JOINED, failure),
        Ok(OidcStart { url, cookie }) => page::see_other(&url, Some(cookie::set(cookie::OIDC, &cookie, PATIENCE)))?,
    })
}
