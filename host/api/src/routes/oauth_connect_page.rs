//! `GET /oauth/connect/{link}`: what a person sees who opens a link to connect an account.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use patchbay_hub::{ConnectPage, Hub};

use crate::{consent_cookie, extract::Path, page::Page};

/// Open a link to connect an account
///
/// A page that says which organization asks for an account at which vendor, with a button that leads there. Opening it
/// begins nothing. It sets a cookie, which binds what the button begins to this browser.
#[utoipa::path(
    get,
    path = "/oauth/connect/{link}",
    tag = "Connections",
    params(("link" = String, Path, description = "What the hub put into the link")),
    responses((status = 200, description = "For whom the account will be", body = String, content_type = "text/html"))
)]
pub(crate) async fn oauth_connect_page(
    State(hub): State<Hub>,
    Path(link): Path<String>,
    headers: HeaderMap,
) -> Response {
    match hub.connect_page(&link, consent_cookie::get(&headers)).await {
        Err(failure) => Page::failed(&failure),
        Ok(page) => {
            let label = format!("Continue to {}", page.vendor);
            let text = words(&page);
            let button = Some((label.as_str(), page.proof.as_str()));
            let mut response =
                Page { status: StatusCode::OK, title: "Connect an account", text, button }.into_response();
            response.headers_mut().append(header::SET_COOKIE, consent_cookie::set(&page.nonce));
            response
        }
    }
}

fn words(page: &ConnectPage) -> Vec<String> {
    let ConnectPage { plugin, plugin_name, organization, asked_by, vendor, scopes, account, .. } = page;
    let mut text = vec![match account {
        None => format!(
            "The organization {organization} asks to use your account at {vendor} for {plugin_name} ({plugin})."
        ),
        Some(account) => format!(
            "The organization {organization} uses the account {account} for {plugin_name} ({plugin}), and the vendor wants a new consent. Sign in at {vendor} with that account: no other is taken."
        ),
    }];
    text.extend(asked_by.as_ref().map(|asker| format!("It was asked for by {asker}.")));
    if !scopes.is_empty() {
        text.push(format!("It asks for: {}.", scopes.join(", ")));
    }
    text.push(
        "Whoever works for that organization will be able to use the account. If you do not know it, close this window.".to_owned(),
    );
    text
}
