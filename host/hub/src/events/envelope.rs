//! The one shape in which an event leaves the hub: CloudEvents 1.0, as JSON.
//!
//! It is a standard that receivers have libraries for, and holds what ours has to say: the extension `sequence` is that of
//! the CloudEvents project (text whose order is that of the events), `orgid` and `runid` are ours, in lower case and
//! without underscores as the standard wants names. Rejected: a shape of our own (one more to learn), and the binary mode,
//! in which attributes are headers (a signature over the body would not cover them).

use chrono::SecondsFormat;
use patchbay_model::{EventId, OrgId, PluginId, RunId, event::Event};
use patchbay_storage::RawEvent;
use serde::Serialize;
use serde_json::{Value, value::RawValue};

/// What the hub itself is called where plugins have their ids.
pub const HUB: &str = "patchbay";
/// Where the ids of plugins stand in a source.
const PLUGINS: &str = "/plugins/";
/// As many digits as the largest sequence has, so that the order of the texts is that of the numbers.
const DIGITS: usize = 19;

/// An event as a CloudEvent, with its facts as `D`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CloudEvent<D = Value> {
    /// The version of the standard.
    pub specversion: &'static str,
    /// Stable over repeats.
    pub id: EventId,
    /// `/plugins/` and a plugin's id, or `/patchbay`.
    pub source: String,
    /// As in `stripe.invoice.paid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When, in RFC 3339.
    pub time: String,
    /// Of the data: always JSON.
    pub datacontenttype: &'static str,
    /// Its place in the org's order: digits with zeros before them, so that texts compare as numbers do.
    pub sequence: String,
    /// Whose it is.
    pub orgid: OrgId,
    /// The run that published it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runid: Option<RunId>,
    /// For deliveries: the same as `time`, under the name that Standard Webhooks recommends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// Its facts, valid by the schema of its type.
    pub data: D,
}

impl CloudEvent {
    /// An event, with its place in the org's order.
    #[must_use]
    pub fn new(sequence: i64, event: Event) -> Self {
        let Event { id, org, source, kind, subject, data, dedupe: _, run, at, hops: _ } = event;
        Self {
            specversion: "1.0",
            id,
            source: source_of(source.as_ref()),
            kind,
            subject: (!subject.is_empty()).then_some(subject),
            time: at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            datacontenttype: "application/json",
            sequence: format!("{sequence:0DIGITS$}"),
            orgid: org,
            runid: run,
            timestamp: None,
            data,
        }
    }
}

impl<'a> CloudEvent<&'a RawValue> {
    /// An event whose facts are text, which stays as it is.
    pub(crate) fn of_text(event: &'a RawEvent) -> Self {
        Self {
            specversion: "1.0",
            id: event.id,
            source: source_of(event.source.as_ref()),
            kind: event.kind.clone(),
            subject: (!event.subject.is_empty()).then(|| event.subject.clone()),
            time: event.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            datacontenttype: "application/json",
            sequence: format!("{:0DIGITS$}", event.sequence),
            orgid: event.org,
            runid: event.run,
            timestamp: None,
            data: serde_json::from_str(&event.data).unwrap_or(RawValue::NULL),
        }
    }
}

impl<D> CloudEvent<D> {
    /// As the payload of a delivery.
    #[must_use]
    pub fn into_payload(self) -> Self {
        Self { timestamp: Some(self.time.clone()), ..self }
    }
}

/// Who published an event, as a URI reference.
#[must_use]
pub fn source_of(plugin: Option<&PluginId>) -> String {
    plugin.map_or_else(|| format!("/{HUB}"), |plugin| format!("{PLUGINS}{plugin}"))
}

