//! A call that comes in tells whether a forwarding works.

use patchbay_sdk::{Error, clock};
use patchbay_telephony::phone::Number;

use super::diversion;
use super::record::{self, Proof, State};
use crate::form::field;

/// How exactly it is kept when a call was last forwarded: a busy line does not write with each call.
const EXACT_MS: u64 = 3_600_000;

/// Looks at the form of a voice webhook: a call to the destination of a forwarding, forwarded by its number, confirms one that
/// waits for that. Of others the time is kept: one that was disabled and still forwards shows it by that.
///
/// # Errors
/// What kept it from being stored. The call can be answered all the same.
pub(crate) fn observe(fields: &[(String, String)]) -> Result<(), Error> {
    let Some(to) = field(fields, "To").and_then(|text| Number::parse(text, None).ok()) else { return Ok(()) };
    let Some(by) = diversion::of(fields, &to) else { return Ok(()) };
    let Some(mut found) = record::get(&by)?.filter(|found| found.data.destination == to) else { return Ok(()) };
    let now = clock::now();
    let seen = found.data.last_call_at;
    let is_news =
        seen.is_none_or(|seen| seen + EXACT_MS <= now || found.data.disabled_at.is_some_and(|end| seen < end));
    if found.data.state == State::Pending {
        found.data.last_call_at = Some(now);
        record::confirm(&by, found, Proof::Call)?;
    } else if is_news {
        found.data.last_call_at = Some(now);
        record::put(&by, &found.data, found.version)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::MockHost;
    use serde_json::{Value, json};

    use super::*;

    const NUMBER: &str = "+15551230001";
    const OURS: &str = "+15551230002";

    fn host(state: &str, more: &Value) -> MockHost {
        let host = MockHost::with_manifest(include_str!("../../plugin.toml"));
        let mut stored =
            json!({"state": state, "carrier": "verizon", "mode": "missed", "destination": OURS, "set_up_at": 1});
        if let (Some(stored), Some(more)) = (stored.as_object_mut(), more.as_object()) {
            stored.extend(more.clone());
        }
        host.put_record("forwarding", NUMBER, &stored);
        host
    }

    fn call(host: &MockHost, to: &str, by: Option<&str>) -> Value {
        let mut fields = vec![("To".to_owned(), to.to_owned()), ("From".to_owned(), "+15559990000".to_owned())];
        fields.extend(by.map(|by| ("ForwardedFrom".to_owned(), by.to_owned())));
        observe(&fields).unwrap();
        host.record("forwarding", NUMBER).unwrap()
    }

    #[test]
    fn a_forwarded_call_confirms_what_waits_for_one_and_is_told_once() {
        let host = host("pending", &json!({}));
        for (to, by) in [(OURS, None), (OURS, Some("+15551230007")), ("+15551230003", Some(NUMBER))] {
            assert_eq!(call(&host, to, by)["state"], "pending", "{to} {by:?}");
        }
        for _ in 0..2 {
            let stored = call(&host, OURS, Some("5551230001"));
            assert_eq!((&stored["state"], &stored["confirmed_by"]), (&json!("active"), &json!("call")));
        }
        let events = host.events();
        assert_eq!((events.len(), events[0].kind.as_str()), (1, "twilio.forwarding.confirmed"));
        assert_eq!(events[0].data["confirmed_by"], "call");
    }

    #[test]
    fn a_call_after_the_end_is_seen_and_makes_nothing_active() {
        let (seen, end) = (1_793_491_100_000_u64, 1_793_491_150_000_u64);
        let host = host("disabled", &json!({"disabled_at": end, "last_call_at": seen}));
        let stored = call(&host, OURS, Some(NUMBER));
        assert_eq!((&stored["state"], &stored["last_call_at"]), (&json!("disabled"), &json!(host.now())));
        assert!(host.events().is_empty());
    }

    #[test]
    fn a_busy_line_writes_once_an_hour() {
        let host = host("active", &json!({}));
        let first = host.now();
        assert_eq!(call(&host, OURS, Some(NUMBER))["last_call_at"], json!(first));
        host.set_now(first + EXACT_MS - 1);
        assert_eq!(call(&host, OURS, Some(NUMBER))["last_call_at"], json!(first));
        host.set_now(first + EXACT_MS);
        assert_eq!(call(&host, OURS, Some(NUMBER))["last_call_at"], json!(first + EXACT_MS));
    }
}
