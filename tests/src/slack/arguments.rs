//! A method's arguments, however they came: JSON, a form, or a query. And the names that Slack's contract has for them.

use std::{collections::BTreeMap, sync::OnceLock};

use axum::http::{HeaderMap, Uri, header};
use serde_json::{Map, Value};

use crate::vendor_specs;

/// Members that are JSON also inside of a form.
const STRUCTURED: [&str; 4] = ["blocks", "attachments", "metadata", "view"];

/// Reads them; the text says what is wrong with the request.
pub(super) fn read(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, String> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // slack_sdk says JSON also of nothing
    if media.starts_with("application/json") && !body.is_empty() {
        if !media.replace(' ', "").to_ascii_lowercase().contains("charset=utf-8") {
            return Err("JSON without its charset, which Slack warns of".to_owned());
        }
        return match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err("the body is no JSON object".to_owned()),
        };
    }
    let fields = |text: &[u8]| url::form_urlencoded::parse(text).into_owned().collect::<Vec<_>>();
    let mut pairs = fields(uri.query().unwrap_or_default().as_bytes());
    if media.starts_with("application/x-www-form-urlencoded") {
        pairs.extend(fields(body));
    } else if !body.is_empty() {
        return Err(format!("a body of the type {media:?}"));
    }
    let mut members = Map::new();
    for (name, value) in pairs {
        let value = if STRUCTURED.contains(&name.as_str()) {
            serde_json::from_str(&value).map_err(|error| format!("{name} is no JSON: {error}"))?
        } else {
            Value::String(value)
        };
        members.insert(name, value);
    }
    Ok(members)
}

/// Names that Slack has added since its contract was frozen.
const SINCE: [&str; 4] = ["markdown_text", "metadata", "team_id", "trigger_id"];

/// Arguments that Slack's published contract does not have for a method. None where the contract is not there, or the
/// method is not in it.
pub(super) fn unknown(method: &str, arguments: &Map<String, Value>) -> Vec<String> {
    static CONTRACT: OnceLock<Option<BTreeMap<String, Vec<String>>>> = OnceLock::new();
    let Some(names) = CONTRACT.get_or_init(contract).as_ref().and_then(|contract| contract.get(method)) else {
        return Vec::new();
    };
    arguments.keys().filter(|name| !names.contains(name) && !SINCE.contains(&name.as_str())).cloned().collect()
}

fn contract() -> Option<BTreeMap<String, Vec<String>>> {
    let document = vendor_specs::document("slack/slack_web_openapi_v2_without_examples.json")?;
    let mut contract = BTreeMap::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let operation = operations.as_object().and_then(|all| all.values().next()).expect("an operation");
        let names = operation["parameters"].as_array().into_iter().flatten();
        let names = names.filter_map(|one| one["name"].as_str()).map(str::to_owned).collect();
        contract.insert(path.trim_start_matches('/').to_owned(), names);
    }
    Some(contract)
}
