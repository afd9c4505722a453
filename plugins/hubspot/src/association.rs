//! What belongs to what, between objects of two kinds.

use patchbay_sdk::{Error, log};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::failure::Refusal;
use crate::push::batch;
use crate::resource::Resource;

/// HubSpot's number of the association from a call to a contact.
pub(crate) const CALL_TO_CONTACT: u32 = 194;
/// From a call to a deal.
pub(crate) const CALL_TO_DEAL: u32 = 206;

/// The most of one request.
const BATCH: usize = 100;

/// A pair that HubSpot does not associate: one of the two is not there any more, for instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) message: String,
}

/// What HubSpot says of several pairs, of which it may have refused some.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    errors: Vec<Refusal>,
}

/// Associates each pair by a type of HubSpot's own, and gives those that HubSpot does not take. What is associated already stays so.
///
/// # Errors
/// As [`Api::try_write`].
pub(crate) fn create(
    api: &Api,
    (from, to): (Resource, Resource),
    type_id: u32,
    pairs: &[(String, String)],
) -> Result<Vec<Refused>, Error> {
    let types = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]);
    let input = |(from, to): &(String, String)| json!({"from": {"id": from}, "to": {"id": to}, "types": types});
    send(api, &api.associations(from.path(), to.path(), "/batch/create"), pairs, &input)
}

/// The same in the way that HubSpot takes for the usual one.
///
/// # Errors
/// As [`Api::try_write`].
pub(crate) fn create_default(
    api: &Api,
    (from, to): (Resource, Resource),
    pairs: &[(String, String)],
) -> Result<Vec<Refused>, Error> {
    let input = |(from, to): &(String, String)| json!({"from": {"id": from}, "to": {"id": to}});
    send(api, &api.associations(from.path(), to.path(), "/batch/associate/default"), pairs, &input)
}

/// Has it logged what was refused. For syncs: the objects are written, and what is not there any more is found by its own sync.
pub(crate) fn note(refused: Vec<Refused>) {
    for Refused { message, .. } in refused {
        log::warn("HubSpot does not associate two objects", &[("reason", &message)]);
    }
}

type Pair = (String, String);

fn send(api: &Api, path: &str, pairs: &[Pair], input: &dyn Fn(&Pair) -> Value) -> Result<Vec<Refused>, Error> {
    let mut refused = Vec::new();
    pairs.chunks(BATCH).try_for_each(|pairs| some(api, path, pairs, input, &mut refused))?;
    Ok(refused)
}

/// One that is refused keeps no other from being associated.
fn some(
    api: &Api,
    path: &str,
    pairs: &[Pair],
    input: &dyn Fn(&Pair) -> Value,
    refused: &mut Vec<Refused>,
) -> Result<(), Error> {
    let inputs: Vec<Value> = pairs.iter().map(input).collect();
    let response = api.try_write(path, &json!({"inputs": inputs}))?;
    if response.is_success() {
        let Answer { errors } = response.json().unwrap_or_default();
        refused.extend(errors.iter().map(|refusal| Refused { status: 400, message: refusal.text(400) }));
        return Ok(());
    }
    if let [_] = pairs {
        let message = Refusal::read(&response).text(response.status);
        refused.push(Refused { status: response.status, message });
        return Ok(());
    }
    batch::parts(pairs).try_for_each(|pairs| some(api, path, pairs, input, refused))
}
