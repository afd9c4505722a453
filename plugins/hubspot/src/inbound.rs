//! What HubSpot sends in: a list of what has changed, of which only ids are taken. What is there now is read.
//!
//! An app has one address for all accounts that it is installed in. An element counts if it is from the account that is connected here,
//! as HubSpot itself names that account to the connection's token; what an element says of itself opens nothing.

use std::collections::BTreeMap;

use patchbay_sdk::{Error, clock, log, sync, webhook};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::api::Api;
use crate::failure;
use crate::portal::Portal;
use crate::resource::Resource;
use crate::signature;

/// The most elements of a request; HubSpot sends a hundred.
const MAX_ELEMENTS: usize = 1_000;

/// The most ids that one run can tell.
const MAX_IDS: usize = 1_000;

/// The longest word for a kind, in bytes.
const MAX_KIND: usize = 100;

/// Something that has happened. What else there is of it does not matter.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element {
    event_id: u64,
    #[serde(default)]
    subscription_id: u64,
    portal_id: u64,
    occurred_at: u64,
    /// `contact.propertyChange`, or `object.merge` with an `objectTypeId`.
    subscription_type: String,
    #[serde(default)]
    object_id: Option<u64>,
    #[serde(default)]
    object_type_id: Option<String>,
    #[serde(default)]
    primary_object_id: Option<u64>,
    #[serde(default)]
    merged_object_ids: Option<Vec<u64>>,
    #[serde(default)]
    new_object_id: Option<u64>,
    #[serde(default)]
    from_object_id: Option<u64>,
    #[serde(default)]
    to_object_id: Option<u64>,
    /// `CONTACT_TO_DEAL`.
    #[serde(default)]
    association_type: Option<String>,
}

/// Tells if it is from HubSpot, and what it is called.
pub(crate) fn verify(request: &webhook::Request) -> Result<webhook::Verdict, Error> {
    if let Err(refusal) = signature::check(request, clock::now())? {
        return Ok(webhook::Verdict::Refused(refusal));
    }
    let elements = match elements(&request.body) {
        Ok(elements) => elements,
        Err(reason) => return Ok(webhook::Verdict::Refused(format!("signed, but {reason}"))),
    };
    let kind = match elements.as_slice() {
        [one] => one.subscription_type.clone(),
        _ => "batch".to_owned(),
    };
    Ok(webhook::Verdict::Genuine(webhook::Receipt {
        id: id(&elements),
        kind,
        occurred_at: elements.iter().map(|element| element.occurred_at).max(),
        in_line: false,
    }))
}

/// Has what has changed read.
pub(crate) fn process(request: &webhook::Request) -> Result<(), Error> {
    let elements = elements(&request.body).map_err(|reason| Error::invalid("", reason))?;
    let portal = Portal::load(&Api::open()?).map_err(failure::deferred)?;
    let mut changed: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let mut count = 0;
    for element in elements.iter().filter(|element| element.portal_id == portal.id) {
        for (resource, id) in element.objects() {
            let ids = changed.entry(resource.object()).or_default();
            let id = id.to_string();
            if !ids.contains(&id) && count < MAX_IDS {
                ids.push(id);
                count += 1;
            }
        }
    }
    if count == MAX_IDS {
        log::warn(
            "a webhook tells of more than can be asked for at once; the next run of the sync finds the rest",
            &[],
        );
    }
    changed.into_iter().try_for_each(|(object, ids)| sync::changed(object, &ids))
}

fn elements(body: &[u8]) -> Result<Vec<Element>, String> {
    let elements: Vec<Element> =
        serde_json::from_slice(body).map_err(|error| format!("nothing of HubSpot: {error}"))?;
    if !(1..=MAX_ELEMENTS).contains(&elements.len()) {
        return Err(format!("it has not between 1 and {MAX_ELEMENTS} elements"));
    }
    let named = |kind: &str| {
        (1..=MAX_KIND).contains(&kind.len())
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    if elements.iter().any(|element| !named(&element.subscription_type)) {
        return Err("a type is no name".to_owned());
    }
    Ok(elements)
}

/// The same for the same elements, however often HubSpot tries. An `eventId` alone is not promised to be unique.
fn id(elements: &[Element]) -> String {
    let mut parts: Vec<String> = elements
        .iter()
        .map(|one| {
            let object = one.object_id.unwrap_or(0);
            let Element { portal_id, subscription_id, event_id, occurred_at, .. } = one;
            format!("{portal_id}.{subscription_id}.{event_id}.{occurred_at}.{object}")
        })
        .collect();
    parts.sort_unstable();
    let hash = Sha256::digest(parts.join(",").as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Element {
    /// What has to be read because of it.
    fn objects(&self) -> Vec<(Resource, u64)> {
        let (word, happened) = self.subscription_type.split_once('.').unwrap_or((self.subscription_type.as_str(), ""));
        let word = if word == "object" { self.object_type_id.as_deref().unwrap_or_default() } else { word };
        let mut objects = Vec::new();
        if let Some(resource) = Resource::of_webhook(word) {
            let merged = [self.primary_object_id, self.new_object_id].into_iter().flatten();
            let merged = merged.chain(self.merged_object_ids.iter().flatten().copied()).filter(|_| happened == "merge");
            objects.extend(self.object_id.into_iter().chain(merged).map(|id| (resource, id)));
        }
        if happened == "associationChange" {
            let types = self.association_type.as_deref().and_then(|kind| kind.split_once("_TO_"));
            let (from, to) = types.unwrap_or_default();
            for (kind, id) in [(from, self.from_object_id), (to, self.to_object_id)] {
                let resource = Resource::of_webhook(&kind.to_ascii_lowercase());
                objects.extend(resource.zip(id));
            }
        }
        // calls are told, and not read
        objects.retain(|(resource, _)| resource.is_read());
        objects
    }
}
