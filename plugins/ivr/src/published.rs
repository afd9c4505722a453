//! Events: their types, and their data.

use patchbay_telephony::guard::Alert;
use patchbay_telephony::money::Money;
use patchbay_telephony::time;
use schemars::JsonSchema;
use serde::Serialize;

use crate::types::{Direction, Outcome};

/// A call is over, as far as its menu is concerned.
pub(crate) const CALL_ENDED: &str = "ivr.call.ended";
/// A caller has left a message.
pub(crate) const VOICEMAIL_RECEIVED: &str = "ivr.voicemail.received";
/// What a message says is there as text.
pub(crate) const VOICEMAIL_TRANSCRIBED: &str = "ivr.voicemail.transcribed";
/// A caller has answered a question.
pub(crate) const SURVEY_ANSWERED: &str = "ivr.survey.answered";
/// Calls cost more than is ordinary.
pub(crate) const SPEND_ALERT: &str = "ivr.spend.alert";

/// The data of `ivr.call.ended`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CallEnded<'a> {
    /// The carrier's id of the call.
    pub(crate) call: &'a str,
    /// Who called.
    pub(crate) from: &'a str,
    /// Who was called.
    pub(crate) to: &'a str,
    /// Which way it went.
    pub(crate) direction: Direction,
    /// The menu.
    pub(crate) menu: &'a str,
    /// Its version.
    pub(crate) version: u32,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// The keys that led on, in order.
    pub(crate) path: Vec<&'a str>,
    /// When it came (RFC 3339).
    pub(crate) started_at: &'a str,
    /// When the last of its steps was (RFC 3339).
    pub(crate) ended_at: &'a str,
}

/// The data of `ivr.voicemail.received`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VoicemailReceived<'a> {
    /// The message's id.
    pub(crate) id: &'a str,
    /// The carrier's id of the call.
    pub(crate) call: &'a str,
    /// Who called.
    pub(crate) from: &'a str,
    /// Who was called.
    pub(crate) to: &'a str,
    /// The menu.
    pub(crate) menu: &'a str,
    /// Whose message it is.
    pub(crate) mailbox: Option<&'a str>,
    /// The carrier's id of the recording.
    pub(crate) recording: Option<&'a str>,
    /// How long it is, in seconds.
    pub(crate) duration_s: Option<u32>,
    /// When (RFC 3339).
    pub(crate) received_at: &'a str,
}

/// The data of `ivr.voicemail.transcribed`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VoicemailTranscribed<'a> {
    /// The message's id.
    pub(crate) id: &'a str,
    /// The carrier's id of the call.
    pub(crate) call: &'a str,
    /// Who called.
    pub(crate) from: &'a str,
    /// Whose message it is.
    pub(crate) mailbox: Option<&'a str>,
    /// What it says. At most 100,000 characters; list-messages has all of it.
    pub(crate) text: &'a str,
}

/// The data of `ivr.survey.answered`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SurveyAnswered<'a> {
    /// The carrier's id of the call.
    pub(crate) call: &'a str,
    /// Who called.
    pub(crate) from: &'a str,
    /// The menu.
    pub(crate) menu: &'a str,
    /// The survey's name.
    pub(crate) survey: &'a str,
    /// The question's id.
    pub(crate) question: &'a str,
    /// The key.
    pub(crate) key: &'a str,
    /// When (RFC 3339).
    pub(crate) answered_at: &'a str,
}

/// The data of `ivr.spend.alert`, by what the settings say that calls cost.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SpendAlert {
    /// When the window of time began (RFC 3339).
    pub(crate) window_start: String,
    /// When it ends.
    pub(crate) window_end: String,
    /// What it has come to.
    pub(crate) spent: Amount,
    /// What it had to stay within.
    pub(crate) threshold: Amount,
    /// What the windows before it came to on average, if that is what it was compared with.
    pub(crate) baseline: Option<Amount>,
}

/// Money.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Amount {
    /// In the smallest unit of the currency.
    pub(crate) amount: i64,
    /// ISO 4217.
    pub(crate) currency: String,
}

impl From<&Alert> for SpendAlert {
    fn from(alert: &Alert) -> Self {
        Self {
            window_start: time::rfc3339(alert.window_start),
            window_end: time::rfc3339(alert.window_end),
            spent: Amount::from(&alert.spent),
            threshold: Amount::from(&alert.threshold),
            baseline: alert.baseline.as_ref().map(Amount::from),
        }
    }
}

impl From<&Money> for Amount {
    fn from(money: &Money) -> Self {
        Self { amount: money.minor_units(), currency: money.currency.clone() }
    }
}
