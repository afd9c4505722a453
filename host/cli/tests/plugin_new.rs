//! What the guide for connectors tells its readers to type, typed: a new connector compiles, its tests pass, and it packs.
#![expect(clippy::unwrap_used, reason = "in helpers of tests a failure is the test's")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The guests' settings are the program's own; these are the workspace's for native code, so that what is compiled
/// already is used again. Nothing is fetched.
const CARGO_CONFIG: &str = r#"
[net]
offline = true
[profile.dev]
debug = "line-tables-only"
[profile.dev.package."*"]
opt-level = 2
debug = false
"#;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The build output of this very test: `target/debug/patchbay` is two below it.
fn target() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_patchbay")).ancestors().nth(2).unwrap().to_owned()
}

/// The lines of the guide's first block for the shell, without their comments.
fn guide() -> Vec<String> {
    let guide = fs::read_to_string(repository().join("docs/guides/writing-a-connector.md")).unwrap();
    let block = guide.split_once("```sh\n").unwrap().1.split_once("\n```").unwrap().0;
    block.lines().map(|line| line.split('#').next().unwrap().trim().to_owned()).collect()
}

fn patchbay(arguments: &str, folder: &Path) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_patchbay"));
    program.args(arguments.split_whitespace()).current_dir(folder).env("CARGO_TARGET_DIR", target());
    program.output().unwrap()
}

#[test]
fn what_the_guide_says_makes_a_connector_that_compiles_passes_its_tests_and_packs() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".cargo")).unwrap();
    fs::write(folder.path().join(".cargo/config.toml"), CARGO_CONFIG).unwrap();
    let mut at = folder.path().to_owned();
    let mut done = Vec::new();
    for line in guide() {
        if let Some(inside) = line.strip_prefix("cd ") {
            at.push(inside);
            // the versions that this workspace has locked: nothing else is here
            fs::copy(repository().join("Cargo.lock"), at.join("Cargo.lock")).unwrap();
            continue;
        }
        let arguments = line.strip_prefix("patchbay ").unwrap_or_else(|| panic!("the guide has {line:?}"));
        let output = patchbay(arguments, &at);
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if arguments == "plugin build" && complained.contains("rustup target add") {
            eprintln!("guests cannot be compiled here; `cargo xtask test` sees to it that they can");
            break;
        }
        assert!(output.status.success(), "{line}: {said}\n{complained}");
        if arguments == "plugin test" {
            for test in ["schemas_match_types", "manifest_matches_code", "tests::a_thing_is_fetched_by_its_id"] {
                assert!(said.contains(&format!("test {test} ... ok")), "{said}\n{complained}");
            }
        }
        done.push(arguments.split(' ').nth(1).unwrap_or_default().to_owned());
    }
    assert!(["new", "test"].iter().all(|step| done.iter().any(|own| own == step)), "{done:?}");
}
