//! The routes, one file each; this list is the table of contents.

pub(crate) mod accept_invitation;
pub(crate) mod authorize_connect;
pub(crate) mod authorize_connection;
pub(crate) mod begin_oidc;
pub(crate) mod cancel_job;
pub(crate) mod cancel_subscription;
pub(crate) mod cancel_sync_run;
pub(crate) mod change_password;
pub(crate) mod connect_page;
pub(crate) mod create_api_key;
pub(crate) mod create_blob_link;
pub(crate) mod create_checkout;
pub(crate) mod create_connect_session;
pub(crate) mod create_endpoint;
pub(crate) mod create_export;
pub(crate) mod create_invitation;
pub(crate) mod create_portal_link;
pub(crate) mod create_sync_run;
pub(crate) mod delete_api_key;
pub(crate) mod delete_budget;
pub(crate) mod delete_connect_session;
pub(crate) mod delete_connection;
pub(crate) mod delete_endpoint;
pub(crate) mod delete_export;
pub(crate) mod delete_installation;
pub(crate) mod delete_invitation;
pub(crate) mod delete_member;
pub(crate) mod delete_oauth_client;
pub(crate) mod delete_schedule;
pub(crate) mod delete_session;
pub(crate) mod docs;
pub(crate) mod download_export;
pub(crate) mod download_file;
pub(crate) mod estimate_billing;
pub(crate) mod estimate_usage;
pub(crate) mod get_api_key;
pub(crate) mod get_blob;
pub(crate) mod get_budget;
pub(crate) mod get_connect;
pub(crate) mod get_connect_session;
pub(crate) mod get_connection;
pub(crate) mod get_delivery;
pub(crate) mod get_endpoint;
pub(crate) mod get_endpoint_stats;
pub(crate) mod get_event;
pub(crate) mod get_export;
pub(crate) mod get_installation;
pub(crate) mod get_job;
pub(crate) mod get_member;
pub(crate) mod get_oauth_client;
pub(crate) mod get_org;
pub(crate) mod get_plan;
pub(crate) mod get_rate_limits;
pub(crate) mod get_record;
pub(crate) mod get_run;
pub(crate) mod get_schedule;
pub(crate) mod get_subscription;
pub(crate) mod get_sync;
pub(crate) mod get_sync_fields;
pub(crate) mod get_sync_run;
pub(crate) mod get_upcoming_invoice;
pub(crate) mod get_webhook;
pub(crate) mod healthz;
pub(crate) mod invitation_page;
pub(crate) mod invoke_action;
pub(crate) mod leave_org;
pub(crate) mod list_api_keys;
pub(crate) mod list_audit;
pub(crate) mod list_billing_checks;
pub(crate) mod list_billing_history;
pub(crate) mod list_budgets;
pub(crate) mod list_deliveries;
pub(crate) mod list_endpoint_deliveries;
pub(crate) mod list_endpoints;
pub(crate) mod list_event_types;
pub(crate) mod list_events;
pub(crate) mod list_exports;
pub(crate) mod list_installations;
pub(crate) mod list_invitations;
pub(crate) mod list_invoices;
pub(crate) mod list_jobs;
pub(crate) mod list_members;
pub(crate) mod list_objects;
pub(crate) mod list_plugins;
pub(crate) mod list_records;
pub(crate) mod list_runs;
pub(crate) mod list_schedules;
pub(crate) mod list_sessions;
pub(crate) mod list_sync_conflicts;
pub(crate) mod list_sync_failures;
pub(crate) mod list_sync_run_failures;
pub(crate) mod list_sync_runs;
pub(crate) mod list_syncs;
pub(crate) mod list_usage;
pub(crate) mod list_webhooks;
pub(crate) mod metrics;
pub(crate) mod oauth_callback;
pub(crate) mod oauth_connect;
pub(crate) mod oauth_connect_page;
pub(crate) mod oidc_callback;
pub(crate) mod openapi;
pub(crate) mod patch_endpoint;
pub(crate) mod preview_subscription;
pub(crate) mod preview_sync;
pub(crate) mod proxy;
pub(crate) mod put_budget;
pub(crate) mod put_connect;
pub(crate) mod put_connection;
pub(crate) mod put_installation;
pub(crate) mod put_member;
pub(crate) mod put_oauth_client;
pub(crate) mod put_org;
pub(crate) mod put_plan;
pub(crate) mod put_rate_limits;
pub(crate) mod put_schedule;
pub(crate) mod put_subscription;
pub(crate) mod put_sync;
pub(crate) mod readyz;
pub(crate) mod receive_shared_webhook;
pub(crate) mod receive_webhook;
pub(crate) mod redrive_job;
pub(crate) mod redrive_jobs;
pub(crate) mod replay_endpoint;
pub(crate) mod replay_webhook;
pub(crate) mod replay_webhooks;
pub(crate) mod resume_subscription;
pub(crate) mod retry_delivery;
pub(crate) mod rotate_api_key;
pub(crate) mod rotate_endpoint_secret;
pub(crate) mod settle_account;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod stream_events;
pub(crate) mod switch_org;
pub(crate) mod test_endpoint;
pub(crate) mod upload_plugin;
pub(crate) mod who_am_i;

