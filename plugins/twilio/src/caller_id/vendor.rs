//! Twilio's part: <https://www.twilio.com/docs/voice/api/outgoing-caller-ids>.

use patchbay_sdk::{Error, installation};
use patchbay_telephony::phone::Number;
use serde::Deserialize;

use super::record::Stored;
use crate::api::{self, Api};
use crate::form::Parameters;

const RESOURCE: &str = "/OutgoingCallerIds";

/// Twilio's code for a number that is verified already. <https://www.twilio.com/docs/errors/21450>
pub(super) const ALREADY_VERIFIED: i64 = 21450;

/// A call with a code that Twilio makes. Without `Debug`, so that the code gets into no text by accident.
#[derive(Deserialize)]
pub(super) struct Started {
    pub(super) call_sid: String,
    pub(super) validation_code: String,
}

/// A caller id that Twilio has verified.
#[derive(Debug, Deserialize)]
pub(super) struct Known {
    pub(super) sid: String,
    pub(super) phone_number: String,
    #[serde(default)]
    pub(super) friendly_name: Option<String>,
}

#[derive(Deserialize)]
struct List {
    outgoing_caller_ids: Vec<Known>,
}

/// Has Twilio ring the number.
///
/// # Errors
/// As [`Api::post`]; [`ALREADY_VERIFIED`] is the code of a failure of Twilio.
pub(super) fn start(api: &Api, number: &Number, order: &Stored) -> Result<Started, Error> {
    let parameters = Parameters::new()
        .set("PhoneNumber", number.as_str())
        .maybe("FriendlyName", order.friendly_name.as_deref())
        .shown("CallDelay", order.call_delay)
        .maybe("Extension", order.extension.as_deref())
        .set("StatusCallback", installation::webhook_url())
        .set("StatusCallbackMethod", "POST");
    let response = api.post(RESOURCE, &parameters)?;
    // not by `WholeResponse::json`, whose error would show a part of what was read
    serde_json::from_slice(&response.body)
        .map_err(|_| Error::upstream(response.status, "Twilio rings, but its answer has no code to show"))
}

/// The caller id of this number, if Twilio has verified it.
///
/// # Errors
/// As [`Api::get`].
pub(super) fn find(api: &Api, number: &Number) -> Result<Option<Known>, Error> {
    let parameters = Parameters::new().set("PhoneNumber", number.as_str());
    let list: List = api.get(RESOURCE, &parameters)?.json()?;
    let found = list.outgoing_caller_ids.into_iter().find(|known| known.phone_number == number.as_str());
    match found {
        Some(known) if !api::is_sid(&known.sid, "PN") => {
            Err(Error::upstream(200, "Twilio's caller id has a SID that is none"))
        }
        found => Ok(found),
    }
}

/// Has Twilio forget a caller id; one that is not there is fine.
///
/// # Errors
/// As [`Api::delete`].
pub(super) fn delete(api: &Api, sid: &str) -> Result<(), Error> {
    api.delete(&format!("{RESOURCE}/{sid}"))
}
