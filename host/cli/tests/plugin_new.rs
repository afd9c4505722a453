//! What `patchbay plugin new` makes compiles, and its tests pass.
#![expect(clippy::unwrap_used, reason = "in helpers of tests a failure is the test's")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The build output of this very test: `target/debug/patchbay` is two below it.
fn target() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_patchbay")).ancestors().nth(2).unwrap().to_owned()
}

#[test]
fn a_new_connector_compiles_and_passes_its_tests() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("my-crm");
    let patchbay = || Command::new(env!("CARGO_BIN_EXE_patchbay"));
    let made = patchbay()
        .args(["plugin", "new", "my-crm", "--dir"])
        .arg(&dir)
        .arg("--sdk-path")
        .arg(repository().join("plugin-sdk/sdk"))
        .status();
    assert!(made.unwrap().success());

    // The versions that this workspace has locked, and its settings for dependencies: nothing is fetched,
    // and what is compiled already is used again.
    fs::copy(repository().join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
    let tested = patchbay()
        .args(["plugin", "test", "--dir"])
        .arg(&dir)
        .args(["--", "--offline"])
        .args(["--config", "profile.dev.debug=\"line-tables-only\""])
        .args(["--config", "profile.dev.package.\"*\".opt-level=2"])
        .args(["--config", "profile.dev.package.\"*\".debug=false"])
        .env("CARGO_TARGET_DIR", target())
        .output()
        .unwrap();
    let (said, complained) = (String::from_utf8_lossy(&tested.stdout), String::from_utf8_lossy(&tested.stderr));
    assert!(tested.status.success(), "{said}\n{complained}");
    for test in ["schemas_match_types", "manifest_matches_code", "tests::a_thing_is_fetched_by_its_id"] {
        assert!(said.contains(&format!("test {test} ... ok")), "{said}\n{complained}");
    }
}
