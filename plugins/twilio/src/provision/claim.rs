//! A claim: one number that one subscription has a right to, and how far it has come.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, records};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::NumberKind;

/// The collection in the manifest.
pub(crate) const CLAIMS: &str = "claims";

/// Documents that are read at a time.
const PAGE: u32 = 500;

/// How far a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A number is to be looked for; none was asked for yet.
    Planned,
    /// Twilio is asked for `candidate`, or was and may have sold it.
    Buying,
    /// The account has the number.
    Active,
    /// Twilio is asked to take the number back, or was and may have done so.
    Ending,
    /// There is no number, and nothing is to be paid.
    Released,
    /// Twilio, the settings or their cap did not allow it; `problem` says why.
    Refused,
    /// Somebody has released the number at Twilio.
    Lost,
}

/// One number of one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// Whose subscription it is: `plan`, `stripe` or `own`.
    pub source: String,
    /// The subscription: Stripe's id, or a name of the organization's own; `plan` for its plan.
    pub subscription: String,
    /// 1 for the subscription's first number.
    pub index: u16,
    /// The subscription has a right to it.
    pub wanted: bool,
    /// When what decided that happened, in milliseconds since the Unix epoch: what is older does not count.
    pub as_of: Timestamp,
    /// The subscription is over for good.
    pub over: bool,
    /// How far it is.
    pub state: State,
    /// How many numbers it had before this one.
    pub cycle: u32,
    /// The name of the number at Twilio.
    pub reference: String,
    /// Two letters (ISO 3166-1).
    pub country: String,
    /// The kind.
    pub kind: NumberKind,
    /// A month of it, in minor units of `currency`, when it was claimed.
    pub monthly: u32,
    /// Three letters (ISO 4217).
    pub currency: String,
    /// The number that Twilio is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// The number, in E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Its SID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// When it is to be released, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_at: Option<Timestamp>,
    /// When the last answer was lost that may have changed something, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Timestamp>,
    /// How often Twilio could not be asked since something was done.
    #[serde(default)]
    pub tries: u32,
    /// Why it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A claim as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) claim: Claim,
}

impl Stored {
    /// The claim of an id, if there is one.
    pub(crate) fn get(id: &str) -> Result<Option<Self>, Error> {
        let found = records::get::<Claim>(CLAIMS, id)?;
        Ok(found.map(|found| Self { id: found.id, version: found.version, claim: found.data }))
    }

    /// All of the installation, as they are committed.
    pub(crate) fn all() -> Result<Vec<Self>, Error> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = records::query::<Claim>(CLAIMS, &json!({}), PAGE, after.as_deref())?;
            let found = page.documents.into_iter();
            all.extend(found.map(|found| Self { id: found.id, version: found.version, claim: found.data }));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Writes what it has become.
    ///
    /// # Errors
    /// [`Error::Conflict`] if somebody else has written it meanwhile.
    pub(crate) fn put(&mut self) -> Result<(), Error> {
        self.version = records::put(CLAIMS, &self.id, &self.claim, Some(self.version))?;
        Ok(())
    }
}

impl Claim {
    /// True while something may have to be paid for it, or is to be.
    pub(crate) const fn costs(&self) -> bool {
        matches!(self.state, State::Planned | State::Buying | State::Active | State::Ending)
    }

    /// True for one that a job has something to do for, as of `now`.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        match self.state {
            State::Planned | State::Buying | State::Ending => true,
            State::Active => !self.wanted && self.release_at.is_none_or(|at| at <= now),
            State::Released => self.wanted,
            State::Refused | State::Lost => false,
        }
    }
}

/// The id of a claim.
pub(crate) fn id(source: &str, subscription: &str, index: u16) -> String {
    format!("{source}:{subscription}:{index}")
}
