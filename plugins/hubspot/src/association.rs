//! What belongs to what, between objects of two kinds.

use patchbay_sdk::Error;
use serde_json::{Value, json};

use crate::api::Api;
use crate::resource::Resource;

/// HubSpot's number of the association from a call to a contact.
pub(crate) const CALL_TO_CONTACT: u32 = 194;
/// From a call to a deal.
pub(crate) const CALL_TO_DEAL: u32 = 206;

/// The most of one request.
const BATCH: usize = 100;

/// Associates each pair by a type of HubSpot's own. What is associated already stays so.
///
/// # Errors
/// As [`Api::get`].
pub(crate) fn create(
    api: &Api,
    (from, to): (Resource, Resource),
    type_id: u32,
    pairs: &[(String, String)],
) -> Result<(), Error> {
    let types = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]);
    let input = |(from, to): &(String, String)| json!({"from": {"id": from}, "to": {"id": to}, "types": types});
    send(api, &api.associations(from.path(), to.path(), "/batch/create"), pairs, input)
}

/// Associates each pair in the way that HubSpot takes for the usual one.
///
/// # Errors
/// As [`Api::get`].
pub(crate) fn create_default(
    api: &Api,
    (from, to): (Resource, Resource),
    pairs: &[(String, String)],
) -> Result<(), Error> {
    let input = |(from, to): &(String, String)| json!({"from": {"id": from}, "to": {"id": to}});
    send(api, &api.associations(from.path(), to.path(), "/batch/associate/default"), pairs, input)
}

fn send(
    api: &Api,
    path: &str,
    pairs: &[(String, String)],
    input: impl Fn(&(String, String)) -> Value,
) -> Result<(), Error> {
    for pairs in pairs.chunks(BATCH) {
        let inputs: Vec<Value> = pairs.iter().map(&input).collect();
        api.write("POST", path, &json!({"inputs": inputs}), true)?;
    }
    Ok(())
}
