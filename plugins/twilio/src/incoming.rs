//! Numbers that an account has: what Twilio tells of them, and the record that the rest of the hub sees.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Error, objects};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Api;
use crate::config::{Config, NumberKind};
use crate::form::Parameters;

/// Where numbers are, below the account.
pub(crate) const NUMBERS: &str = "/IncomingPhoneNumbers";

/// The name under which lists have them.
pub(crate) const KEY: &str = "incoming_phone_numbers";

/// What Twilio tells of a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incoming {
    /// Its SID: `PN…`.
    pub sid: String,
    /// In E.164.
    pub phone_number: String,
    /// What it is called at Twilio.
    #[serde(default)]
    pub friendly_name: Option<String>,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Option<Value>,
    /// What answers its calls.
    #[serde(default)]
    pub voice_url: Option<String>,
    /// What gets its messages.
    #[serde(default)]
    pub sms_url: Option<String>,
    /// What is told how its calls go.
    #[serde(default)]
    pub status_callback: Option<String>,
    /// Since when it is the account's: RFC 2822.
    #[serde(default)]
    pub date_created: Option<String>,
}

impl Incoming {
    /// What it is called; empty for nothing.
    pub(crate) fn name(&self) -> &str {
        self.friendly_name.as_deref().unwrap_or_default()
    }

    /// What it can do, in the words of the standard object. Twilio writes the names in either case.
    fn features(&self) -> Vec<String> {
        let all = self.capabilities.as_ref().and_then(Value::as_object).into_iter().flatten();
        let able = all.filter(|(_, can)| **can == Value::Bool(true)).map(|(name, _)| name.to_ascii_lowercase());
        let mut able: Vec<String> =
            able.filter(|name| matches!(name.as_str(), "voice" | "sms" | "mms" | "fax")).collect();
        able.sort_unstable();
        able.dedup();
        able
    }
}

/// What is known of a number beside what Twilio tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) country: Option<String>,
    pub(crate) kind: Option<NumberKind>,
    /// A month, in minor units of the currency.
    pub(crate) price: Option<(u32, String)>,
    /// The claim that it was bought for.
    pub(crate) claim: Option<String>,
}

/// All numbers of the account that Twilio finds by this.
///
/// # Errors
/// As [`Api::all`].
pub(crate) fn list(api: &Api, filter: Parameters) -> Result<Vec<Incoming>, Error> {
    api.all(NUMBERS, KEY, filter)
}

/// The number of exactly this text, if the account has it: Twilio's filter takes parts of numbers, too.
///
/// # Errors
/// As [`Api::all`].
pub(crate) fn find(api: &Api, number: &str) -> Result<Option<Incoming>, Error> {
    let found = list(api, Parameters::new().set("PhoneNumber", number))?;
    Ok(found.into_iter().find(|one| one.phone_number == number))
}

/// True for a number that the account has, by its record.
///
/// # Errors
/// As [`patchbay_sdk::records::query`].
pub(crate) fn is_known(number: &str) -> Result<bool, Error> {
    let filter = json!({"number": number, "status": "active"});
    let page = patchbay_sdk::records::query::<Value>(objects::PHONE_NUMBER, &filter, 100, None)?;
    // another carrier's record may be of the same number, of a time before
    Ok(page.documents.iter().any(|found| found.id.starts_with("twilio:")))
}

/// The id of its record.
pub(crate) fn record_id(sid: &str) -> String {
    format!("twilio:{sid}")
}

/// Writes the record of a number that the account has, and meters it for this month.
///
/// # Errors
/// As [`objects::change`].
pub(crate) fn record(number: &Incoming, terms: &Terms) -> Result<(), Error> {
    let now = clock::now();
    objects::change(objects::PHONE_NUMBER, &record_id(&number.sid), |fields| {
        fields.insert("number".to_owned(), json!(number.phone_number));
        fields.insert("status".to_owned(), json!("active"));
        fields.insert("capabilities".to_owned(), json!(number.features()));
        fields.entry("purchased_at").or_insert_with(|| json!(clock::rfc3339(now)));
        fields.remove("released_at");
        fields.insert("external_ids".to_owned(), json!({"twilio": number.sid}));
        if let Some(country) = &terms.country {
            fields.insert("country".to_owned(), json!(country));
        }
        if let Some(kind) = terms.kind {
            fields.insert("kind".to_owned(), json!(kind.as_str()));
        }
        if let Some((amount, currency)) = &terms.price {
            fields.insert("monthly_price".to_owned(), json!({"amount": amount, "currency": currency}));
        }
        if let Some(claim) = &terms.claim {
            fields.insert("assigned_to".to_owned(), json!({"kind": "subscription", "id": claim}));
        }
    })?;
    meter(&number.phone_number, now)
}

/// Writes down that a number is no longer the account's. Nothing for one that was never recorded.
///
/// # Errors
/// As [`objects::change`].
pub(crate) fn record_release(sid: &str) -> Result<(), Error> {
    let id = record_id(sid);
    if patchbay_sdk::records::get::<Value>(objects::PHONE_NUMBER, &id)?.is_none() {
        return Ok(());
    }
    let now = clock::rfc3339(clock::now());
    objects::change(objects::PHONE_NUMBER, &id, |fields| {
        fields.insert("status".to_owned(), json!("released"));
        fields.entry("released_at").or_insert_with(|| json!(now));
    })
    .map(drop)
}

/// Meters a number for the month of a point in time: once, however often it is said.
///
/// # Errors
/// As [`usage::add`].
pub(crate) fn meter(number: &str, at: Timestamp) -> Result<(), Error> {
    let month: String = clock::rfc3339(at).chars().take(7).collect();
    usage::add("number", 1, Basis::Reported, Some(&format!("{number}/{month}")))
}

/// What a new number is told: everything comes to the hub.
pub(crate) fn hooks(parameters: Parameters, webhook: &str) -> Parameters {
    parameters
        .set("VoiceUrl", webhook)
        .set("VoiceMethod", "POST")
        .set("StatusCallback", webhook)
        .set("StatusCallbackMethod", "POST")
        .set("SmsUrl", webhook)
        .set("SmsMethod", "POST")
}

/// Where numbers of a kind are bought. Twilio then refuses one of another kind, which would have another price; it has no such
/// place for national numbers.
pub(crate) fn shop(kind: NumberKind) -> String {
    match kind {
        NumberKind::National => NUMBERS.to_owned(),
        kind => format!("{NUMBERS}/{}", kind.resource()),
    }
}

/// The account of the settings.
///
/// # Errors
/// As [`Config::load`].
pub(crate) fn account() -> Result<(Config, Api), Error> {
    let config = Config::load()?;
    let api = Api::of(&config);
    Ok((config, api))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_in_either_case() {
        let number: Incoming = serde_json::from_value(json!({
            "sid": "PN1", "phone_number": "+15551230001", "capabilities": {"voice": true, "SMS": true, "MMS": false, "fax": false},
        }))
        .unwrap();
        assert_eq!(number.features(), ["sms", "voice"]);
    }
}
