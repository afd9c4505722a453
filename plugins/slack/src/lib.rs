//! Slack: messages with Block Kit, what happens in a workspace as events, slash commands and buttons, and notifications of
//! what happens in the hub.
//!
//! Outwards, a bot token (by OAuth, or one that was pasted) or an incoming webhook's URL; the latter is the secret itself,
//! and the hub puts it into the request's path. Inwards, Slack signs what it sends; each event becomes `slack.<type>`, a
//! slash command `slack.command`, a press of a button `slack.interaction`. For those Slack waits three seconds: either the
//! settings have the answer, or a flow answers later by the action `respond`.
//!
//! Slack knows no idempotency keys. A notification is therefore a job that notes what it has posted; only a message of
//! which nobody knows whether Slack took it (a timeout) can come twice, and both then carry one id in their metadata.

mod actions;
mod api;
mod command;
pub mod config;
mod escape;
mod failure;
mod form;
mod inbound;
mod incoming;
mod interaction;
mod notification;
mod occurrence;
mod proxy;
mod signature;
mod template;
pub mod types;

use patchbay_sdk::{
    Actions, Connector, Error, Schemas, Tasks, Violation, events, export_connector, proxy as sdk_proxy, webhook,
};

pub use config::Config;

/// The connector.
#[derive(Debug)]
pub struct Slack;

impl Connector for Slack {
    type Config = Config;

    fn validate_config(config: Config) -> Result<(), Vec<Violation>> {
        config.validate()
    }

    fn actions() -> Actions {
        Actions::new()
            .add("post-message", actions::post_message)
            .add("update-message", actions::update_message)
            .add("delete-message", actions::delete_message)
            .add("post-ephemeral", actions::post_ephemeral)
            .add("post-webhook", actions::post_webhook)
            .add("respond", actions::respond)
            .add("open-view", actions::open_view)
            .add("list-conversations", actions::list_conversations)
            .add("join-conversation", actions::join_conversation)
            .add("lookup-user-by-email", actions::lookup_user_by_email)
            .add("test-connection", actions::test_connection)
    }

    fn schemas() -> Schemas {
        Schemas::new()
            .with::<occurrence::Published<'_>>("event")
            .with::<command::Published<'_>>("command")
            .with::<interaction::Published<'_>>("interaction")
    }

    fn proxy(request: sdk_proxy::Request, responder: sdk_proxy::Responder) -> Result<(), Error> {
        proxy::handle(request, &responder)
    }

    fn verify_webhook(request: webhook::Request) -> Result<webhook::Verdict, Error> {
        inbound::verify(&request)
    }

    fn process_webhook(receipt: webhook::Receipt, request: webhook::Request) -> Result<Option<webhook::Answer>, Error> {
        inbound::process(&receipt, &request)
    }

    fn on_event(event: events::Event) -> Result<(), Error> {
        notification::plan(&event)
    }

    fn tasks() -> Tasks {
        Tasks::new().add(notification::JOB, notification::step)
    }
}

export_connector!(Slack);