use axum::routing::{any, get, post};
use http::Uri;
use patchbay_model::{Code, Failure};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{openapi::ApiDoc, problem::Problem, state::ApiState};

/// Every route, with the description of those that have one. By areas, because what describes a route stays on the stack until the
/// function ends that adds it, and all of them together would fill a thread's.
pub(crate) fn all() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .merge(plugins())
        .merge(connections())
        .merge(calls())
        .merge(money())
        .merge(facts())
        .merge(work())
        .merge(people())
        .merge(endpoints())
        .merge(health())
        // These take every method and any path below them, which OpenAPI has no words for; `ApiDoc` says
        // what can be said.
        .route("/v1/proxy/{plugin}/{*path}", any(proxy::proxy))
        .route("/hooks/{token}", any(receive_webhook::receive_webhook))
        .route("/hooks/shared/{plugin}", any(receive_shared_webhook::receive_shared_webhook))
        // Pages for people, which no program asks for.
        .route("/invitations/{token}", get(invitation_page::show).post(invitation_page::accept))
        .route("/invitations/{token}/oidc", post(invitation_page::accept_by_oidc))
        .route("/connect/{token}", get(connect_page::show))
        .route("/connect/{token}/{plugin}", post(connect_page::put))
        .route("/connect/{token}/{plugin}/authorize", post(connect_page::authorize))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::openapi))
        .route("/docs", get(docs::page))
        .route("/docs/style.css", get(docs::style))
}

/// Plugins, what is switched on, and what is kept in step.
fn plugins() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_plugins::list_plugins, upload_plugin::upload_plugin))
        .routes(routes!(list_installations::list_installations))
        .routes(routes!(
            get_installation::get_installation,
            put_installation::put_installation,
            delete_installation::delete_installation
        ))
        .routes(routes!(list_syncs::list_syncs))
        .routes(routes!(get_sync::get_sync, put_sync::put_sync))
        .routes(routes!(settle_account::settle_account))
        .routes(routes!(get_sync_fields::get_sync_fields))
        .routes(routes!(preview_sync::preview_sync))
        .routes(routes!(list_sync_runs::list_sync_runs, create_sync_run::create_sync_run))
        .routes(routes!(list_sync_conflicts::list_sync_conflicts))
        .routes(routes!(list_sync_failures::list_sync_failures))
        .routes(routes!(get_sync_run::get_sync_run, cancel_sync_run::cancel_sync_run))
        .routes(routes!(list_sync_run_failures::list_sync_run_failures))
}

/// Connections, and how people make them.
fn connections() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
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
        .routes(routes!(oauth_connect_page::oauth_connect_page, oauth_connect::oauth_connect))
        .routes(routes!(oauth_callback::oauth_callback))
        .routes(routes!(create_connect_session::create_connect_session))
        .routes(routes!(get_connect_session::get_connect_session, delete_connect_session::delete_connect_session))
        .routes(routes!(get_connect::get_connect))
        .routes(routes!(put_connect::put_connect))
        .routes(routes!(authorize_connect::authorize_connect))
}

/// Calls, and what they leave.
fn calls() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(invoke_action::invoke_action))
        .routes(routes!(list_runs::list_runs))
        .routes(routes!(get_run::get_run))
        .routes(routes!(get_blob::get_blob))
        .routes(routes!(create_blob_link::create_blob_link))
        .routes(routes!(download_file::download_file))
        .routes(routes!(list_usage::list_usage))
        .routes(routes!(estimate_usage::estimate_usage))
}

