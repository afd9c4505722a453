//! PostgreSQL for the tests: they start servers of their own, and need its programs for that.
//!
//! A machine without them and without the right to install them skips these tests and says so, in the summary too: a
//! contributor shall not need root. Nothing that calls itself CI skips them.

use std::{env, process::Command};

use anyhow::{Result, bail};

use crate::{apt, process, workspace::Workspace};

/// Debian's package; whichever version of PostgreSQL its release has.
const PACKAGES: [&str; 1] = ["postgresql"];

/// Finds or installs the programs. Without them: why, for people.
pub fn ensure(workspace: &Workspace) -> Result<Option<String>> {
    if is_found(workspace) {
        return Ok(None);
    }
    if apt::is_allowed() {
        match apt::install(&PACKAGES) {
            Ok(()) if is_found(workspace) => return Ok(None),
            Ok(()) => println!("the package is installed, and still there is no initdb"),
            Err(error) => println!("it cannot be installed: {error:#}"),
        }
    }
    let why = format!("no PostgreSQL here; on Debian, as root: {}", apt::by_hand(&PACKAGES));
    if env::var_os("CI").is_some_and(|value| !value.is_empty()) {
        bail!("{why}");
    }
    println!("SKIPPED: all tests on PostgreSQL ({why})");
    Ok(Some(why))
}

/// Asks the tests' own finder, so that both mean the same programs.
fn is_found(workspace: &Workspace) -> bool {
    process::run(&mut Command::new(workspace.program("find-postgres"))).is_ok()
}
