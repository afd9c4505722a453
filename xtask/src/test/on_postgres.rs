//! The tests of crates whose hubs are on SQLite, once more with hubs on PostgreSQL.
//!
//! The storage's tests and the end-to-end ones run on both by themselves. Those of the use cases and of the API need no
//! second copy of themselves for that: their programs are built already, and are told by a variable which database to take.

use std::{ffi::OsString, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::{Tally, counted};
use crate::{process, workspace::Workspace};

/// The folders of the crates.
const CRATES: [&str; 2] = ["host/hub", "host/api"];

/// What cargo says of something that it built.
#[derive(Debug, Deserialize)]
struct Built {
    reason: String,
    manifest_path: Option<PathBuf>,
    executable: Option<PathBuf>,
}

/// Runs them; fails if one does, or if there are none.
pub(super) fn run(workspace: &Workspace, variables: &[(&str, OsString)], tally: &mut Tally) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.current_dir(workspace.root()).args(["test", "--workspace", "--no-run", "--message-format", "json"]);
    let said = process::output(&mut cargo)?;
    for folder in CRATES.map(|folder| workspace.root().join(folder)) {
        let programs = programs(&said, &folder)?;
        if programs.is_empty() {
            bail!("{} has no tests", folder.display());
        }
        for program in programs {
            println!("\nRunning {} on PostgreSQL", program.display());
            let mut test = Command::new(program);
            test.current_dir(&folder).env("PATCHBAY_TEST_DATABASE", "postgres");
            test.envs(variables.iter().map(|(name, value)| (name, value)));
            counted(&mut test, tally)?;
        }
    }
    Ok(())
}

/// The test programs of the crate in a folder.
fn programs(said: &str, folder: &std::path::Path) -> Result<Vec<PathBuf>> {
    let manifest = folder.join("Cargo.toml");
    let mut programs = Vec::new();
    for line in said.lines() {
        let built: Built = serde_json::from_str(line).with_context(|| format!("cargo said {line:?}"))?;
        if built.reason == "compiler-artifact" && built.manifest_path.as_ref() == Some(&manifest) {
            programs.extend(built.executable);
        }
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn of_all_that_cargo_built_the_programs_of_one_crate_are_taken() {
        let line = |folder: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/{folder}/Cargo.toml","executable":{executable}}}"#
            )
        };
        let said = [
            line("host/hub", "null"),
            line("host/hub", r#""/t/hub-1""#),
            line("host/api", r#""/t/api-1""#),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let found = programs(&said.join("\n"), Path::new("/w/host/hub")).unwrap();
        assert_eq!(found, [Path::new("/t/hub-1")]);
    }
}
