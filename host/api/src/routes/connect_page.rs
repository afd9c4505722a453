//! `/connect/{token}`: where an end user connects an account, without a page of the org's own.
//!
//! The person is told for which organization before they go on, and the vendor's answer counts in their browser alone.

use std::fmt::{self, Write as _};

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use patchbay_hub::{Authorization, Begun, ConnectView, Connectable, Hub};
use patchbay_model::{Failure, PluginId};

use super::authorize_connection::asking;
use crate::{
    cookie,
    escape::Text,
    extract::{Form, OwnOrigin, Path, Visitor},
    page,
    problem::Problem,
};

const NOT_CONNECTED: &str = "Not connected";
const CONNECTED: &str = "Connected";

/// Says what can be connected, with a form for each way.
pub(crate) async fn show(_: Visitor, State(hub): State<Hub>, Path(token): Path<String>) -> Result<Response, Problem> {
    let view = async { hub.connectable(&hub.authenticate(&token).await?).await };
    Ok(match view.await {
        Err(failure) => page::failed(NOT_CONNECTED, failure),
        Ok(view) if view.session.connected.is_some() => done(&view),
        Ok(view) => {
            let mut html = String::new();
            render(&mut html, &token, &view).map_err(|error| Failure::internal(format!("rendering: {error}")))?;
            page::forms(StatusCode::OK, "Connect an account", &html)
        }
    })
}

/// Connects by credentials.
pub(crate) async fn put(
    _: Visitor,
    _: OwnOrigin,
    State(hub): State<Hub>,
    Path((token, plugin)): Path<(String, PluginId)>,
    form: Form,
) -> Response {
    let connected = async {
        let caller = hub.authenticate(&token).await?;
        hub.connect_by_credentials(&caller, &plugin, form.into_fields().collect()).await?;
        hub.connectable(&caller).await
    };
    match connected.await {
        Err(failure) => page::failed(NOT_CONNECTED, failure),
        Ok(view) => done(&view),
    }
}

/// Goes to the vendor.
pub(crate) async fn authorize(
    _: Visitor,
    _: OwnOrigin,
    State(hub): State<Hub>,
    Path((token, plugin)): Path<(String, PluginId)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let begun = async {
        let caller = hub.authenticate(&token).await?;
        hub.connect_by_consent(&caller, &plugin, asking(&headers)).await
    };
    Ok(match begun.await {
        Err(failure) => page::failed(NOT_CONNECTED, failure),
        Ok(Begun { authorization: Authorization::Pending { url, .. }, nonce: Some(nonce) }) => {
            page::see_other(&url, Some(cookie::set(cookie::CONSENT, &nonce, cookie::CONSENT_LIFETIME)))?
        }
        Ok(_) => return Err(Failure::internal("a consent that nobody has to give").into()),
    })
}

fn done(view: &ConnectView) -> Response {
    let text =
        format!("The account is connected to the organization {}. You can close this window.", view.organization);
    page::text(StatusCode::OK, CONNECTED, &text)
}

fn render(html: &mut String, token: &str, view: &ConnectView) -> fmt::Result {
    let token = Text(token);
    write!(html, "<p>The organization <b>{}</b> asks you to connect an account.</p>", Text(&view.organization))?;
    for Connectable { plugin, name, credentials, oauth } in &view.plugins {
        let name = Text(name);
        write!(html, "<h2>{name}</h2>")?;
        if *oauth {
            write!(
                html,
                "<form method=post action=\"/connect/{token}/{plugin}/authorize\"><p><button>Go to {name}</button></p></form>"
            )?;
        }
        if credentials.is_empty() {
            continue;
        }
        write!(html, "<form method=post action=\"/connect/{token}/{plugin}\">")?;
        for credential in credentials {
            let label = credential.title.as_ref().unwrap_or(&credential.name);
            let required = if credential.required && !oauth { " required" } else { "" };
            write!(
                html,
                "<p><label>{} <input type=password name=\"{}\" autocomplete=off{required}></label> {}</p>",
                Text(label),
                Text(&credential.name),
                Text(credential.description.as_deref().unwrap_or_default()),
            )?;
        }
        html.push_str("<p><button>Connect</button></p></form>");
    }
    Ok(())
}
