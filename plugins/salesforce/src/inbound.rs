//! Outbound Messages that come in: told apart from others' by the org, and taken for hints.
//!
//! Nothing signs them. Who sends one knows the address, which nobody guesses, and can make the hub read records that it reads anyway.

use std::collections::BTreeMap;

use patchbay_sdk::sync::changed;
use patchbay_sdk::{Error, Headers, installation, log, random, webhook};

use crate::ids;
use crate::soap::{self, Message};
use crate::soql;
use crate::sync::Resource;

const XML: &str = "text/xml; charset=utf-8";

/// Tells if it is of the org that is connected.
pub(crate) fn verify(request: &webhook::Request) -> Result<webhook::Verdict, Error> {
    if request.method != "POST" {
        return Ok(webhook::Verdict::Refused("Outbound Messages come by POST".to_owned()));
    }
    let media = request.headers.get("content-type").unwrap_or_default().to_ascii_lowercase();
    if !media.starts_with("text/xml") && !media.starts_with("application/soap+xml") {
        return Ok(webhook::Verdict::Refused("Outbound Messages are text/xml".to_owned()));
    }
    let message = match soap::parse(&request.body) {
        Ok(message) => message,
        Err(reason) => return Ok(webhook::Verdict::Refused(reason)),
    };
    let Some(account) = installation::connection().and_then(|account| account.name) else {
        return Ok(webhook::Verdict::Refused("Salesforce is not connected".to_owned()));
    };
    let own = ids::org_of_identity(&account).unwrap_or_default();
    if !ids::are_same(own, &message.org) {
        return Ok(webhook::Verdict::Refused(
            "it is from another org of Salesforce than the one that is connected".to_owned(),
        ));
    }
    Ok(webhook::Verdict::Genuine(webhook::Receipt {
        id: id(&message),
        kind: kind(&message),
        occurred_at: None,
        in_line: true,
    }))
}

/// Says which records have changed, and acknowledges.
pub(crate) fn process(request: &webhook::Request) -> Result<webhook::Answer, Error> {
    let message = soap::parse(&request.body).map_err(|reason| Error::invalid("", reason))?;
    let mut hints: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for notification in &message.notifications {
        let object = Resource::named(&notification.object).ok().and_then(Resource::object);
        match (object, ids::whole(&notification.record)) {
            (Some(object), Some(id)) => hints.entry(object).or_default().push(id),
            _ => log::info(
                "an Outbound Message of what is not kept in step",
                &[("object", notification.object.as_str())],
            ),
        }
    }
    for (object, ids) in hints {
        changed(object, &ids)?;
    }
    let headers: Headers = [("content-type", XML)].into_iter().collect();
    Ok(webhook::Answer { status: 200, headers, body: soap::ACK.as_bytes().to_vec() })
}

/// By the object of which it tells, if that has a name.
fn kind(message: &Message) -> String {
    // a message is of one object
    let object = message.notifications.first().map_or("", |first| first.object.as_str());
    if soql::is_name(object) { format!("outbound-message.{object}") } else { "outbound-message".to_owned() }
}

/// Another one each time, with the notification in it for who looks for one: a repeat comes where the acknowledgement was lost, and
/// needs one of its own. What a known webhook is answered with is none, and Salesforce would send it for a day.
fn id(message: &Message) -> String {
    let first = message.notifications.first().map_or("", |first| first.id.as_str());
    random::bytes(8).iter().fold(format!("{first}."), |id, byte| format!("{id}{byte:02x}"))
}
