//! `plugin build`: schemas from types, a core module from cargo, a component, a package.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use patchbay_package::component;

use super::{cargo, file, inspect, pack};

/// Compile a connector and pack it.
#[derive(Debug, Args)]
pub(super) struct Build {
    /// The connector's folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Sign with this secret key.
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// Where the packed plugin goes [default: its id and `.wasm`, in its folder]
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Take the files in `schemas/` as they are.
    #[arg(long)]
    keep_schemas: bool,
}

impl Build {
    pub(super) fn run(self) -> Result<String> {
        // Before the compilers run for a minute: can guests be compiled here at all?
        let wasm = cargo::Wasm::find()?;
        if !self.keep_schemas {
            cargo::run(
                cargo::native(&self.dir)?
                    .args(["test", "--lib", "schemas_match_types"])
                    .env("PATCHBAY_WRITE_SCHEMAS", "1"),
            )
            .context("writing the schemas of the connector's types")?;
        }
        let manifest = patchbay_package::load_manifest_dir(&self.dir)?;
        let module = wasm.compile(&self.dir)?;
        let component = component::encode(&file::read(&module)?)
            .with_context(|| format!("making a component of {}", module.display()))?;
        let packed = pack::pack(&component, &manifest, self.sign.as_deref())?;
        let output = self.output.unwrap_or_else(|| self.dir.join(format!("{}.wasm", manifest.id)));
        file::replace(&output, &packed)?;
        inspect::summary(&output, &packed)
    }
}
