//! Redis for the tests of shared rate limits: they start servers of their own, and need its program for that.

use std::process::Command;

use anyhow::Result;

use crate::{process, servers, workspace::Workspace};

/// Debian's package.
const PACKAGES: [&str; 1] = ["redis-server"];

/// Finds or installs the program. Without it: why, for people.
pub fn ensure(workspace: &Workspace) -> Result<Option<String>> {
    // the tests' own finder is asked, so that both mean the same program
    let is_found = || process::run(&mut Command::new(workspace.program("find-redis"))).is_ok();
    servers::ensure("Redis", "tests of shared rate limits", &PACKAGES, is_found)
}
