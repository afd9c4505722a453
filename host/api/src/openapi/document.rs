//! The part that is the same for everyone.

use serde_json::{Value, json};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::{problem, routes, routes::invoke_action::FileReply};

/// The frame that the routes are added to.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Patchbay",
        description = "Integrations as sandboxed plugins, behind one API.\n\nEvery failure is a problem document (RFC 9457) with a stable `code`. Every answer carries `x-request-id`; answers to calls carry the run's id in `patchbay-run`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(routes::proxy::proxy, routes::receive_webhook::receive_webhook),
    components(schemas(problem::Document, FileReply)),
    modifiers(&ApiKey),
    tags(
        (name = "Actions", description = "Typed operations of plugins."),
        (name = "Proxy", description = "Vendors' own APIs, for vendors' own SDKs."),
        (name = "Plugins", description = "What can be installed."),
        (name = "Installations", description = "Plugins switched on for the org."),
        (name = "Connections", description = "Credentials for plugins."),
        (name = "Runs", description = "Calls into plugins."),
        (name = "Usage", description = "What runs used."),
        (name = "Plan", description = "What the org may use, and caps of its own."),
        (name = "Events", description = "Facts that plugins published."),
        (name = "Webhooks", description = "What vendors sent in."),
        (name = "Operating", description = "For whoever runs the hub."),
    )
)]
pub(crate) struct ApiDoc;

struct ApiKey;

impl Modify for ApiKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("pb_…")
            .description(Some("An API key of the org. Each operation names the scope that the key needs."))
            .build();
        document.components.get_or_insert_default().add_security_scheme("api_key", SecurityScheme::Http(scheme));
    }
}

/// The document as JSON, with the problem answers that every operation can give.
#[expect(clippy::expect_used, reason = "a type of strings, lists and maps; every start of a hub comes by here")]
pub(crate) fn finish(document: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).expect("the API's description is JSON");
    let paths =
        document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(|paths| paths.values_mut());
    let operations = paths.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut());
    for responses in operations.filter_map(|operation| operation.get_mut("responses")?.as_object_mut()) {
        for (status, answer) in problem_answers() {
            responses.insert(status.to_owned(), answer);
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
