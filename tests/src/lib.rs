//! What the black-box tests stand on: vendors that can be told to misbehave, guests that do so by
//! nature, and a hub that listens on a real socket.
//!
//! The simulators speak the vendors' published contracts and keep a ledger of what they served, so
//! that a test compares the hub's books with the vendor's and not with its own expectation. A mock
//! of the HTTP client was rejected: it would skip the sockets, the pools and the hang-ups, which is
//! where streaming proxies break.
// the vendors' objects have many members, and each costs the macro that writes them a few steps
#![recursion_limit = "512"]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a library for tests only: a broken harness must stop the test at once"
)]

pub mod assemblyai;
mod browser;
pub mod elevenlabs;
pub mod fixtures;
pub mod hub;
pub mod hubspot;
pub mod ivr;
pub mod oauth;
pub mod oidc;
pub mod openai;
pub mod receiver;
pub mod salesforce;
mod secrets;
pub mod slack;
pub mod stripe;
pub mod telnyx;
pub mod twilio;
pub mod vendor;
mod vendor_specs;
pub mod zapier;

pub use assemblyai::AssemblyAi;
pub use browser::{Browser, proof};
pub use elevenlabs::{ElevenLabs, ElevenLabsSender};
pub use fixtures::Fixture;
pub use hub::{Org, Reply, Setup, TestHub};
pub use hubspot::{HubSpot, HubSpotSender};
pub use oauth::OauthVendor;
pub use oidc::IdentityProvider;
pub use openai::OpenAi;
pub use receiver::{Answered, Received, TestReceiver};
pub use salesforce::Salesforce;
pub use secrets::assert_clean;
pub use slack::{Slack, SlackSender};
pub use stripe::{Stripe, StripeSender};
pub use telnyx::{Telnyx, TelnyxSender};
pub use twilio::{Twilio, TwilioSender};
pub use vendor::{Trap, Vendor};
pub use zapier::Zapier;
