//! Twilio: numbers, calls and text messages of an organization's own account, Twilio's own API for its SDKs, and its webhooks,
//! folded into the hub's standard objects `call`, `message`, `recording` and `phone-number`.
//!
//! Outwards, the account's SID and its auth token (or an API key) as HTTP Basic; the hub puts both into the request. Inwards,
//! `X-Twilio-Signature` under the auth token. Twilio signs no time and sends what failed again, so a webhook is known by its
//! idempotency token, or by what it is about.
//!
//! Numbers cost money every month, and Twilio has no idempotency keys. So a number is bought by a job that records what it is
//! about to do before Twilio is asked, marks each purchase by its `FriendlyName`, and looks for that mark before it asks again;
//! every night all that the account has is compared with all that is recorded here.

mod api;
pub mod caller_id;
mod calls;
mod compose;
pub mod config;
mod dial;
mod failure;
pub mod form;
pub mod forwarding;
mod inbound;
mod incoming;
mod made;
mod mark;
mod messages;
mod numbers;
mod outward;
mod provision;
mod proxy;
mod reconcile;
mod settled;
mod signature;
mod sms;
pub mod types;
mod voice;

use patchbay_sdk::{
    Actions, Connector, Error, Schemas, Tasks, Violation, events, export_connector, proxy as sdk_proxy, webhook,
};

pub use config::Config;

/// The connector.
#[derive(Debug)]
pub struct Twilio;

impl Connector for Twilio {
    type Config = Config;

    fn validate_config(config: Config) -> Result<(), Vec<Violation>> {
        config.validate()
    }

    fn actions() -> Actions {
        let actions = Actions::new()
            .add("search-numbers", numbers::search)
            .add("buy-number", numbers::buy)
            .add("configure-number", numbers::configure)
            .add("release-number", numbers::release)
            .add("list-numbers", numbers::list)
            .add("provision", provision::action::provision)
            .add("deprovision", provision::action::deprovision)
            .add("reconcile", reconcile::action)
            .add("place-call", dial::place)
            .add("update-call", dial::update)
            .add("hang-up", dial::hang_up)
            .add("send-sms", sms::send)
            .add("get-message", sms::get)
            .add("follow-up-sms", compose::follow_up)
            .add("appointment-reminder", compose::remind)
            .add_file("transcript-export", compose::transcript_export);
        forwarding::actions(caller_id::actions(actions))
    }

    fn schemas() -> Schemas {
        let schemas = Schemas::new()
            .with::<provision::claim::Claim>("claim")
            .with::<provision::step::Told<'_>>("provisioned")
            .with::<reconcile::Report>("report")
            .with::<calls::Folded>("call")
            .with::<messages::Kept>("message");
        forwarding::schemas(caller_id::schemas(schemas))
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
        provision::follow::take(&event)
    }

    fn tasks() -> Tasks {
        let tasks = Tasks::new()
            .add(provision::follow::JOB, provision::step::step)
            .add(reconcile::JOB, reconcile::step)
            .add(calls::JOB, calls::step)
            .add(settled::JOB, settled::step)
            .add(compose::JOB, compose::step);
        forwarding::tasks(caller_id::tasks(tasks))
    }
}

export_connector!(Twilio);
