//! Vendors' published contracts as judges of what is asked of the simulators. They are not part of this repository.

use std::path::PathBuf;

use serde_json::Value;

/// The folder of contracts: `PATCHBAY_VENDOR_SPECS`, or one beside the project.
fn folder() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vendor-specs");
    std::env::var_os("PATCHBAY_VENDOR_SPECS").map_or_else(|| PathBuf::from(beside), PathBuf::from)
}

/// A file of the contracts, by its path below their folder, which begins with the vendor's; none if it is not there, and then it is said
/// that requests are not checked against it.
pub(crate) fn read(file: &str) -> Option<Vec<u8>> {
    let path = folder().join(file);
    let found = std::fs::read(&path).ok();
    if found.is_none() {
        eprintln!(
            "note: {} is not there, so requests are not checked against it; set PATCHBAY_VENDOR_SPECS to the folder that holds {file}",
            path.display()
        );
    }
    found
}

/// The same of a document of JSON.
pub(crate) fn document(file: &str) -> Option<Value> {
    read(file).map(|text| serde_json::from_slice(&text).expect("a document of JSON"))
}
