//! A compiler with its library's sources, from Debian's packages.

use anyhow::{Result, bail};

use crate::apt;

/// A current compiler and the sources of its standard library: Debian's packages for building browsers.
const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// Installs them; needs root.
pub fn install() -> Result<()> {
    let by_hand = format!(
        "{}\nor, with a network that reaches rustup's servers:\n    rustup target add {}",
        apt::by_hand(&PACKAGES),
        super::TARGET
    );
    if !apt::is_here() {
        bail!(
            "guests need a wasm standard library, and there is no apt-get to get one with; on Debian run\n    {by_hand}"
        );
    }
    if !apt::is_allowed() {
        bail!("guests need a wasm standard library; as root run\n    {by_hand}");
    }
    apt::install(&PACKAGES)
}
