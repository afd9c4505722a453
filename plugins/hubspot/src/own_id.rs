//! A property of our own, of which no two objects have the same value: HubSpot knows no idempotency keys, and a write that is sent twice
//! would make two objects. With it the second finds what the first has made.

use std::time::Duration;

use patchbay_sdk::{Error, UpstreamFailure, installation, kv};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::api::Api;
use crate::resource::Resource;

/// Its name.
pub(crate) const PROPERTY: &str = "patchbay_id";

/// The group in which people see it.
const GROUP: &str = "patchbay";

/// How long it is taken to be there, once it was seen.
const SEEN: Duration = Duration::from_secs(24 * 3_600);

/// Its value for a record. Several organizations of several hubs may be connected to one account of HubSpot's, and records of theirs may have
/// the same id; so a few digits of what is this installation's alone stand before it.
pub(crate) fn of(record: &str) -> String {
    let hash = Sha256::digest(installation::webhook_url().as_bytes());
    let own: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{own}:{record}")
}

/// Makes the property if it is not there.
///
/// # Errors
/// What HubSpot says; [`Error::Denied`] if there is one of the name that is not unique.
pub(crate) fn ensure(api: &Api, resource: Resource) -> Result<(), Error> {
    let key = key(resource);
    if kv::get(&key)?.is_some() {
        return Ok(());
    }
    let path = api.properties(resource.path(), &format!("/{PROPERTY}"));
    match api.get::<Value>(&path, &[]) {
        Ok(found) if found.get("hasUniqueValue") == Some(&Value::Bool(true)) => {}
        Ok(_) => {
            let kind = resource.path();
            return Err(Error::Denied(format!(
                "HubSpot has a property {PROPERTY} of {kind} of which two may have the same value: delete or rename it"
            )));
        }
        Err(Error::Upstream(UpstreamFailure { status: 404, .. })) => make(api, resource)?,
        Err(other) => return Err(other),
    }
    kv::set(&key, b"1", Some(SEEN), None)?;
    Ok(())
}

/// Forgets that it was seen: HubSpot says that it is not there, or another account was connected.
///
/// # Errors
/// As [`kv::delete`].
pub(crate) fn forget(resource: Resource) -> Result<(), Error> {
    kv::delete(&key(resource)).map(drop)
}

fn make(api: &Api, resource: Resource) -> Result<(), Error> {
    let group = json!({"name": GROUP, "label": "Patchbay", "displayOrder": -1});
    there_or_made(api.write("POST", &api.properties(resource.path(), "/groups"), &group, true))?;
    let property = json!({
        "name": PROPERTY, "label": "Patchbay ID", "description": "The hub's id of it. Please leave it as it is.",
        "groupName": GROUP, "type": "string", "fieldType": "text", "hasUniqueValue": true, "formField": false,
    });
    there_or_made(api.write("POST", &api.properties(resource.path(), ""), &property, true))
}

fn there_or_made<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Ok(_) | Err(Error::Upstream(UpstreamFailure { status: 409, .. })) => Ok(()),
        Err(other) => Err(other),
    }
}

fn key(resource: Resource) -> String {
    format!("property:{}", resource.path())
}
