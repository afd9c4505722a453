//! The one table of what differs between the carriers' dialects.
//!
//! Telnyx: developers.telnyx.com/docs/voice/programmable-voice, the pages of the TeXML verbs. Twilio:
//! twilio.com/docs/voice/twiml. What both do alike stands in [`crate::xml`].

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::menu::Voices;

/// Whose XML is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Telnyx's.
    Texml,
    /// Twilio's.
    Twiml,
}

/// What a carrier does in its own way.
#[derive(Debug)]
pub(crate) struct Carrier {
    /// Whether `Gather` takes `method`. Telnyx calls the action by the method of its application.
    pub(crate) gather_method: bool,
    /// Seconds that `Gather` may wait for a key.
    pub(crate) gather_timeout: RangeInclusive<u32>,
    /// Seconds that `Dial` may let it ring.
    pub(crate) dial_timeout: RangeInclusive<u32>,
    /// The longest `Record`, in seconds.
    pub(crate) record_length: RangeInclusive<u32>,
    /// `channels` of `Record`: Telnyx records both sides unless it is told otherwise, Twilio only ever the caller.
    pub(crate) record_channels: Option<&'static str>,
}

/// The seconds of silence that end a message. By default Twilio has 5, and Telnyx none.
pub(crate) const SILENCE_S: u32 = 10;

const TELNYX: Carrier = Carrier {
    gather_method: false,
    gather_timeout: 1..=120,
    dial_timeout: 5..=120,
    record_length: 1..=14_400,
    record_channels: Some("single"),
};

const TWILIO: Carrier = Carrier {
    gather_method: true,
    gather_timeout: 1..=600,
    dial_timeout: 1..=600,
    record_length: 2..=14_400,
    record_channels: None,
};

impl Dialect {
    /// The carrier whose dialect it is.
    pub(crate) const fn carrier(self) -> &'static Carrier {
        match self {
            Self::Texml => &TELNYX,
            Self::Twiml => &TWILIO,
        }
    }

    /// The voice that a menu wants with this carrier.
    pub(crate) fn voice(self, voices: &Voices) -> Option<&str> {
        match self {
            Self::Texml => voices.texml.as_deref(),
            Self::Twiml => voices.twiml.as_deref(),
        }
    }
}

/// The nearest that a carrier takes.
pub(crate) fn within(value: u32, range: &RangeInclusive<u32>) -> u32 {
    value.clamp(*range.start(), *range.end())
}
