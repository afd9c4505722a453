//! What the connector asks for, against Twilio's published contract.
//!
//! The contract is not part of the repository; where it is not found the tests say so and pass. Its place is
//! `PATCHBAY_VENDOR_SPECS`, by default the folder `shared/vendor-specs` beside the repository.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

fn contract() -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vendor-specs");
    let folder = std::env::var_os("PATCHBAY_VENDOR_SPECS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join("twilio/twilio_api_v2010.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: Twilio's contract is not at {}; set PATCHBAY_VENDOR_SPECS", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

/// The names that a form to a path may have, or the query of a GET.
fn names(contract: &Value, method: &str, path: &str) -> BTreeSet<String> {
    let operation = &contract["paths"][format!("/2010-04-01/Accounts/{{AccountSid}}{path}")][method];
    let form = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"];
    let fields = form.as_object().into_iter().flatten().map(|(name, _)| name.clone());
    let query = operation["parameters"].as_array().into_iter().flatten();
    let query = query.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str()).map(str::to_owned);
    fields.chain(query).collect()
}

#[test]
fn every_parameter_that_is_sent_is_one_of_twilios() {
    let Some(contract) = contract() else { return };
    for (method, path, sent) in [
        (
            "post",
            "/IncomingPhoneNumbers.json",
            &[
                "PhoneNumber",
                "FriendlyName",
                "AddressSid",
                "BundleSid",
                "VoiceUrl",
                "VoiceMethod",
                "StatusCallback",
                "StatusCallbackMethod",
                "SmsUrl",
                "SmsMethod",
            ][..],
        ),
        ("get", "/IncomingPhoneNumbers.json", &["PhoneNumber", "FriendlyName", "PageSize"]),
        ("get", "/Calls.json", &["ParentCallSid", "PageSize"]),
        (
            "get",
            "/AvailablePhoneNumbers/{CountryCode}/Local.json",
            &[
                "AreaCode",
                "Contains",
                "InRegion",
                "InLocality",
                "VoiceEnabled",
                "SmsEnabled",
                "MmsEnabled",
                "ExcludeAllAddressRequired",
                "PageSize",
            ],
        ),
        (
            "post",
            "/Messages.json",
            &["To", "From", "MessagingServiceSid", "Body", "MediaUrl", "ValidityPeriod", "StatusCallback"],
        ),
        (
            "post",
            "/Calls.json",
            &[
                "To",
                "From",
                "Url",
                "Method",
                "Twiml",
                "StatusCallback",
                "StatusCallbackMethod",
                "StatusCallbackEvent",
                "Timeout",
                "TimeLimit",
                "SendDigits",
                "MachineDetection",
                "Record",
                "RecordingStatusCallback",
                "RecordingStatusCallbackMethod",
            ],
        ),
        ("post", "/Calls/{Sid}.json", &["Url", "Method", "Twiml", "Status"]),
        (
            "post",
            "/OutgoingCallerIds.json",
            &["PhoneNumber", "FriendlyName", "CallDelay", "Extension", "StatusCallback", "StatusCallbackMethod"],
        ),
        ("get", "/OutgoingCallerIds.json", &["PhoneNumber"]),
    ] {
        let known = names(&contract, method, path);
        let unknown: Vec<_> = sent.iter().filter(|name| !known.contains(**name)).collect();
        assert!(unknown.is_empty(), "{method} {path} has no {unknown:?}");
    }
}
