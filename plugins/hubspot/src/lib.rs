//! HubSpot: contacts, companies and deals in step with the hub's, calls in timelines, webhooks, typed operations, and HubSpot's own API of the CRM
//! for its SDKs.
//!
//! The hub drives the syncs; this reads pages that do not move ([`pull`]), writes batches that may be sent twice ([`push`]) and tells which
//! properties there are. Webhooks say only what to read anew. What an account is called is taken from HubSpot's answer to the connection's own
//! token, never from what somebody sends in.
//!
//! Not offered: marketing, conversations, files, custom objects.

mod actions;
mod api;
mod association;
mod call_log;
mod config;
mod describe;
mod failure;
mod inbound;
mod money;
mod object;
mod own_id;
mod portal;
mod proxy;
mod pull;
mod push;
mod resource;
mod signature;
mod turn;
pub mod types;

use patchbay_sdk::{
    Actions, Connector, Error, Schemas, Violation, events, export_connector, proxy as sdk_proxy, sync, webhook,
};

pub use config::{Config, UnknownContact};

/// The connector.
#[derive(Debug)]
pub struct HubSpot;

impl Connector for HubSpot {
    type Config = Config;

    fn validate_config(config: Config) -> Result<(), Vec<Violation>> {
        config.validate()
    }

    fn actions() -> Actions {
        Actions::new()
            .add("get-object", actions::get_object)
            .add("create-object", actions::create_object)
            .add("update-object", actions::update_object)
            .add("delete-object", actions::delete_object)
            .add("batch-read", actions::batch_read)
            .add("batch-upsert", actions::batch_upsert)
            .add("search", actions::search)
            .add("merge-objects", actions::merge_objects)
            .add("associate", actions::associate)
            .add("list-associations", actions::list_associations)
            .add("log-call", actions::log_call)
            .add("find-contact", actions::find_contact)
            .add(patchbay_crm::caller::ACTION, actions::find_caller)
            .add("list-properties", actions::list_properties)
            .add("list-owners", actions::list_owners)
            .add("list-pipelines", actions::list_pipelines)
            .add("test-connection", actions::test_connection)
    }

    fn schemas() -> Schemas {
        Schemas::new().with::<call_log::ContactUnknown<'_>>("contact-unknown")
    }

    fn proxy(request: sdk_proxy::Request, responder: sdk_proxy::Responder) -> Result<(), Error> {
        proxy::handle(request, &responder)
    }

    fn verify_webhook(request: webhook::Request) -> Result<webhook::Verdict, Error> {
        inbound::verify(&request)
    }

    fn process_webhook(_: webhook::Receipt, request: webhook::Request) -> Result<Option<webhook::Answer>, Error> {
        inbound::process(&request).map(|()| None)
    }

    fn on_event(event: events::Event) -> Result<(), Error> {
        call_log::take(&event)
    }

    fn describe(resource: &str) -> Result<Vec<sync::Field>, Error> {
        describe::fields(resource)
    }

    fn pull(pull: sync::Pull) -> Result<sync::Page, Error> {
        pull::page(&pull)
    }

    fn push(resource: &str, writes: Vec<sync::Write>) -> Result<sync::Pushed, Error> {
        push::push(resource, &writes)
    }
}

export_connector!(HubSpot);
