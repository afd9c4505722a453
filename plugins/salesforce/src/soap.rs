//! Outbound Messages: a SOAP document that says which records have changed.
//!
//! Read event by event, without document types, without entities but XML's own, and to a small depth. What is not looked for is not
//! kept: neither the fields of the records nor a session's id, should one come.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// As in the manifest, in bytes.
pub(crate) const MAX_BODY: usize = 1 << 20;
/// Elements within each other, at most: an envelope has six.
const DEEPEST: usize = 20;
/// Notifications in one message; Salesforce sends a hundred.
const MOST: usize = 100;
/// The longest text of what is looked for, in bytes.
const LONGEST: usize = 256;

/// What Salesforce waits for.
pub(crate) const ACK: &str = "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
    <notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack></notificationsResponse>\
    </soapenv:Body></soapenv:Envelope>";

/// One record of which something is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notification {
    /// Of the notification.
    pub(crate) id: String,
    /// The kind of record, as `Contact`.
    pub(crate) object: String,
    /// The record's id.
    pub(crate) record: String,
}

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Of which org it says that it comes.
    pub(crate) org: String,
    /// What it tells.
    pub(crate) notifications: Vec<Notification>,
}

/// Where an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Org,
    Notification,
    NotificationId,
    Record,
    RecordId,
    Elsewhere,
}

