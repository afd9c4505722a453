//! A call that comes in tells whether a forwarding works.
//!
//! Whoever answers the call only looks; what follows is kept by a job, so that nothing that fails there keeps the answer back.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::records::Document;
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, jobs, log};
use patchbay_telephony::phone::Number;
use serde::{Deserialize, Serialize};

use super::diversion;
use super::record::{self, Proof, State, Stored};
use crate::form::field;

/// Its kind in the manifest.
pub(super) const JOB: &str = "forwarded-call";

/// How exactly it is kept when a call was last forwarded: a busy line does not write with each call.
const EXACT_MS: u64 = 3_600_000;

/// A forwarded call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Forwarded {
    by: Number,
    to: Number,
    at: Timestamp,
}

/// Looks at the form of a voice webhook: a call to the destination of a forwarding, forwarded by its number, confirms one that
/// waits for that. Of others the time is kept: one that was disabled and still forwards shows it by that.
pub(crate) fn observe(fields: &[(String, String)], now: Timestamp) {
    let planned = seen(fields, now).and_then(|seen| match seen {
        Some(forwarded) => jobs::Plan::new().key(forwarded.by.as_str()).enqueue(JOB, &forwarded).map(drop),
        None => Ok(()),
    });
    if let Err(error) = planned {
        log::warn("a forwarded call is not kept", &[("error", &error.to_string())]);
    }
}

/// What the form tells that is not known yet.
fn seen(fields: &[(String, String)], now: Timestamp) -> Result<Option<Forwarded>, Error> {
    let Some(to) = field(fields, "To").and_then(|text| Number::parse(text, None).ok()) else { return Ok(None) };
    let Some(by) = diversion::of(fields, &to) else { return Ok(None) };
    let forwarded = Forwarded { by, to, at: now };
    Ok(news(&forwarded)?.map(|_| forwarded))
}

/// Keeps what was seen.
pub(super) fn step(step: Step<Forwarded, ()>) -> Result<Next<(), ()>, Error> {
    let forwarded = step.payload;
    // another call may have told the same meanwhile
    if let Some(mut found) = news(&forwarded)? {
        found.data.last_call_at = Some(forwarded.at);
        if found.data.state == State::Pending {
            record::confirm(&forwarded.by, found, Proof::Call)?;
        } else {
            record::put(&forwarded.by, &found.data, found.version)?;
        }
    }
    Ok(Next::Done(()))
}

/// The forwarding that a call belongs to, if it tells something of it that is not known.
fn news(call: &Forwarded) -> Result<Option<Document<Stored>>, Error> {
    let found = record::get(&call.by)?.filter(|found| found.data.destination == call.to);
    Ok(found.filter(|found| {
        let Stored { state, disabled_at, last_call_at, .. } = &found.data;
        let seen_before_the_end =
            |seen: Timestamp| *state == State::Disabled && disabled_at.is_some_and(|end| seen <= end && end < call.at);
        *state == State::Pending
            || last_call_at.is_none_or(|seen| seen + EXACT_MS <= call.at || seen_before_the_end(seen))
    }))
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
        observe(&fields, host.now());
        host.work_off::<crate::Twilio>().unwrap();
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
