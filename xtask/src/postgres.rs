//! PostgreSQL for the tests: they start servers of their own, and need its programs for that.

use std::process::Command;

use anyhow::Result;

use crate::{process, servers, workspace::Workspace};

/// Debian's package; whichever version of PostgreSQL its release has.
const PACKAGES: [&str; 1] = ["postgresql"];

/// Finds or installs the programs. Without them: why, for people.
pub fn ensure(workspace: &Workspace) -> Result<Option<String>> {
    // the tests' own finder is asked, so that both mean the same programs
    let is_found = || process::run(&mut Command::new(workspace.program("find-postgres"))).is_ok();
    servers::ensure("PostgreSQL", "all tests on PostgreSQL", &PACKAGES, is_found)
}
