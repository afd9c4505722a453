//! One attempt: the payload is signed, sent once, and the answer judged.
//!
//! By Standard Webhooks: 2xx is success and nothing else, a redirect is a failure, 410 ends the endpoint, and who asks for a
//! pause gets it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use patchbay_egress::{EgressError, Post, Posted, Redactor};
use patchbay_model::{
    Failure, Timestamp,
    delivery::{Answer, Attempt, AttemptError, DeliveryStatus, KEPT_ANSWER},
    endpoint::DisabledReason,
};
use patchbay_storage::{DeliveryOutcome, DueDelivery, EventSpan};

use super::{
    LiveEndpoint, Payload,
    lane::Told,
    measure, schedule,
    settle::{ENOUGH, Effect, Ended},
};
use crate::{
    call,
    hub::{Hub, Inner, lock},
};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("patchbay/", env!("CARGO_PKG_VERSION")));

/// What came of a try.
enum Tried {
    /// The endpoint answered.
    Answered(Posted),
    /// It did not, or was not asked.
    Failed(AttemptError, String),
    /// There is nothing to send.
    Skipped,
    /// The endpoint is switched off or gone: it is not a try.
    Dropped,
}

/// What a try found.
#[derive(Default)]
struct Known {
    payload: Option<Arc<Payload>>,
    /// Of the endpoint that was tried; 0 if none was.
    version: u64,
}

/// What follows from it.
struct Verdict {
    told: Told,
    status: DeliveryStatus,
    next: Option<Timestamp>,
    error: Option<AttemptError>,
    disable: Option<DisabledReason>,
}

impl Inner {
    /// Tries a delivery once, and hands over what came of it.
    pub(super) async fn deliver(self: Arc<Self>, due: DueDelivery) {
        let (at, began) = (self.clock.now(), Instant::now());
        let mut known = Known::default();
        let tried = self.break_off.run_until_cancelled(self.try_once(&due, &mut known)).await;
        let (tried, took) = (tried.unwrap_or(Tried::Dropped), began.elapsed());
        let now = self.clock.now();
        let verdict = self.judge(&tried, due.attempts + 1, now);
        measure::tried(verdict.as_ref().map(|verdict| verdict.status), took);
        let told = verdict.as_ref().map_or(Told::Nothing, |verdict| verdict.told);
        let goes_on = verdict.as_ref().is_none_or(|verdict| verdict.next.is_some());
        let failing_before = self.config.deliveries.failing_before(now);
        let mut state = lock(&self.deliveries.state);
        let lane = state.lanes.get_mut(&due.lane);
        let hurries = lane.as_ref().is_some_and(|lane| lane.is_of_order());
        let failing = lane.is_some_and(|lane| lane.ended(told, goes_on, now, failing_before, &*self.random));
        state.leave(due.lane.org);
        let asked = verdict.as_ref().and_then(|verdict| verdict.disable);
        let reason = asked.or(failing.then_some(DisabledReason::Failing));
        let effect = reason.map_or(Effect::None, |reason| Effect::Disable(reason, known.version));
        let outcome = verdict.map(|verdict| DeliveryOutcome {
            lane: due.lane,
            sequence: due.sequence,
            id: due.id,
            attempt: attempt(&tried, &verdict, at, took),
            status: verdict.status,
            next: verdict.next.map(|next| (next, due.attempts + 1)),
        });
        let kind = known.payload.map(|payload| payload.kind.clone()).unwrap_or_default();
        state.ended.push(Ended { due, outcome, goes_on, kind, effect });
        state.hurries |= hurries || effect != Effect::None;
        if state.hurries || state.ended.len() >= ENOUGH {
            self.deliveries.enough.notify_one();
        }
        drop(state);
        self.settle_lanes();
        self.pump();
    }

