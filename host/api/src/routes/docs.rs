//! `GET /docs`: the API's description as a page.
//!
//! Rendered here, without a script: a viewer from elsewhere would either need the network, which an
//! operator's hub may not have, or put a megabyte of somebody's JavaScript on the hub's own origin.

use std::fmt::{self, Write};

use axum::{
    extract::State,
    response::{Html, IntoResponse},
};
use http::header;
use patchbay_model::{Code, Failure, Permission, identity::Role, org::Scope};
use serde_json::Value;

use crate::{escape::Text, problem::Problem, state::ApiState};

const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub(crate) async fn page(State(state): State<ApiState>) -> Result<impl IntoResponse, Problem> {
    let mut html = String::with_capacity(64 << 10);
    render(&mut html, &state.shared.document)
        .map_err(|error| Failure::internal(format!("rendering /docs: {error}")))?;
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, Html(html)))
}

/// Its style sheet.
pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("docs.css"))
}

fn text<'a>(value: &'a Value, name: &str) -> Text<'a> {
    Text(value.get(name).and_then(Value::as_str).unwrap_or_default())
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn entries<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(name).and_then(Value::as_object).into_iter().flatten()
}

fn render(html: &mut String, document: &Value) -> fmt::Result {
    let info = document.get("info").unwrap_or(&Value::Null);
    write!(
        html,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title} API</title><link rel=stylesheet href=/docs/style.css><main><h1>{title} API</h1>\
         <p>{description}</p><p><a href=/openapi.json>/openapi.json</a> is this page for machines (OpenAPI 3.1); \
         asked with a key, it also has the schemas of every action that is switched on.</p>",
        title = text(info, "title"),
        description = text(info, "description"),
    )?;
    for tag in list(document, "tags") {
        let name = tag.get("name").and_then(Value::as_str).unwrap_or_default();
        write!(html, "<h2>{}</h2><p>{}</p>", Text(name), text(tag, "description"))?;
        for (path, item) in entries(document, "paths") {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if list(operation, "tags").any(|tag| tag.as_str() == Some(name)) {
                    render_operation(html, method, path, operation)?;
                }
            }
        }
    }
    html.push_str("<h2>Schemas</h2>");
    for (name, schema) in entries(document.get("components").unwrap_or(&Value::Null), "schemas") {
        write!(
            html,
            "<details id=\"schema-{0}\"><summary><code>{0}</code> {1}</summary>",
            Text(name),
            text(schema, "description")
        )?;
        render_json(html, schema)?;
        html.push_str("</details>");
    }
    render_codes(html)
}

fn render_operation(html: &mut String, method: &str, path: &str, operation: &Value) -> fmt::Result {
    write!(
        html,
        "<details><summary><code><b>{}</b> {}</code> {}</summary><p>{}</p>",
        method.to_uppercase(),
        Text(path),
        text(operation, "summary"),
        text(operation, "description"),
    )?;
    render_needs(html, operation)?;
    for parameter in list(operation, "parameters") {
        write!(
            html,
            "<p><code>{}</code> <i>{}</i> {}</p>",
            text(parameter, "name"),
            text(parameter, "in"),
            text(parameter, "description"),
        )?;
    }
    for (media_type, content) in entries(operation.get("requestBody").unwrap_or(&Value::Null), "content") {
        write!(html, "<h3>Request <code>{}</code></h3>", Text(media_type))?;
        render_json(html, content.get("schema").unwrap_or(&Value::Null))?;
    }
    for (status, answer) in entries(operation, "responses") {
        write!(html, "<h3>{} {}</h3>", Text(status), text(answer, "description"))?;
        for (_, content) in entries(answer, "content") {
            render_json(html, content.get("schema").unwrap_or(&Value::Null))?;
        }
    }
    html.push_str("</details>");
    Ok(())
}

/// Who may call an operation. Each entry of its `security` is one way to show who one is; an empty one stands for nobody.
fn render_needs(html: &mut String, operation: &Value) -> fmt::Result {
    let security = || list(operation, "security").filter_map(Value::as_object);
    let ways: Vec<_> = security().flatten().filter_map(|(way, needed)| needs(way, needed)).collect();
    let ways = ways.join(", or ");
    let is_open = security().all(serde_json::Map::is_empty) || security().any(serde_json::Map::is_empty);
    match (is_open, ways.is_empty()) {
        (false, _) => write!(html, "<p>Needs {ways}.</p>"),
        (true, false) => write!(html, "<p>Needs no key, and takes {ways}.</p>"),
        (true, true) => write!(html, "<p>Needs no key.</p>"),
    }
}

fn needs(way: &str, needed: &Value) -> Option<String> {
    let permission = needed.get(0).and_then(Value::as_str).and_then(Permission::from_text);
    match (way, permission) {
        ("api_key", Some(permission)) => {
            Some(format!("the permission <code>{}</code>: {}", permission.as_str(), who_has(permission)))
        }
        ("api_key", None) => Some("an API key".to_owned()),
        // their roles are told with the permission
        ("session", Some(_)) => None,
        ("session", None) => Some("somebody who is signed in".to_owned()),
        ("connect_session", _) => Some("the token of a connect session".to_owned()),
        _ => None,
    }
}

/// Who has a permission, by the table.
fn who_has(permission: Permission) -> String {
    let coded =
        |names: Vec<&str>| names.iter().map(|name| format!("<code>{name}</code>")).collect::<Vec<_>>().join(", ");
    let scopes: Vec<_> = Scope::that_give(permission).map(Scope::as_str).collect();
    let roles = Role::ALL.into_iter().filter(|role| role.permissions().contains(permission));
    let roles: Vec<_> = roles.map(Role::as_str).collect();
    match (scopes.is_empty(), roles.is_empty()) {
        (false, false) => format!("a key with the scope {}, or a member with the role {}", coded(scopes), coded(roles)),
        (false, true) => format!("a key with the scope {}", coded(scopes)),
        (true, _) => format!("a member with the role {}", coded(roles)),
    }
}

fn render_json(html: &mut String, value: &Value) -> fmt::Result {
    if let Some(name) = value.get("$ref").and_then(Value::as_str).and_then(|target| target.rsplit('/').next()) {
        return write!(html, "<p><a href=\"#schema-{0}\"><code>{0}</code></a></p>", Text(name));
    }
    // The alternate form of a JSON value is indented.
    write!(html, "<pre>{}</pre>", Text(&format!("{value:#}")))
}

fn render_codes(html: &mut String) -> fmt::Result {
    html.push_str("<h2>Problem codes</h2><table><tr><th>Status<th>Code<th>Meaning");
    for code in Code::ALL {
        write!(html, "<tr><td>{}<td><code>{}</code><td>{}", code.status(), code.as_str(), Text(code.title()))?;
    }
    html.push_str("</table></main></html>");
    Ok(())
}
