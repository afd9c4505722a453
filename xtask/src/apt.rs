//! Debian's packages, for what tests need and a machine may not have.

use std::process::Command;

use anyhow::Result;

use crate::process;

/// True if there is an `apt-get`.
pub fn is_here() -> bool {
    process::exists("apt-get")
}

/// True if we may install with it.
pub fn is_allowed() -> bool {
    is_here() && rustix::process::geteuid().is_root()
}

/// What a person would type, as root.
pub fn by_hand(packages: &[&str]) -> String {
    format!("apt-get update && apt-get install --yes --no-install-recommends {}", packages.join(" "))
}

/// Installs them; needs root.
pub fn install(packages: &[&str]) -> Result<()> {
    println!("installing {}", packages.join(" and "));
    process::run(&mut apt(&["update"]))?;
    let mut install = apt(&["install", "--yes", "--no-install-recommends"]);
    process::run(install.args(packages))
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
