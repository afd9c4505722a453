//! Telnyx: calls by Call Control and by TeXML, their recordings, and an organization's numbers.
//!
//! Outwards, an API key (V2), which the hub puts into requests. Inwards, Telnyx signs whatever it sends with the account's
//! Ed25519 key, JSON events and TeXML forms alike, and all of it comes to one address: the installation's webhook URL.
//!
//! What Telnyx tells of a call comes late, twice and in any order. Each message becomes facts, and the facts of a call become
//! one record of the standard object `call` ([`patchbay_telephony::fold`]), from which minutes are metered once. The request
//! for instructions of a caller who waits is answered by the plugin `ivr` first of all; what it means for the call is worked
//! out by a job afterwards, so that no answer waits for a record, or fails because of one.
//!
//! Not offered: text messages by Telnyx.

mod actions;
mod api;
mod calls;
mod command;
mod config;
mod destinations;
mod event;
mod failure;
mod form;
mod inbound;
mod menu;
mod numbers;
mod proxy;
mod recording;
mod setup;
mod signature;
mod texml;
pub mod types;

use patchbay_sdk::{
    Actions, Connector, Error, Schemas, Tasks, Violation, export_connector, proxy as sdk_proxy, webhook,
};

pub use config::Config;

/// The connector.
#[derive(Debug)]
pub struct Telnyx;

impl Connector for Telnyx {
    type Config = Config;

    fn validate_config(config: Config) -> Result<(), Vec<Violation>> {
        config.validate()
    }

    fn actions() -> Actions {
        numbers::add_actions(
            Actions::new()
                .add("dial", actions::dial)
                .add("answer", actions::answer)
                .add("reject", actions::reject)
                .add("hangup", actions::hangup)
                .add("transfer", actions::transfer)
                .add("bridge", actions::bridge)
                .add("speak", actions::speak)
                .add("gather", actions::gather)
                .add("start-playback", actions::start_playback)
                .add("stop-playback", actions::stop_playback)
                .add("start-recording", actions::start_recording)
                .add("stop-recording", actions::stop_recording)
                .add("send-dtmf", actions::send_dtmf)
                .add("get-call", actions::get_call)
                .add("set-up-application", setup::set_up),
        )
    }

    fn schemas() -> Schemas {
        Schemas::new()
            .with::<event::Published<'_>>("event")
            .with::<calls::Stored>("call-record")
            .with::<numbers::record::Order>("order-record")
            .with::<numbers::record::Ordered<'_>>("number-ordered")
            .with::<numbers::record::Failed<'_>>("number-failed")
            .with::<numbers::reconcile::Report>("numbers-reconciled")
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

    fn tasks() -> Tasks {
        numbers::add_tasks(Tasks::new().add(calls::JOB, calls::step).add(recording::JOB, recording::step))
    }
}

export_connector!(Telnyx);