/// Plans, bills and budgets.
fn money() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_plan::get_plan, put_plan::put_plan))
        .routes(routes!(create_checkout::create_checkout))
        .routes(routes!(create_portal_link::create_portal_link))
        .routes(routes!(
            get_subscription::get_subscription,
            put_subscription::put_subscription,
            cancel_subscription::cancel_subscription
        ))
        .routes(routes!(preview_subscription::preview_subscription))
        .routes(routes!(resume_subscription::resume_subscription))
        .routes(routes!(list_invoices::list_invoices))
        .routes(routes!(get_upcoming_invoice::get_upcoming_invoice))
        .routes(routes!(list_billing_history::list_billing_history))
        .routes(routes!(list_billing_checks::list_billing_checks))
        .routes(routes!(estimate_billing::estimate_billing))
        .routes(routes!(list_budgets::list_budgets))
        .routes(routes!(get_budget::get_budget, put_budget::put_budget, delete_budget::delete_budget))
}

/// What has happened and what there is.
fn facts() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_events::list_events))
        .routes(routes!(stream_events::stream_events))
        .routes(routes!(get_event::get_event))
        .routes(routes!(list_event_types::list_event_types))
        .routes(routes!(list_objects::list_objects))
        .routes(routes!(list_records::list_records))
        .routes(routes!(get_record::get_record))
        .routes(routes!(list_audit::list_audit))
        .routes(routes!(list_exports::list_exports, create_export::create_export))
        .routes(routes!(get_export::get_export, delete_export::delete_export))
        .routes(routes!(download_export::download_export))
}

/// Vendors' webhooks, jobs and their times.
fn work() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_webhooks::list_webhooks))
        .routes(routes!(get_webhook::get_webhook))
        .routes(routes!(replay_webhook::replay_webhook))
        .routes(routes!(replay_webhooks::replay_webhooks))
        .routes(routes!(list_jobs::list_jobs))
        .routes(routes!(get_job::get_job))
        .routes(routes!(cancel_job::cancel_job))
        .routes(routes!(redrive_job::redrive_job))
        .routes(routes!(redrive_jobs::redrive_jobs))
        .routes(routes!(list_schedules::list_schedules))
        .routes(routes!(get_schedule::get_schedule, put_schedule::put_schedule, delete_schedule::delete_schedule))
        .routes(routes!(get_rate_limits::get_rate_limits, put_rate_limits::put_rate_limits))
}

/// People, and what they sign in with.
fn people() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::sign_in, who_am_i::who_am_i, sign_out::sign_out))
        .routes(routes!(switch_org::switch_org))
        .routes(routes!(leave_org::leave_org))
        .routes(routes!(change_password::change_password))
        .routes(routes!(list_sessions::list_sessions))
        .routes(routes!(delete_session::delete_session))
        .routes(routes!(begin_oidc::begin_oidc))
        .routes(routes!(oidc_callback::oidc_callback))
        .routes(routes!(get_org::get_org, put_org::put_org))
        .routes(routes!(list_members::list_members))
        .routes(routes!(get_member::get_member, put_member::put_member, delete_member::delete_member))
        .routes(routes!(list_invitations::list_invitations, create_invitation::create_invitation))
        .routes(routes!(accept_invitation::accept_invitation))
        .routes(routes!(delete_invitation::delete_invitation))
        .routes(routes!(list_api_keys::list_api_keys, create_api_key::create_api_key))
        .routes(routes!(get_api_key::get_api_key, delete_api_key::delete_api_key))
        .routes(routes!(rotate_api_key::rotate_api_key))
}

/// Endpoints and their deliveries.
fn endpoints() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_endpoints::list_endpoints, create_endpoint::create_endpoint))
        .routes(routes!(get_endpoint::get_endpoint, patch_endpoint::patch_endpoint, delete_endpoint::delete_endpoint))
        .routes(routes!(get_endpoint_stats::get_endpoint_stats))
        .routes(routes!(rotate_endpoint_secret::rotate_endpoint_secret))
        .routes(routes!(test_endpoint::test_endpoint))
        .routes(routes!(replay_endpoint::replay_endpoint))
        .routes(routes!(list_endpoint_deliveries::list_endpoint_deliveries))
        .routes(routes!(list_deliveries::list_deliveries))
        .routes(routes!(get_delivery::get_delivery))
        .routes(routes!(retry_delivery::retry_delivery))
}

/// Whether the hub is well.
fn health() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(healthz::healthz)).routes(routes!(readyz::readyz))
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
