//! Commands on calls, each with a `command_id` by which Telnyx drops a repeat within 60 seconds.
//!
//! The id is made of what is asked and by whom, so a repeat under the caller's `Idempotency-Key`, and one that the hub sends
//! because an answer broke off, is the same command. Rejected: a random id per request, which would make each repeat a new
//! one.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use patchbay_sdk::{Call, Error, http};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::api;
use crate::types::calls::Done;

/// Members that Telnyx takes as base64 and gives back with each event.
const STATES: [&str; 2] = ["client_state", "target_leg_client_state"];

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    result: String,
    #[serde(default)]
    recording_id: Option<String>,
}

/// A UUID of version 8 (RFC 9562): the beginning of a hash of the parts, which do not run into each other.
pub(crate) fn uuid(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // as long here as in the hub, where a usize is shorter
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes: [u8; 16] = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = *version & 0x0f | 0x80;
    *variant = *variant & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // writing to a String cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The id of what a call of an action asks for, about `subject`.
pub(crate) fn id<I>(asked: &Call<I>, subject: &str) -> String {
    let (kind, key) = match &asked.idempotency_key {
        Some(key) => ("key", key.as_str()),
        None => ("run", asked.run.as_str()),
    };
    uuid(&["telnyx command", kind, key, &asked.action, subject])
}

/// What is sent: the members that say something, states in base64, and the command's id.
///
/// # Errors
/// [`Error::Internal`] for what is no object.
pub(crate) fn body<T: Serialize + ?Sized>(members: &T, command_id: &str) -> Result<Map<String, Value>, Error> {
    let value = serde_json::to_value(members).map_err(|error| Error::Internal(error.to_string()))?;
    let Value::Object(mut members) = value else {
        return Err(Error::Internal("a command is an object".to_owned()));
    };
    members.retain(|_, member| !member.is_null());
    for name in STATES {
        if let Some(Value::String(state)) = members.get_mut(name) {
            *state = STANDARD.encode(&*state);
        }
    }
    members.insert("command_id".to_owned(), Value::from(command_id));
    Ok(members)
}

/// Sends the command `name` to the call that the input names as `call_control_id`.
///
/// # Errors
/// [`Error::Conflict`] for a call that has ended, and as [`api::send`].
pub(crate) fn send<I: Serialize>(asked: &Call<I>, call: &str, name: &str) -> Result<Done, Error> {
    let command_id = id(asked, call);
    let mut members = body(&asked.input, &command_id)?;
    members.shift_remove("call_control_id");
    // the other leg of a bridge goes under the name that the path has already
    if let Some(other) = members.shift_remove("other_call_control_id") {
        members.insert("call_control_id".to_owned(), other);
    }
    let path = format!("/calls/{}/actions/{name}", api::segment("/call_control_id", call)?);
    // Telnyx drops a repeat of the command
    let request = http::Request::post(api::url(&path)).json(&members)?.repeatable(true);
    let Outcome { result, recording_id } = api::data(request)?;
    Ok(Done { result, command_id, recording_id })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(run: &str, key: Option<&str>, action: &str) -> Call<()> {
        let idempotency_key = key.map(str::to_owned);
        Call { run: run.to_owned(), action: action.to_owned(), input: (), attachment: None, idempotency_key }
    }

    #[test]
    fn an_id_is_a_uuid_and_the_same_for_the_same() {
        let first = id(&asked("run_1", None, "speak"), "v3:a");
        assert_eq!((first.len(), &first[14..15]), (36, "8"));
        assert!(matches!(&first[19..20], "8" | "9" | "a" | "b"), "{first}");
        assert_eq!(first, id(&asked("run_1", None, "speak"), "v3:a"));
        for other in [
            id(&asked("run_2", None, "speak"), "v3:a"),
            id(&asked("run_1", None, "hangup"), "v3:a"),
            id(&asked("run_1", None, "speak"), "v3:b"),
            id(&asked("run_1", Some("run_1"), "speak"), "v3:a"),
        ] {
            assert_ne!(first, other);
        }
        // under a key it does not matter which run it is
        assert_eq!(id(&asked("run_1", Some("k"), "speak"), "v3:a"), id(&asked("run_2", Some("k"), "speak"), "v3:a"));
    }

    #[test]
    fn states_are_sent_as_base64_and_what_says_nothing_is_left_out() {
        let members = body(&json!({"to": "+1", "client_state": "ü", "timeout_secs": null}), "id").unwrap();
        assert_eq!(Value::Object(members), json!({"to": "+1", "client_state": "w7w=", "command_id": "id"}));
    }
}
