//! `plugin test`: a connector's tests run natively, against the mock host.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::cargo;

/// Run a connector's own tests, natively.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// The connector's folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// For cargo, after `--`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Test {
    pub(super) fn run(self) -> Result<String> {
        cargo::run(cargo::native(&self.dir)?.arg("test").args(&self.arguments))?;
        Ok("the connector's tests pass".to_owned())
    }
}