    async fn try_once(self: &Arc<Self>, due: &DueDelivery, known: &mut Known) -> Tried {
        let live = match self.live_endpoint(due.lane).await {
            Ok(Some(live)) if live.endpoint.disabled.is_none() => live,
            Ok(_) => return Tried::Dropped,
            Err(failure) => return Tried::Failed(AttemptError::SecretUnavailable, call::told(&failure)),
        };
        known.version = live.endpoint.version;
        let payload = match self.payload(due).await {
            Ok(Some(payload)) => payload,
            Ok(None) => return Tried::Failed(AttemptError::EventGone, "the event is no longer kept".to_owned()),
            // the database is away: it is as if this had not begun
            Err(_) => return Tried::Dropped,
        };
        known.payload = Some(Arc::clone(&payload));
        let body = match &live.endpoint.settings.transform {
            None => payload.body.clone(),
            Some(transform) => match Hub(Arc::clone(self)).transformed(due.lane.org, transform, &payload).await {
                Ok(Some(body)) => body,
                Ok(None) => return Tried::Skipped,
                Err(failure) => return Tried::Failed(AttemptError::TransformFailed, call::told(&failure)),
            },
        };
        let post = self.signed_post(due, &live, body);
        match self.egress.post(post).await {
            Ok(posted) => Tried::Answered(Posted { answer: redacted(&live.redact, posted.answer), ..posted }),
            Err(error) => Tried::Failed(class(&error), live.redact.redact_str(&error.to_string()).into_owned()),
        }
    }

    async fn payload(&self, due: &DueDelivery) -> Result<Option<Arc<Payload>>, Failure> {
        let place = (due.lane.org, due.sequence);
        if let Some(payload) = self.deliveries.payloads.get(&place).await {
            return Ok(Some(payload));
        }
        let span = EventSpan { org: place.0, after: place.1 - 1, to: place.1 };
        let mut tx = self.database.read().await?;
        let events = tx.orgs([place.0]).events_in(&[span]).await?;
        Ok(events.first().map(|event| Arc::new(Payload::of(event))))
    }

