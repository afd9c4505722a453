//! What the connector takes and asks for, against AssemblyAI's published contract.
//!
//! The contract is not part of the repository; where it is not found the tests say so and pass. Its place is
//! `PATCHBAY_VENDOR_SPECS`, by default the folder `shared/vendor-specs` beside the repository.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

use std::path::PathBuf;

use serde_json::{Value, json};

fn contract() -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vendor-specs");
    let folder = std::env::var_os("PATCHBAY_VENDOR_SPECS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join("assemblyai/openapi.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: AssemblyAI's contract is not at {}; set PATCHBAY_VENDOR_SPECS", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

fn schema(name: &str) -> Value {
    let path = format!("{}/schemas/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn members(schema: &Value) -> Vec<&str> {
    schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn every_member_that_a_schema_names_is_one_of_assemblyais() {
    let Some(contract) = contract() else { return };
    let component = |name: &str| contract["components"]["schemas"][name].clone();
    for (ours, theirs) in [
        ("create-transcript.input", "TranscriptOptionalParams"),
        ("create-transcript.output", "Transcript"),
        ("list-transcripts.input", "ListTranscriptParams"),
        ("list-transcripts.output", "TranscriptList"),
        ("upload.output", "UploadedFile"),
        ("get-redacted-audio.output", "RedactedAudioResponse"),
    ] {
        let (ours, theirs_schema) = (schema(ours), component(theirs));
        let known = members(&theirs_schema);
        // `audio_url` stands in the part that requires it
        let unknown: Vec<_> =
            members(&ours).into_iter().filter(|name| !known.contains(name) && *name != "audio_url").collect();
        assert!(unknown.is_empty(), "{theirs} has no {unknown:?}");
    }
}

#[test]
fn what_may_be_redacted_and_how_is_as_assemblyai_names_it() {
    let Some(contract) = contract() else { return };
    let input = schema("create-transcript.input");
    let ours = jsonschema::draft202012::new(&input).unwrap();
    let schemas = &contract["components"]["schemas"];
    for name in schemas["SubstitutionPolicy"]["enum"].as_array().unwrap() {
        assert!(ours.is_valid(&json!({"audio_url": "https://x/a", "redact_pii_sub": name})), "{name}");
    }
    for name in schemas["PiiPolicy"]["enum"].as_array().unwrap() {
        assert!(ours.is_valid(&json!({"audio_url": "https://x/a", "redact_pii_policies": [name]})), "{name}");
    }
    for name in schemas["TranscriptStatus"]["enum"].as_array().unwrap() {
        let input = schema("list-transcripts.input");
        assert!(jsonschema::draft202012::new(&input).unwrap().is_valid(&json!({"status": name})), "{name}");
    }
}