/// The column of a source that somebody names: as the envelope does, or by the plugin's id or `patchbay` alone. None for
/// what nobody is called.
pub(crate) fn named(source: &str) -> Option<String> {
    let name = source.strip_prefix(PLUGINS).or_else(|| source.strip_prefix('/')).unwrap_or(source);
    if name == HUB { Some(String::new()) } else { name.parse::<PluginId>().ok().map(|plugin| plugin.to_string()) }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn event(subject: &str, source: Option<&str>) -> Event {
        Event {
            id: EventId(Uuid::from_u128(1)),
            org: OrgId(Uuid::from_u128(2)),
            source: source.map(|plugin| plugin.parse().unwrap()),
            kind: "stripe.invoice.paid".to_owned(),
            subject: subject.to_owned(),
            data: json!({"amount": 1}),
            dedupe: Some("evt_1".to_owned()),
            run: Some(RunId(Uuid::from_u128(3))),
            at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            hops: 1,
        }
    }

    /// The rules of CloudEvents 1.0.2, chapters "Context Attributes" and "JSON Event Format".
    fn check(envelope: &Value) {
        let members = envelope.as_object().unwrap();
        for (name, value) in members.iter().filter(|(name, _)| *name != "data") {
            assert!(
                (1..=20).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
                "the name {name:?}"
            );
            assert!(value.as_str().is_some_and(|text| !text.is_empty()), "{name} is text that is not empty");
        }
        assert_eq!(envelope["specversion"], "1.0");
        for required in ["id", "source", "type"] {
            assert!(members.contains_key(required), "{required}");
        }
        let source = envelope["source"].as_str().unwrap();
        let base = url::Url::parse("https://hub.example.com/").unwrap();
        assert_eq!(base.join(source).unwrap().path(), source, "a URI reference that needs no escapes");
        assert!(DateTime::parse_from_rfc3339(envelope["time"].as_str().unwrap()).is_ok());
        assert!(!members.contains_key("data_base64"), "JSON is not encoded once more");
    }

    #[test]
    fn an_event_leaves_as_the_standard_wants_it() {
        let envelope = serde_json::to_value(CloudEvent::new(42, event("in_1", Some("stripe")))).unwrap();
        check(&envelope);
        assert_eq!(
            envelope,
            json!({
                "specversion": "1.0",
                "id": "evt_00000000000000000000000000000001",
                "source": "/plugins/stripe",
                "type": "stripe.invoice.paid",
                "subject": "in_1",
                "time": "2027-01-15T08:00:00Z",
                "datacontenttype": "application/json",
                "sequence": "0000000000000000042",
                "orgid": "org_00000000000000000000000000000002",
                "runid": "run_00000000000000000000000000000003",
                "data": {"amount": 1},
            })
        );
    }

    #[test]
    fn what_is_empty_is_left_out() {
        let mut event = event("", None);
        event.run = None;
        let envelope = serde_json::to_value(CloudEvent::new(1, event)).unwrap();
        check(&envelope);
        assert!(envelope.get("subject").is_none() && envelope.get("runid").is_none(), "{envelope}");
        assert_eq!(envelope["source"], "/patchbay");
    }

    #[test]
    fn a_payload_says_when_once_more() {
        let payload = CloudEvent::new(1, event("in_1", None)).into_payload();
        let payload = serde_json::to_value(payload).unwrap();
        check(&payload);
        assert_eq!(payload["timestamp"], payload["time"]);
    }

    #[test]
    fn sequences_compare_as_texts() {
        let texts = [1, 9, 10, i64::MAX].map(|sequence| CloudEvent::new(sequence, event("", None)).sequence);
        assert!(texts.is_sorted(), "{texts:?}");
        assert!(texts.iter().all(|text| text.len() == DIGITS && text.parse::<i64>().is_ok()), "{texts:?}");
    }

    #[test]
    fn a_source_is_named_as_in_the_envelope_or_by_its_id() {
        for (given, found) in [
            ("/plugins/stripe", Some("stripe")),
            ("stripe", Some("stripe")),
            ("/patchbay", Some("")),
            ("patchbay", Some("")),
            ("Stripe Inc", None),
            ("", None),
        ] {
            assert_eq!(named(given).as_deref(), found, "{given}");
        }
    }
}
