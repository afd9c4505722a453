//! An event as endpoints get it: made once, for all endpoints and all attempts.
//!
//! The form is that of CloudEvents with the member `timestamp` that Standard Webhooks recommends.

use bytes::Bytes;
use patchbay_storage::RawEvent;

use crate::events::envelope::CloudEvent;

/// What is sent of an event.
#[derive(Debug)]
pub(crate) struct Payload {
    /// The event's type.
    pub(super) kind: String,
    pub(super) body: Bytes,
}

impl Payload {
    pub(crate) fn of(event: &RawEvent) -> Self {
        let envelope = CloudEvent::of_text(event).into_payload();
        // names are texts and the facts are JSON already, so there is nothing that would not serialize
        let body = serde_json::to_vec(&envelope).unwrap_or_default();
        Self { kind: event.kind.clone(), body: body.into() }
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        self.body.len() + self.kind.len() + 128
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::{EventId, OrgId, Timestamp};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_facts_are_sent_to_the_letter_in_the_form_of_two_standards() {
        let event = RawEvent {
            id: EventId(Uuid::from_u128(7)),
            org: OrgId(Uuid::from_u128(1)),
            sequence: 3,
            source: Some("stripe".parse().unwrap()),
            kind: "contact.created".to_owned(),
            subject: "in_1".to_owned(),
            data: r#"{"b":1.50,"a":"caf\u00e9"}"#.to_owned(),
            run: None,
            at: Timestamp::from_timestamp(1_793_491_200, 0).unwrap(),
            hops: 0,
        };
        let sent = Payload::of(&event).body;
        assert_eq!(
            std::str::from_utf8(&sent).unwrap(),
            r#"{"specversion":"1.0","id":"evt_00000000000000000000000000000007","source":"/plugins/stripe","type":"contact.created","subject":"in_1","time":"2026-11-01T00:00:00Z","datacontenttype":"application/json","sequence":"0000000000000000003","orgid":"org_00000000000000000000000000000001","timestamp":"2026-11-01T00:00:00Z","data":{"b":1.50,"a":"caf\u00e9"}}"#
        );
    }
}
