//! `GET /oauth/connect/{link}`: what a person sees who opens a link to connect an account.

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode, header};
use patchbay_hub::{ConnectPage, Hub};

use crate::{
    cookie,
    escape::Text,
    extract::{Path, Visitor},
    page,
};

/// Open a link to connect an account
///
/// A page that says which organization asks for an account at which vendor, with a button that leads there. Opening it
/// begins nothing. It sets a cookie, which binds what the button begins to this browser.
#[utoipa::path(
    get,
    path = "/oauth/connect/{link}",
    tag = "Connections",
    params(("link" = String, Path, description = "What the hub put into the link")),
    responses(
        (status = 200, description = "For whom the account will be", body = String, content_type = "text/html"),
        (status = "4XX", description = "The link is not good", body = String, content_type = "text/html"),
        (status = "5XX", description = "It cannot be shown", body = String, content_type = "text/html"),
    )
)]
pub(crate) async fn oauth_connect_page(
    _: Visitor,
    State(hub): State<Hub>,
    Path(link): Path<String>,
    headers: HeaderMap,
) -> Response {
    match hub.connect_page(&link, cookie::get(&headers, cookie::CONSENT)).await {
        Err(failure) => page::failed("Not connected", failure),
        Ok(shown) => {
            let mut response = page::forms(StatusCode::OK, "Connect an account", &html(&shown));
            let cookie = cookie::set(cookie::CONSENT, &shown.nonce, cookie::CONSENT_LIFETIME);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
    }
}

fn html(page: &ConnectPage) -> String {
    let mut html: String = words(page).iter().map(|text| format!("<p>{}</p>", Text(text))).collect();
    // the form goes to the page's own address
    html.push_str(&format!(
        "<form method=post><input type=hidden name=proof value=\"{}\"><button>Continue to {}</button></form>",
        Text(&page.proof),
        Text(&page.vendor),
    ));
    html
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
