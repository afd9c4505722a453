//! A compiler with its library's sources, from Debian's packages.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// A current compiler and the sources of its standard library: Debian's packages for building browsers.
const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// Installs them; needs root.
pub fn install() -> Result<()> {
    let by_hand = format!(
        "apt-get update && apt-get install --yes --no-install-recommends {}\n\
         or, with a network that reaches rustup's servers:\n    rustup target add {}",
        PACKAGES.join(" "),
        super::TARGET
    );
    if !process::exists("apt-get") {
        bail!(
            "guests need a wasm standard library, and there is no apt-get to get one with; on Debian run\n    {by_hand}"
        );
    }
    if !rustix::process::geteuid().is_root() {
        bail!("guests need a wasm standard library; as root run\n    {by_hand}");
    }
    println!("installing {}", PACKAGES.join(" and "));
    process::run(&mut apt(&["update"]))?;
    let mut install = apt(&["install", "--yes", "--no-install-recommends"]);
    process::run(install.args(PACKAGES))
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
