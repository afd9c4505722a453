//! The org's settings.

use patchbay_sdk::{Error, Violation, installation};
use patchbay_telephony::guard::{Destinations, Window};
use patchbay_telephony::phone::Number;
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the settings say whom callers are forwarded to.
const FORWARD: &str = "/unanswered/forward_to";

/// Settings.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The Call Control application that calls are made with, and TeXML or Call Control application that numbers are ordered
    /// for, where an action names none: its id at Telnyx, digits.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub connection_id: Option<String>,
    /// Who calls, where an action does not say: a number of the Telnyx account.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub from: Option<String>,
    /// The country of numbers that are written without one: ISO 3166-1, two letters. Default: none, numbers begin with a plus.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Z]{2}$"))]
    pub default_country: Option<String>,
    /// Which numbers may be called.
    #[serde(default)]
    pub destinations: Destinations,
    /// How often one and the same number may be called. Default: 20 times an hour.
    #[serde(default)]
    pub calls_per_number: Option<Window>,
    /// What becomes of a caller for whose number no menu is published. Default: they are rejected.
    #[serde(default)]
    pub unanswered: Unanswered,
    /// Recordings are fetched and kept by the hub. Default: yes.
    #[serde(default)]
    pub keep_recordings: Option<bool>,
    /// Where Telnyx keeps recordings, for an account with a bucket of its own: `https://bucket.s3.eu-west-1.amazonaws.com`. An
    /// admin approves the host.
    #[serde(default)]
    #[schemars(length(max = 300))]
    pub recordings_url: Option<String>,
}

/// What becomes of a caller whom no menu answers.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unanswered {
    /// They are connected with this number. Default: they are rejected.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub forward_to: Option<String>,
    /// They hear the busy tone when they are rejected, and not that the number does not take calls.
    #[serde(default)]
    pub busy: bool,
}

impl Config {
    /// The installation's.
    pub(crate) fn load() -> Result<Self, Error> {
        installation::config()
    }

    /// Numbers that are none, before anybody calls them.
    pub(crate) fn validate(&self) -> Result<(), Vec<Violation>> {
        let numbers = [("/from", &self.from), (FORWARD, &self.unanswered.forward_to)];
        let mut wrong = Vec::new();
        for (pointer, text) in numbers {
            let Some(text) = text else { continue };
            match Number::parse(text, self.default_country.as_deref()) {
                // asked here, because a caller who is forwarded does not wait for it
                Ok(number) if pointer == FORWARD => {
                    if let Err(refusal) = self.destinations.check(&number) {
                        wrong.push(Violation::new(pointer, format!("a number that may be called: {refusal}")));
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    wrong.push(Violation::new(pointer, format!("a telephone number: what is there {error}")));
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Reads a number as people write it.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `pointer`; the text is not repeated.
    pub(crate) fn number(&self, pointer: &str, text: &str) -> Result<Number, Error> {
        Number::parse(text, self.default_country.as_deref())
            .map_err(|error| Error::invalid(pointer, format!("a telephone number: what is there {error}")))
    }

    /// How often a number may be called.
    pub(crate) fn calls_per_number(&self) -> Window {
        self.calls_per_number.unwrap_or(Window::per_hour(20))
    }

    /// True if the hub keeps recordings.
    pub(crate) fn keeps_recordings(&self) -> bool {
        self.keep_recordings.unwrap_or(true)
    }

    /// The application that is meant.
    ///
    /// # Errors
    /// [`Error::Invalid`] if neither the input nor the settings name one.
    pub(crate) fn connection(&self, named: Option<String>) -> Result<String, Error> {
        named.or_else(|| self.connection_id.clone()).ok_or_else(|| {
            Error::invalid("/connection_id", "the id of an application at Telnyx, here or in the setting connection_id")
        })
    }
}
