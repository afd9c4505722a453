//! What the actions on forwarding take and give.

use patchbay_telephony::phone::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::carrier::{CarrierId, Confidence, Format, Mode};
pub use super::record::{Proof, State};

/// Which carrier's codes to show.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardingOptions {
    /// Only this one's. Default: all.
    pub carrier: Option<CarrierId>,
}

/// What carriers take.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Options {
    /// The carriers.
    pub carriers: Vec<CarrierOptions>,
    /// What holds for all of them.
    pub notes: Vec<&'static str>,
}

/// What a carrier takes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CarrierOptions {
    /// For `set-up-forwarding`.
    pub id: CarrierId,
    /// What people call it.
    pub name: &'static str,
    /// How sure it is that the codes work.
    pub confidence: Confidence,
    /// How it takes destinations, the most promising form first.
    pub number_formats: Vec<Format>,
    /// How long it can ring before nobody has answered; empty where no code can say that.
    pub ring_times: Vec<RingTime>,
    /// How long the provider has it ring, where no code can say that and it is known.
    pub provider_rings: Option<Seconds>,
    /// Its modes; none where the line takes no codes.
    pub modes: Vec<ModeOptions>,
    /// Ends every forwarding.
    pub reset: Vec<String>,
    /// What else to know.
    pub notes: Vec<&'static str>,
}

/// How long it rings.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct RingTime {
    /// In seconds, for `set-up-forwarding`.
    pub seconds: u8,
    /// About so many rings.
    pub rings: u8,
}

/// About so long.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Seconds {
    /// At least.
    pub from: u8,
    /// At most.
    pub to: u8,
}

/// The codes of a mode, with `<number>` and `<seconds>` where those belong. Of several ways the first is tried first; all codes
/// of a way are dialled, one after the other.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ModeOptions {
    /// Which calls.
    pub mode: Mode,
    /// A ring time can be said.
    pub takes_ring_time: bool,
    /// Ways to switch it on.
    pub activate: Vec<Vec<String>>,
    /// Ways to switch it off.
    pub deactivate: Vec<Vec<String>>,
    /// Asks how it stands; none where the carrier has no such code.
    pub query: Vec<String>,
}

/// A forwarding to set up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUpForwarding {
    /// Whose calls are to be forwarded, in E.164 or as it is written in the country of the settings.
    #[schemars(length(min = 1, max = 64))]
    pub phone_number: String,
    /// Whose line it is. Ask the person: numbers are taken along from carrier to carrier.
    pub carrier: CarrierId,
    /// Which calls.
    pub mode: Mode,
    /// Where they go: a number that is in service, best one for each person, because most carriers do not tell who forwarded.
    #[schemars(length(min = 1, max = 64))]
    pub destination: String,
    /// How long it rings before nobody has answered: 5, 10, 15, 20, 25 or 30. Default: the carrier's usual time.
    #[schemars(range(min = 5, max = 30))]
    pub ring_seconds: Option<u8>,
}

/// A number by itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardedNumber {
    /// Whose calls are forwarded, in E.164 or as it is written in the country of the settings.
    #[schemars(length(min = 1, max = 64))]
    pub phone_number: String,
}

/// One code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Dial {
    /// To dial, then the call key.
    pub code: String,
    /// Opens the dialler with it, where phones allow that.
    pub tel_uri: String,
}

/// What to dial so that a forwarding is set up, or ends.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Instructions {
    /// The forwarding.
    pub forwarding: Forwarding,
    /// To dial, one after the other, each with the call key.
    pub dial: Vec<Dial>,
    /// If that does not work: other ways, the most promising first.
    pub otherwise: Vec<Vec<Dial>>,
    /// Asks how it stands; none where the carrier has no such code.
    pub query: Vec<Dial>,
    /// How sure it is that the codes work.
    pub confidence: Confidence,
    /// What else to know.
    pub notes: Vec<&'static str>,
}

/// A forwarding.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Forwarding {
    /// Whose calls are forwarded, in E.164.
    pub phone_number: String,
    /// How far it is.
    pub state: State,
    /// Whose line it is.
    pub carrier: CarrierId,
    /// Which calls.
    pub mode: Mode,
    /// Where they go.
    pub destination: Number,
    /// How long it rings before, where somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring_seconds: Option<u8>,
    /// When the codes were given.
    pub set_up_at: String,
    /// When it was known to work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<String>,
    /// How.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<Proof>,
    /// When the codes were given that end it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    /// When a forwarded call was last seen, to the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_call_at: Option<String>,
    /// It was disabled, and a forwarded call has come since: the codes were not dialled, or did nothing.
    pub still_forwards: bool,
}

/// Which forwardings to list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListForwardings {
    /// Only those in this state.
    pub state: Option<State>,
    /// At most so many. Default: 100.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Those after this one: what `next` was.
    #[schemars(length(min = 1, max = 256))]
    pub after: Option<String>,
}

/// Forwardings.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Forwardings {
    /// In order of their numbers.
    pub forwardings: Vec<Forwarding>,
    /// For `after`; null on the last page.
    pub next: Option<String>,
}
