//! The part that is the same for everyone.

use patchbay_model::{Permission, identity::Role};
use serde_json::{Value, json};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::{cookie, problem, routes, routes::invoke_action::FileReply};

/// The frame that the routes are added to.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Patchbay",
        description = "Integrations as sandboxed plugins, behind one API.\n\nEvery failure is a problem document (RFC 9457) with a stable `code`. Every answer carries `x-request-id`, and `RateLimit-*` where the request was counted; answers to calls carry the run's id in `patchbay-run`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        routes::proxy::proxy,
        routes::receive_webhook::receive_webhook,
        routes::receive_shared_webhook::receive_shared_webhook,
    ),
    components(schemas(problem::Document, FileReply)),
    modifiers(&Schemes),
    tags(
        (name = "Actions", description = "Typed operations of plugins."),
        (name = "Proxy", description = "Vendors' own APIs, for vendors' own SDKs."),
        (name = "Plugins", description = "What can be installed."),
        (name = "Installations", description = "Plugins switched on for the org."),
        (name = "Syncs", description = "Objects that are kept the same here and at a vendor."),
        (name = "Connections", description = "Credentials for plugins."),
        (name = "Connect sessions", description = "End users who connect an account."),
        (name = "Runs", description = "Calls into plugins."),
        (name = "Usage", description = "What runs used."),
        (name = "Plan", description = "What the org may use, and caps of its own."),
        (name = "Billing", description = "What the org pays for, for its owners."),
        (name = "Events", description = "Facts that plugins and the hub published, as CloudEvents."),
        (name = "Records", description = "What plugins know together: calls, contacts, invoices and the like."),
        (name = "Endpoints", description = "The org's URLs that events are sent to, and what became of that."),
        (name = "Exports", description = "Rows in files, to be downloaded."),
        (name = "Audit", description = "Who changed what."),
        (name = "Webhooks", description = "What vendors sent in."),
        (name = "Jobs", description = "Work in the background, and schedules that make it."),
        (name = "Rate limits", description = "How often the org may ask."),
        (name = "Organization", description = "The org itself."),
        (name = "Members", description = "Who belongs to the org, and who may."),
        (name = "API keys", description = "What programs call the hub with."),
        (name = "Sessions", description = "Signing in and out."),
        (name = "Operating", description = "For whoever runs the hub."),
    )
)]
pub(crate) struct ApiDoc;

/// Ways to show who one is.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = |format: &str, description: &str| {
            let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format);
            SecurityScheme::Http(bearer.description(Some(description)).build())
        };
        let cookie = ApiKeyValue::with_description(
            cookie::SESSION,
            "A member's session, as `POST /v1/session` sets it. The same token, as `Authorization: Bearer pbs_…`, is a program's.",
        );
        let components = document.components.get_or_insert_default();
        let key =
            "An API key of the org. Each operation names the permission that it needs; the scopes of the key give it.";
        components.add_security_scheme("api_key", bearer("pb_…", key));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme("connect_session", bearer("pbc_…", "The token of a connect session."));
    }
}

/// What an API key may do, a member may do who has a role for it. The proxy takes keys alone: it is vendors' SDKs that call it.
fn with_sessions(path: &str, operation: &mut Value) {
    let Some(security) = operation.get_mut("security").and_then(Value::as_array_mut) else { return };
    let needed = security.iter().filter_map(|one| one.get("api_key")?.as_array()?.first()?.as_str());
    let by_role = |permission: &Permission| Role::ALL.iter().any(|role| role.permissions().contains(*permission));
    let permissions: Vec<_> = needed.filter_map(Permission::from_text).filter(by_role).collect();
    if !path.starts_with("/v1/proxy/") {
        security.extend(permissions.iter().map(|permission| json!({ "session": [permission.as_str()] })));
    }
}

/// The document as JSON, with the problem answers that every operation can give.
#[expect(clippy::expect_used, reason = "a type of strings, lists and maps; every start of a hub comes by here")]
pub(crate) fn finish(document: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).expect("the API's description is JSON");
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
            with_sessions(path, operation);
            let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
            for (status, answer) in problem_answers() {
                match responses.get_mut(status).and_then(|own| own.get_mut("content")).and_then(Value::as_object_mut) {
                    // beside what the route answers of its own
                    Some(own) => {
                        own.extend(answer.get("content").and_then(Value::as_object).cloned().unwrap_or_default());
                    }
                    None => drop(responses.insert(status.to_owned(), answer)),
                }
            }
        }
    }
    document
}

/// The answers of failures, by their statuses.
pub(super) fn problem_answers() -> [(&'static str, Value); 2] {
    let answer = |description: &str| {
        json!({
            "description": description,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        })
    };
    [("4XX", answer("Something about the request is off")), ("5XX", answer("The hub, the plugin or the vendor failed"))]
}
