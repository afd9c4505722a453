//! Servers that the tests start for themselves: their programs are found, or installed where that is allowed.
//!
//! A machine without them and without the right to install them skips these tests and says so, in the summary too: a
//! contributor shall not need root. Nothing that calls itself CI skips them.

use std::env;

use anyhow::{Result, bail};

use crate::apt;

/// Finds or installs the programs of `server`. Without them: why, for people.
pub fn ensure(server: &str, tests: &str, packages: &[&str], is_found: impl Fn() -> bool) -> Result<Option<String>> {
    if is_found() {
        return Ok(None);
    }
    if apt::is_allowed() {
        match apt::install(packages) {
            Ok(()) if is_found() => return Ok(None),
            Ok(()) => println!("the package is installed, and still there is no {server}"),
            Err(error) => println!("it cannot be installed: {error:#}"),
        }
    }
    let why = format!("no {server} here; on Debian, as root: {}", apt::by_hand(packages));
    if env::var_os("CI").is_some_and(|value| !value.is_empty()) {
        bail!("{why}");
    }
    println!("SKIPPED: {tests} ({why})");
    Ok(Some(why))
}
