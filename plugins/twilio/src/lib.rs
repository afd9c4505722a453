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
pub mod config;
mod failure;
pub mod form;
pub mod forwarding;
mod signature;

use patchbay_sdk::{Actions, Connector, Schemas, Tasks, Violation, export_connector};

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
        forwarding::actions(caller_id::actions(Actions::new()))
    }

    fn schemas() -> Schemas {
        forwarding::schemas(caller_id::schemas(Schemas::new()))
    }

    fn tasks() -> Tasks {
        caller_id::tasks(Tasks::new())
    }
}

export_connector!(Twilio);
