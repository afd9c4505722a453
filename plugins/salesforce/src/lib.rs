//! Salesforce: contacts, accounts and opportunities kept in step both ways, calls in the activities, and the REST API itself.
//!
//! Each org of Salesforce has a host of its own. The settings name it, an admin approves it, and the hub lets an access token go
//! nowhere else; what the authorization was for has to be the same host.
//!
//! Changes are read by SOQL, in the order of `SystemModstamp`, and what is gone by `deleted`. Outbound Messages make it faster:
//! they carry no signature, so nothing that they say counts, but that some record has changed. Polling is what nothing escapes.
//! The Pub/Sub API was rejected: it is gRPC on a stream that has to be held open, and plugins are calls that end.
//!
//! Writes are upserts by a unique External Id field, so that a repeat makes no second record.

mod actions;
mod api;
mod calls;
mod collections;
pub mod config;
mod failure;
mod ids;
mod inbound;
mod pace;
mod proxy;
mod soap;
mod soql;
mod sync;
mod times;
pub mod types;

use patchbay_sdk::sync::{Field, Page, Pull, Pushed, Write};
use patchbay_sdk::task::Tasks;
use patchbay_sdk::{Actions, Connector, Error, Violation, events, export_connector, proxy as sdk_proxy, webhook};

pub use config::Config;

/// The connector.
#[derive(Debug)]
pub struct Salesforce;

impl Connector for Salesforce {
    type Config = Config;

    fn validate_config(config: Config) -> Result<(), Vec<Violation>> {
        config.validate()
    }

    fn actions() -> Actions {
        Actions::new()
            .add("query", actions::query::query)
            .add("query-more", actions::query::query_more)
            .add("get", actions::records::get)
            .add("create", actions::records::create)
            .add("update", actions::records::update)
            .add("upsert", actions::records::upsert)
            .add("delete", actions::records::delete)
            .add("composite", actions::composite::composite)
            .add("collection", actions::composite::collection)
            .add("retrieve", actions::composite::retrieve)
            .add("describe", actions::query::describe)
            .add("limits", actions::query::limits)
            .add("find-contact", actions::calls::find_contact)
            .add(patchbay_crm::caller::ACTION, actions::calls::find_caller)
            .add("log-call", actions::calls::log_call)
    }

    fn proxy(request: sdk_proxy::Request, responder: sdk_proxy::Responder) -> Result<(), Error> {
        proxy::handle(request, &responder)
    }

    fn verify_webhook(request: webhook::Request) -> Result<webhook::Verdict, Error> {
        inbound::verify(&request)
    }

    fn process_webhook(_: webhook::Receipt, request: webhook::Request) -> Result<Option<webhook::Answer>, Error> {
        inbound::process(&request).map(Some)
    }

    fn on_event(event: events::Event) -> Result<(), Error> {
        calls::late::take(&event)
    }

    fn tasks() -> Tasks {
        Tasks::new().add(calls::late::JOB, calls::late::complete)
    }

    fn describe(resource: &str) -> Result<Vec<Field>, Error> {
        sync::describe::fields(resource)
    }

    fn pull(pull: Pull) -> Result<Page, Error> {
        sync::pull(&pull)
    }

    fn push(resource: &str, writes: Vec<Write>) -> Result<Pushed, Error> {
        sync::push::write(resource, &writes)
    }
}

export_connector!(Salesforce);
