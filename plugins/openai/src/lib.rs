//! OpenAI: typed actions, and OpenAI's own API for its SDKs, with every token metered.
//!
//! Bodies pass through as they were written, in both directions. The one exception is a streamed chat
//! completion whose client did not ask for the usage: the request gets `stream_options.include_usage`, and
//! the host hides what comes of it, so that tokens are metered from OpenAI's own figures and the client
//! sees what it would have seen. Where OpenAI's figures never come (a stream that broke off, a client that
//! left), tokens are estimated and marked so.
//!
//! Responses in the background are refused: they end after the call, where their tokens would be metered by
//! nobody. A batch ends after the call as well, but says what it used; a job waits for that.
//!
//! An organization's settings say which models may be asked, which one stands in for another, what they cost, and whom to ask
//! in place of OpenAI. What is refused here is refused in OpenAI's own shape, so that its SDKs understand it.

mod actions;
mod batches;
mod cache;
mod config;
mod forward;
mod models;
mod multipart;
mod operation;
mod prices;
mod proxy;
mod refusal;
mod request;
mod text;
mod transcription;
pub mod types;
mod usage;

use patchbay_sdk::{Actions, Connector, Error, Tasks, Violation, export_connector, proxy as sdk};

pub use config::{Cache, Config};
pub use prices::{Price, Prices};

/// Where OpenAI is.
const ORIGIN: &str = "https://api.openai.com";

/// The credential in the manifest.
const KEY: &str = "secret_key";

/// The connector.
#[derive(Debug)]
pub struct OpenAi;

impl Connector for OpenAi {
    type Config = Config;

    fn validate_config(config: Config) -> Result<(), Vec<Violation>> {
        config.validate()
    }

    fn actions() -> Actions {
        Actions::new()
            .add("create-chat-completion", actions::create_chat_completion)
            .add("create-response", actions::create_response)
            .add("create-embedding", actions::create_embedding)
            .add("create-moderation", actions::create_moderation)
            .add_file("create-speech", actions::create_speech)
    }

    fn proxy(request: sdk::Request, responder: sdk::Responder) -> Result<(), Error> {
        proxy::handle(request, &responder)
    }

    fn tasks() -> Tasks {
        Tasks::new().add(batches::JOB, batches::step)
    }
}

export_connector!(OpenAi);
