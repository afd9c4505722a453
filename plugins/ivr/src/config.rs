//! The org's settings: what every call hears, what no call may say, and what calls may cost.

use patchbay_sdk::{Error, Violation, installation};
use patchbay_telephony::guard::{Destinations, Spike, Window};
use patchbay_telephony::money::Money;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::check::{Problem, check_prompt};
use crate::menu::Prompt;

/// Settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What every caller hears first, to its end: no key skips it. As in "This call may be recorded."
    pub disclosure: Option<Prompt>,
    /// What is said before the first question of a survey.
    pub survey_disclaimer: Prompt,
    /// What is said where a menu has no words of its own.
    pub texts: Texts,
    /// Phrases that no prompt may have, whatever is between their words and however they are written. At most 500.
    #[schemars(length(max = 500), inner(length(min = 1, max = 200)))]
    pub prohibited_phrases: Vec<String>,
    /// Where calls may be transferred to.
    pub destinations: Destinations,
    /// How many calls are answered.
    pub rates: Rates,
    /// What a caller gets who is not answered for that.
    pub refusal: Refusal,
    /// When spending is out of the ordinary; without it nobody is told.
    pub spend: Option<Spend>,
    /// Who writes down what voicemail says; without it nobody does. The plugin has to be switched on, and its use is its own.
    pub transcription: Option<Transcription>,
    /// How many answers one call gets before it is ended.
    #[schemars(range(min = 10, max = 500))]
    pub max_steps: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            disclosure: None,
            survey_disclaimer: Prompt::say("Your answers to the following questions will be stored."),
            texts: Texts::default(),
            prohibited_phrases: Vec::new(),
            destinations: Destinations::default(),
            rates: Rates::default(),
            refusal: Refusal::default(),
            spend: None,
            transcription: None,
            max_steps: 60,
        }
    }
}

/// Words for everything that a menu need not say itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Texts {
    /// After a key without an option.
    pub invalid: Prompt,
    /// Before the call ends.
    pub goodbye: Prompt,
    /// Where nobody answers a transfer, and nothing else is to happen.
    pub unavailable: Prompt,
    /// Before the tone.
    pub voicemail: Prompt,
    /// After a message.
    pub recorded: Prompt,
    /// Where no message was left.
    pub not_recorded: Prompt,
    /// To a caller who is refused by words.
    pub refused: Prompt,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            invalid: Prompt::say("That is not one of the choices."),
            goodbye: Prompt::say("Goodbye."),
            unavailable: Prompt::say("Nobody can take your call at the moment. Please try again later. Goodbye."),
            voicemail: Prompt::say("Please leave a message after the tone. Press the pound key when you are done."),
            recorded: Prompt::say("Thank you. Your message was recorded. Goodbye."),
            not_recorded: Prompt::say("No message was recorded. Goodbye."),
            refused: Prompt::say("Your call cannot be taken at the moment. Please try again later."),
        }
    }
}

/// How many calls are answered in how much time. Calls above it are refused. A window begins with a whole multiple of its
/// length since 1970, UTC.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// From one number.
    pub per_caller: Option<Window>,
    /// To one number.
    pub per_number: Option<Window>,
}

/// What a caller gets who is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// A busy line. The call is not answered, and costs nothing.
    #[default]
    Busy,
    /// A line that does not take calls. The same.
    Reject,
    /// The text `refused`. The call is answered.
    Say,
}

/// What calls cost, roughly, and what of it is out of the ordinary in one window of time. Amounts are decimals, as `0.0125`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spend {
    /// ISO 4217, as `USD`.
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    pub currency: String,
    /// For each call that is answered.
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub per_call: String,
    /// For each transfer.
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub per_transfer: String,
    /// The window, in seconds.
    #[serde(default = "hour")]
    #[schemars(range(min = 60, max = 86_400))]
    pub window_s: u32,
    /// A window that comes to more is out of the ordinary.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub most: Option<String>,
    /// So is one that comes to so many times the average of the day before it.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub factor: Option<String>,
    /// But never one that comes to less than this.
    #[serde(default = "nothing")]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub least: String,
}

/// Who writes down what voicemail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transcription {
    /// The plugin `assemblyai`.
    Assemblyai,
}

const fn hour() -> u32 {
    3600
}

fn nothing() -> String {
    "0".to_owned()
}

impl Config {
    /// The org's settings.
    pub(crate) fn load() -> Result<Self, Error> {
        installation::config()
    }

    /// What has no place in a schema.
    pub(crate) fn validate(&self) -> Result<(), Vec<Violation>> {
        let mut found = Vec::new();
        for (at, prompt) in self.prompts() {
            check_prompt(at, prompt, &self.prohibited_phrases, &mut found);
            if prompt.blob.is_some() {
                found.push(Problem::new(format!("{at}/blob"), "say or play: a setting outlasts files"));
            }
            if prompt.known.is_some() {
                found.push(Problem::new(format!("{at}/known"), "say or play: what is set here, everybody hears alike"));
            }
        }
        if let Some(spend) = &self.spend {
            let amounts = [
                ("per_call", Some(&spend.per_call)),
                ("per_transfer", Some(&spend.per_transfer)),
                ("most", spend.most.as_ref()),
                ("factor", spend.factor.as_ref()),
                ("least", Some(&spend.least)),
            ];
            for (name, amount) in amounts {
                if amount.is_some_and(|amount| decimal(amount).is_none()) {
                    found.push(Problem::new(format!("/spend/{name}"), "a decimal as 0.0125"));
                }
            }
            if spend.most.is_none() && spend.factor.is_none() {
                found.push(Problem::new("/spend", "most or factor: without both nothing is out of the ordinary"));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(found.iter().map(|problem| problem.violation("")).collect()) }
    }

    fn prompts(&self) -> impl Iterator<Item = (&'static str, &Prompt)> {
        let Texts { invalid, goodbye, unavailable, voicemail, recorded, not_recorded, refused } = &self.texts;
        let texts = [
            ("/survey_disclaimer", &self.survey_disclaimer),
            ("/texts/invalid", invalid),
            ("/texts/goodbye", goodbye),
            ("/texts/unavailable", unavailable),
            ("/texts/voicemail", voicemail),
            ("/texts/recorded", recorded),
            ("/texts/not_recorded", not_recorded),
            ("/texts/refused", refused),
        ];
        self.disclosure.iter().map(|prompt| ("/disclosure", prompt)).chain(texts)
    }
}

impl Spend {
    /// What a call and its transfers cost, roughly.
    pub(crate) fn cost(&self, calls: u32, transfers: u32) -> Option<Money> {
        let of = |amount: &str, times: u32| decimal(amount)?.checked_mul(Decimal::from(times));
        let amount = of(&self.per_call, calls)?.checked_add(of(&self.per_transfer, transfers)?)?;
        Some(Money { amount, currency: self.currency.clone() })
    }

    /// What is out of the ordinary. The average is that of a day.
    pub(crate) fn spike(&self) -> Spike {
        Spike {
            window_s: self.window_s,
            most: self.most.as_deref().and_then(decimal),
            factor: self.factor.as_deref().and_then(decimal),
            least: decimal(&self.least).unwrap_or_default(),
            baseline_windows: (86_400 / self.window_s.max(1)).clamp(1, 168),
        }
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    text.parse().ok()
}