/// Reads a message.
///
/// # Errors
/// Why it is none, for people to read.
pub(crate) fn parse(body: &[u8]) -> Result<Message, String> {
    if body.len() > MAX_BODY {
        return Err(format!("the message has more than {MAX_BODY} bytes"));
    }
    let text = std::str::from_utf8(body).map_err(|_| "the message is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().enable_all_checks(true);
    let mut reading = Reading::default();
    loop {
        match reader.read_event().map_err(|_| "the message is not well-formed XML".to_owned())? {
            Event::Start(start) => reading.open(&reader, &start)?,
            Event::Empty(start) => {
                reading.open(&reader, &start)?;
                reading.close();
            }
            Event::End(_) => reading.close(),
            Event::Text(text) => reading.text(&text.xml10_content().map_err(|error| error.to_string())?)?,
            Event::CData(data) => reading.text(&data.xml10_content().map_err(|error| error.to_string())?)?,
            Event::GeneralRef(reference) => reading.text(&resolved(&reference)?)?,
            Event::Decl(_) | Event::Comment(_) => {}
            Event::DocType(_) => return Err("the message has a document type".to_owned()),
            Event::PI(_) => return Err("the message has a processing instruction".to_owned()),
            Event::Eof => return reading.message(),
        }
    }
}

#[derive(Default)]
struct Reading {
    path: Vec<(String, At)>,
    message: Message,
    /// True within the body's `notifications`.
    is_message: bool,
}

impl Reading {
    fn open(&mut self, reader: &Reader<&[u8]>, start: &BytesStart<'_>) -> Result<(), String> {
        if self.path.len() >= DEEPEST {
            return Err("the message is nested too deeply".to_owned());
        }
        let local = start.local_name();
        let name = std::str::from_utf8(local.as_ref()).map_err(|error| error.to_string())?.to_owned();
        let parent = self.path.last().map(|(name, at)| (name.as_str(), *at));
        let at = match (parent, name.as_str()) {
            (Some(("Body", _)), "notifications") => {
                self.is_message = true;
                At::Elsewhere
            }
            (Some(("notifications", _)), "OrganizationId") => At::Org,
            (Some(("notifications", _)), "Notification") => {
                if self.message.notifications.len() >= MOST {
                    return Err(format!("the message has more than {MOST} notifications"));
                }
                self.message.notifications.push(Notification::default());
                At::Notification
            }
            (Some((_, At::Notification)), "Id") => At::NotificationId,
            (Some((_, At::Notification)), "sObject") => {
                let kind = kind(reader, start)?;
                if let Some(notification) = self.message.notifications.last_mut() {
                    notification.object = kind;
                }
                At::Record
            }
            (Some((_, At::Record)), "Id") => At::RecordId,
            _ => At::Elsewhere,
        };
        self.path.push((name, at));
        Ok(())
    }

    fn close(&mut self) {
        self.path.pop();
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        let Some((_, at)) = self.path.last() else { return Ok(()) };
        let last = self.message.notifications.last_mut();
        let place = match (at, last) {
            (At::Org, _) => &mut self.message.org,
            (At::NotificationId, Some(last)) => &mut last.id,
            (At::RecordId, Some(last)) => &mut last.record,
            _ => return Ok(()),
        };
        if place.len() + text.len() > LONGEST {
            return Err("an id in the message is too long".to_owned());
        }
        place.push_str(text.trim());
        Ok(())
    }

    fn message(self) -> Result<Message, String> {
        if !self.is_message || !self.path.is_empty() || self.message.org.is_empty() {
            return Err("it is no Outbound Message".to_owned());
        }
        let is_whole = |one: &Notification| !one.id.is_empty() && !one.record.is_empty();
        if self.message.notifications.is_empty() || !self.message.notifications.iter().all(is_whole) {
            return Err("a notification in the message says of no record".to_owned());
        }
        Ok(self.message)
    }
}

/// The kind that `xsi:type="sf:Contact"` names.
fn kind(reader: &Reader<&[u8]>, start: &BytesStart<'_>) -> Result<String, String> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.local_name().as_ref() != b"type" {
            continue;
        }
        let value = attribute
            .decoded_and_normalized_value(XmlVersion::Explicit1_0, reader.decoder())
            .map_err(|error| error.to_string())?;
        let name = value.rsplit(':').next().unwrap_or_default();
        if name.len() > LONGEST {
            break;
        }
        return Ok(name.to_owned());
    }
    Err("a record in the message does not say of which kind it is".to_owned())
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character.to_string());
    }
    let name = reference.decode().map_err(|error| error.to_string())?;
    resolve_predefined_entity(&name).map(str::to_owned).ok_or_else(|| "the message has an entity of its own".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(notifications: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body><notifications \
             xmlns=\"http://soap.sforce.com/2005/09/outbound\"><OrganizationId>00D000000000001EAA</OrganizationId>\
             <ActionId>04k000000000001AAA</ActionId><SessionId xsi:nil=\"true\"/>{notifications}</notifications></soapenv:Body>\
             </soapenv:Envelope>"
        )
    }

    fn contact(id: &str, fields: &str) -> String {
        format!(
            "<Notification><Id>04l{id}</Id><sObject xsi:type=\"sf:Contact\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">\
             <sf:Id>003{id}</sf:Id>{fields}</sObject></Notification>"
        )
    }

    #[test]
    fn records_are_found_and_nothing_else_is_kept() {
        let nested =
            "<sf:Account><sf:Id>001000000000009AAA</sf:Id></sf:Account><sf:Email>a&amp;b@example.com</sf:Email>";
        let both = [contact("000000000001AAA", nested), contact("000000000002AAA", "")].concat();
        let message = parse(envelope(&both).as_bytes()).unwrap_or_else(|error| unreachable!("{error}"));
        assert_eq!(message.org, "00D000000000001EAA");
        let records: Vec<&str> = message.notifications.iter().map(|one| one.record.as_str()).collect();
        assert_eq!(records, ["003000000000001AAA", "003000000000002AAA"]);
        assert!(message.notifications.iter().all(|one| one.object == "Contact" && one.id.starts_with("04l")));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let entity = envelope(&contact("000000000001AAA", "<sf:Email>&xxe;</sf:Email>"));
        let typed = format!("<!DOCTYPE a [<!ENTITY xxe SYSTEM \"file:///etc/passwd\">]>{entity}");
        let deep = format!("{}{}", "<a>".repeat(DEEPEST + 1), "</a>".repeat(DEEPEST + 1));
        let many = envelope(&contact("000000000001AAA", "").repeat(MOST + 1));
        let long = envelope(&contact(&"0".repeat(LONGEST), ""));
        let untyped = envelope("<Notification><Id>04l</Id><sObject/></Notification>");
        for text in [entity, typed, deep, many, long, untyped, "<a/>".to_owned(), "{}".to_owned(), String::new()] {
            assert!(parse(text.as_bytes()).is_err(), "{text:.200}");
        }
        assert!(parse(&[0xff, 0xfe]).is_err());
        assert!(parse(&vec![b' '; MAX_BODY + 1]).is_err());
    }
}
