//! ElevenLabs: speech as an action and through its own API for its SDKs, with every character metered; voices, models
//! and history; what its webhooks tell, as events.
//!
//! Speech is kept and given again: the same text by the same voice and model, with the same settings and in the same
//! format, costs once for the organization, whether it comes by the action, whole or streamed. Nothing about a request
//! is changed on its way, so what ElevenLabs would have made is what is kept.
//!
//! Routes that give out keys, secrets and tokens of the account are refused: with them a client could go past the hub.

mod actions;
mod api;
mod config;
mod failure;
mod inbound;
mod proxy;
mod signature;
mod speech;
pub mod types;

use patchbay_sdk::{Actions, Connector, Error, Schemas, export_connector, proxy as sdk, webhook};

pub use config::Config;

/// The connector.
#[derive(Debug)]
pub struct ElevenLabs;

impl Connector for ElevenLabs {
    type Config = Config;

    fn actions() -> Actions {
        Actions::new()
            .add_file("create-speech", actions::create_speech)
            .add("list-voices", actions::list_voices)
            .add("get-voice", actions::get_voice)
            .add("list-models", actions::list_models)
            .add("list-history", actions::list_history)
            .add_file("get-history-audio", actions::get_history_audio)
            .add("delete-history-item", actions::delete_history_item)
            .add("get-subscription", actions::get_subscription)
            .add("get-live-translation", actions::get_live_translation)
    }

    fn schemas() -> Schemas {
        Schemas::new().with::<inbound::Published<'_>>("event")
    }

    fn proxy(request: sdk::Request, responder: sdk::Responder) -> Result<(), Error> {
        proxy::handle(request, &responder)
    }

    fn verify_webhook(request: webhook::Request) -> Result<webhook::Verdict, Error> {
        inbound::verify(&request)
    }

    fn process_webhook(receipt: webhook::Receipt, request: webhook::Request) -> Result<Option<webhook::Answer>, Error> {
        inbound::process(&receipt, &request)?;
        Ok(None)
    }
}

export_connector!(ElevenLabs);
