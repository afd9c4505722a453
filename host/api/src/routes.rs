//! The routes, one file each; this list is the table of contents.

pub(crate) mod authorize_connection;
pub(crate) mod delete_budget;
pub(crate) mod delete_connection;
pub(crate) mod delete_installation;
pub(crate) mod delete_oauth_client;
pub(crate) mod docs;
pub(crate) mod estimate_usage;
pub(crate) mod get_blob;
pub(crate) mod get_budget;
pub(crate) mod get_connection;
pub(crate) mod get_installation;
pub(crate) mod get_oauth_client;
pub(crate) mod get_plan;
pub(crate) mod get_run;
pub(crate) mod get_webhook;
pub(crate) mod healthz;
pub(crate) mod invoke_action;
pub(crate) mod list_budgets;
pub(crate) mod list_events;
pub(crate) mod list_installations;
pub(crate) mod list_plugins;
pub(crate) mod list_runs;
pub(crate) mod list_usage;
pub(crate) mod list_webhooks;
pub(crate) mod metrics;
pub(crate) mod oauth_callback;
pub(crate) mod openapi;
pub(crate) mod proxy;
pub(crate) mod put_budget;
pub(crate) mod put_connection;
pub(crate) mod put_installation;
pub(crate) mod put_oauth_client;
pub(crate) mod readyz;
pub(crate) mod receive_webhook;
pub(crate) mod replay_webhook;
pub(crate) mod upload_plugin;

use axum::routing::{any, get};
use http::Uri;
use patchbay_model::{Code, Failure};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{openapi::ApiDoc, problem::Problem, state::ApiState};

/// Every route, with the description of those that have one.
pub(crate) fn all() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .routes(routes!(list_plugins::list_plugins, upload_plugin::upload_plugin))
        .routes(routes!(list_installations::list_installations))
        .routes(routes!(
            get_installation::get_installation,
            put_installation::put_installation,
            delete_installation::delete_installation
        ))
        .routes(routes!(
            get_connection::get_connection,
            put_connection::put_connection,
            delete_connection::delete_connection
        ))
        .routes(routes!(authorize_connection::authorize_connection))
        .routes(routes!(
            get_oauth_client::get_oauth_client,
            put_oauth_client::put_oauth_client,
            delete_oauth_client::delete_oauth_client
        ))
        .routes(routes!(oauth_callback::oauth_callback))
        .routes(routes!(invoke_action::invoke_action))
        .routes(routes!(list_runs::list_runs))
        .routes(routes!(get_run::get_run))
        .routes(routes!(get_blob::get_blob))
        .routes(routes!(list_usage::list_usage))
        .routes(routes!(estimate_usage::estimate_usage))
        .routes(routes!(get_plan::get_plan))
        .routes(routes!(list_budgets::list_budgets))
        .routes(routes!(get_budget::get_budget, put_budget::put_budget, delete_budget::delete_budget))
        .routes(routes!(list_events::list_events))
        .routes(routes!(list_webhooks::list_webhooks))
        .routes(routes!(get_webhook::get_webhook))
        .routes(routes!(replay_webhook::replay_webhook))
        .routes(routes!(healthz::healthz))
        .routes(routes!(readyz::readyz))
        // These take every method and any path below them, which OpenAPI has no words for; `ApiDoc` says
        // what can be said.
        .route("/v1/proxy/{plugin}/{*path}", any(proxy::proxy))
        .route("/hooks/{token}", any(receive_webhook::receive_webhook))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::openapi))
        .route("/docs", get(docs::page))
        .route("/docs/style.css", get(docs::style))
}

/// The answer to a path that no route has.
pub(crate) async fn not_found(uri: Uri) -> Problem {
    // Without the query: it may hold a key.
    Failure::new(Code::NotFound, format!("there is no route {}; see /docs", uri.path())).into()
}

/// The answer to a method that a route does not take.
pub(crate) async fn method_not_allowed() -> Problem {
    Failure::new(Code::MethodNotAllowed, "the header `Allow` lists the methods of this route").into()
}
