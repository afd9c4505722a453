//! AssemblyAI: audio to text with speakers, sentiment and redaction, and AssemblyAI's own API for its SDKs.
//!
//! However a transcript is made, by the action or through the proxy, the hub learns of its end by AssemblyAI's webhook, and
//! from a job that asks now and then in case no webhook comes. Both look at the transcript itself, meter its seconds and
//! publish its event under ids made of the transcript's, so whichever is second adds nothing.
//!
//! AssemblyAI does not sign its webhooks: with each transcript it is told a header and a value to send. The value is the
//! connection's `webhook_secret`. The hub puts it into the request, and tells whether what comes back has it.
//!
//! AssemblyAI knows no idempotency keys, so nothing here creates a transcript a second time by itself. A request for one that has no
//! answer is looked for in AssemblyAI's list, each hour.

mod actions;
mod answer;
mod api;
mod config;
mod created;
mod failure;
mod inbound;
mod lost;
mod order;
mod proxy;
mod published;
mod sentiment;
mod settle;
pub mod types;
mod watch;

use patchbay_sdk::{Actions, Connector, Error, Schemas, Tasks, export_connector, proxy as sdk_proxy, webhook};

pub use config::{Config, Region};

/// The connector.
#[derive(Debug)]
pub struct AssemblyAi;

impl Connector for AssemblyAi {
    type Config = Config;

    fn actions() -> Actions {
        Actions::new()
            .add("upload", actions::upload)
            .add("create-transcript", actions::create_transcript)
            .add("get-transcript", actions::get_transcript)
            .add("list-transcripts", actions::list_transcripts)
            .add("delete-transcript", actions::delete_transcript)
            .add("get-redacted-audio", actions::get_redacted_audio)
            .add("create-streaming-token", actions::create_streaming_token)
    }

    fn schemas() -> Schemas {
        Schemas::new()
            .with::<published::Completed<'_>>("transcript-completed")
            .with::<published::Failed<'_>>("transcript-failed")
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

    fn tasks() -> Tasks {
        Tasks::new().add(watch::JOB, watch::step).add(lost::JOB, lost::step)
    }
}

export_connector!(AssemblyAi);