    fn signed_post(&self, due: &DueDelivery, live: &LiveEndpoint, body: Bytes) -> Post {
        let (id, now) = (due.id.to_string(), self.clock.now());
        let mut headers = live.headers.clone();
        let signatures = live.signatures(&id, now, &body);
        let ours = [(ID, id), (TIMESTAMP, now.timestamp().to_string()), (SIGNATURE, signatures)];
        for (name, text) in ours {
            // digits, letters and what base64 has
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.entry(header::USER_AGENT).or_insert(AGENT);
        Post {
            org: due.lane.org,
            url: live.url.clone(),
            headers,
            body,
            timeout: self.config.deliveries.timeout(),
            most_answer: KEPT_ANSWER,
        }
    }

    /// None if it was no try at all.
    fn judge(&self, tried: &Tried, attempts: u32, now: Timestamp) -> Option<Verdict> {
        let done = |told, status, error| Verdict { told, status, next: None, error, disable: None };
        let failed = |error, told, asked: Option<Duration>| {
            let next = schedule::next(attempts, now, asked, &*self.random);
            let status = if next.is_some() { DeliveryStatus::Pending } else { DeliveryStatus::Exhausted };
            Verdict { told, status, next, error: Some(error), disable: None }
        };
        Some(match tried {
            Tried::Dropped => return None,
            Tried::Skipped => done(Told::Nothing, DeliveryStatus::Skipped, None),
            Tried::Answered(Posted { status: 200..=299, .. }) => done(Told::Taken, DeliveryStatus::Succeeded, None),
            Tried::Answered(Posted { status: 410, .. }) => Verdict {
                disable: Some(DisabledReason::Gone),
                ..done(Told::Failed, DeliveryStatus::Exhausted, Some(AttemptError::Status))
            },
            Tried::Answered(Posted { status, retry_after, .. }) => {
                // what cannot be read is no wish
                let asked = retry_after.filter(|asked| *asked < Duration::MAX);
                let told = match (*status, asked) {
                    (429 | 502 | 504, _) | (_, Some(_)) => Told::Throttled(schedule::throttle(asked, now)),
                    _ => Told::Failed,
                };
                failed(AttemptError::Status, told, asked)
            }
            Tried::Failed(AttemptError::EventGone, _) => {
                done(Told::Nothing, DeliveryStatus::Exhausted, Some(AttemptError::EventGone))
            }
            // the endpoint cannot be blamed for it
            Tried::Failed(AttemptError::SecretUnavailable, _) => {
                failed(AttemptError::SecretUnavailable, Told::Nothing, None)
            }
            Tried::Failed(error, _) => failed(*error, Told::Failed, None),
        })
    }
}

/// The attempt as it is kept; none if there was nothing to send.
fn attempt(tried: &Tried, verdict: &Verdict, at: Timestamp, took: Duration) -> Option<Attempt> {
    let (status, detail, answer) = match tried {
        Tried::Answered(posted) => {
            let detail = verdict.error.map(|_| format!("the endpoint answered {}", posted.status));
            (Some(posted.status), detail, kept(&posted.answer))
        }
        Tried::Failed(_, detail) => (None, Some(detail.clone()), None),
        Tried::Skipped | Tried::Dropped => return None,
    };
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    Some(Attempt { at, ms, status, error: verdict.error, detail, answer })
}

const fn class(error: &EgressError) -> AttemptError {
    match error {
        EgressError::AddressDenied(_) | EgressError::Denied(_) => AttemptError::AddressRefused,
        EgressError::Timeout | EgressError::Paused(_) => AttemptError::Timeout,
        EgressError::Unreachable(_) => AttemptError::Unreachable,
        EgressError::BrokenOff(_) => AttemptError::BrokenOff,
        EgressError::HeadersTooLarge(_) | EgressError::BodyTooLarge(_) | EgressError::InvalidRequest(_) => {
            AttemptError::InvalidAnswer
        }
    }
}

/// An endpoint that gives back what it was sent does not put the org's secrets into a log; nor the beginning of one, where
/// the answer is cut.
fn redacted(redact: &Arc<Redactor>, answer: Vec<u8>) -> Vec<u8> {
    if redact.is_empty() || answer.is_empty() {
        return answer;
    }
    let is_cut = answer.len() >= KEPT_ANSWER;
    let mut filter = redact.filter();
    let mut clean = filter.push(answer.into()).map(|bytes| bytes.to_vec()).unwrap_or_default();
    if !is_cut {
        clean.extend(filter.finish().into_iter().flatten());
    }
    clean.truncate(KEPT_ANSWER);
    clean
}

/// As text if it is; where it was cut in the middle of a character, up to there.
fn kept(answer: &[u8]) -> Option<Answer> {
    if answer.is_empty() {
        return None;
    }
    Some(match std::str::from_utf8(answer) {
        Ok(text) => Answer::Text(text.to_owned()),
        Err(error) if error.error_len().is_none() && answer.len() >= KEPT_ANSWER => {
            let text = answer.get(..error.valid_up_to()).unwrap_or_default();
            Answer::Text(String::from_utf8_lossy(text).into_owned())
        }
        Err(_) => Answer::Base64(BASE64_STANDARD.encode(answer)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_as_text_where_it_is_text() {
        assert_eq!(kept(b""), None);
        assert_eq!(kept("caf\u{e9}".as_bytes()), Some(Answer::Text("caf\u{e9}".to_owned())));
        assert_eq!(kept(&[0xff, 0xfe]), Some(Answer::Base64("//4=".to_owned())));
        let cut = ["x".repeat(KEPT_ANSWER - 1).as_bytes(), &[0xc3]].concat();
        assert_eq!(kept(&cut), Some(Answer::Text("x".repeat(KEPT_ANSWER - 1))));
    }

    #[test]
    fn of_a_secret_in_an_answer_nothing_is_kept_also_where_it_is_cut() {
        let redact = Arc::new(Redactor::new(["canary-of-a-header"]));
        let answer = |length: usize, end: &str| {
            let answer = redacted(&redact, [&b"!".repeat(length)[..], end.as_bytes()].concat());
            String::from_utf8(answer).unwrap()
        };
        assert_eq!(answer(1, "canary-of-a-header."), "!******************.");
        assert_eq!(answer(1, "canary-of"), "!canary-of", "it is all that there was");
        let cut = answer(KEPT_ANSWER - 9, "canary-of");
        assert_eq!(cut, "!".repeat(KEPT_ANSWER - 9));
    }
}
