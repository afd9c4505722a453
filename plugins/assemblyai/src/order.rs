//! What AssemblyAI is asked for a transcript, with the hub's webhook in it where nobody asks for another.

use patchbay_sdk::installation;
use serde_json::{Map, Value};

/// The credential in the manifest.
pub(crate) const SECRET: &str = "webhook_secret";

/// The header that AssemblyAI sends the secret in.
pub(crate) const HEADER: &str = "x-patchbay-secret";

/// Models that together know every language, the better first. AssemblyAI advises to name them always.
const MODELS: [&str; 2] = ["assemblyai-stt-3-7", "universal-2"];

/// Has AssemblyAI call the hub, unless the request names a webhook of its own or the connection has no secret; tells if it
/// will. The secret is not put in here: the hub does that with what is sent.
pub(crate) fn hook(members: &mut Map<String, Value>) -> bool {
    let ours = installation::webhook_url();
    let own = members.get("webhook_url").filter(|url| !url.is_null()).is_some_and(|url| url != ours.as_str());
    let has_secret = installation::connection().is_some_and(|it| it.credentials.iter().any(|name| name == SECRET));
    if own || !has_secret {
        return false;
    }
    members.insert("webhook_url".to_owned(), Value::from(ours));
    members.insert("webhook_auth_header_name".to_owned(), Value::from(HEADER));
    members.insert("webhook_auth_header_value".to_owned(), Value::from(""));
    true
}

/// Names models where the request names none.
pub(crate) fn name_models(members: &mut Map<String, Value>, chosen: Option<Vec<String>>) {
    let names_some = |name: &str| members.get(name).is_some_and(|value| !value.is_null());
    if !names_some("speech_models") && !names_some("speech_model") {
        let models = chosen.map_or_else(|| Value::from(MODELS.to_vec()), Value::from);
        members.insert("speech_models".to_owned(), models);
    }
}
