//! The inputs of the actions against ElevenLabs' published contract, and the settings against their bounds.
//!
//! The contract is not part of the repository; where it is not found the tests say so and pass. Its place is
//! `PATCHBAY_VENDOR_SPECS`, by default the folder `shared/vendor-specs` beside the repository.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use std::path::PathBuf;

use serde_json::{Value, json};

/// Members of the action's input that are no members of ElevenLabs' body.
const OURS: [&str; 5] = ["voice_id", "output_format", "enable_logging", "fresh", "store"];

fn contract(file: &str) -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vendor-specs");
    let folder = std::env::var_os("PATCHBAY_VENDOR_SPECS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join("elevenlabs").join(file);
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: ElevenLabs' contract is not at {}; set PATCHBAY_VENDOR_SPECS", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

fn schema(name: &str) -> Value {
    let path = format!("{}/schemas/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn takes(schema: &Value, value: &Value) -> bool {
    jsonschema::draft202012::new(schema).unwrap_or_else(|error| panic!("{error}")).is_valid(value)
}

fn names(schema: &Value) -> Vec<String> {
    let mut names: Vec<String> = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    names.sort();
    names
}

#[test]
fn speech_has_the_members_and_formats_of_elevenlabs() {
    let Some(contract) = contract("tts-2.78.0.derived.schema.json") else { return };
    let endpoint = &contract["endpoints"]["POST /v1/text-to-speech/{voice_id}"];
    let input = schema("create-speech.input");
    let ours: Vec<_> = names(&input).into_iter().filter(|name| !OURS.contains(&name.as_str())).collect();
    // deprecated, and left out
    let theirs: Vec<_> = names(&endpoint["body"]).into_iter().filter(|name| name != "use_pvc_as_ivc").collect();
    assert_eq!(ours, theirs);
    let settings = |schema: &Value| names(schema);
    let theirs = &endpoint["body"]["properties"]["voice_settings"]["anyOf"][0];
    assert_eq!(settings(&input["properties"]["voice_settings"]), settings(theirs));
    for format in endpoint["query"]["output_format"].as_array().unwrap() {
        let asked = json!({"voice_id": "v", "text": "t", "output_format": format});
        assert!(takes(&input, &asked), "{format}");
    }
}

#[test]
fn every_parameter_of_a_list_is_one_of_elevenlabs() {
    let Some(contract) = contract("openapi-2025-08-24.json") else { return };
    for (action, path) in [("list-voices", "/v2/voices"), ("list-history", "/v1/history")] {
        let known = contract["paths"][path]["get"]["parameters"].as_array().unwrap();
        for name in names(&schema(&format!("{action}.input"))) {
            assert!(known.iter().any(|one| one["name"] == name.as_str()), "{path} has no {name}");
        }
    }
}

#[test]
fn what_cannot_be_right_is_refused_before_elevenlabs_is_asked() {
    let input = schema("create-speech.input");
    assert!(takes(&input, &json!({"voice_id": "JBFqnCBsd6RMkjVDRZzb", "text": "Hello", "seed": null})));
    for wrong in [
        json!({"text": "Hello"}),
        json!({"voice_id": "v"}),
        json!({"voice_id": "v", "text": ""}),
        json!({"voice_id": "../user", "text": "Hello"}),
        json!({"voice_id": "v", "text": "Hello", "output_format": "mp3&x=y"}),
        json!({"voice_id": "v", "text": "Hello", "seed": -1}),
        json!({"voice_id": "v", "text": "Hello", "previous_request_ids": ["a", "b", "c", "d"]}),
        json!({"voice_id": "v", "text": "Hello", "apply_text_normalization": "maybe"}),
        json!({"voice_id": "v", "text": "Hello", "stability": 1}),
    ] {
        assert!(!takes(&input, &wrong), "{wrong}");
    }
    let settings = schema("config");
    assert!(takes(&settings, &json!({"region": "eu", "cache": true, "cache_max_age_hours": 24, "cache_max_mib": 64})));
    for wrong in [json!({"region": "mars"}), json!({"cache_max_age_hours": 0}), json!({"cache_max_mib": 0})] {
        assert!(!takes(&settings, &wrong), "{wrong}");
    }
}
