//! `plugin pack`: for components that were built by other means than `plugin build`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use patchbay_package::Manifest;

use super::{file, inspect, key};

/// Put the manifest into a component, and sign the result.
#[derive(Debug, Args)]
pub(super) struct Pack {
    /// The component; not yet packed.
    #[arg(long, value_name = "FILE")]
    component: PathBuf,
    /// The folder that holds `plugin.toml`.
    #[arg(long, value_name = "DIR", default_value = ".")]
    manifest: PathBuf,
    /// Sign with this secret key.
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// Where the packed plugin goes.
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
}

impl Pack {
    pub(super) fn run(self) -> Result<String> {
        let manifest = patchbay_package::load_manifest_dir(&self.manifest)?;
        let component = file::read(&self.component)?;
        let packed = pack(&component, &manifest, self.sign.as_deref())
            .with_context(|| format!("packing {}", self.component.display()))?;
        file::replace(&self.output, &packed)?;
        inspect::summary(&self.output, &packed)
    }
}

/// The packed file, signed if there is a key.
pub(super) fn pack(component: &[u8], manifest: &Manifest, sign: Option<&std::path::Path>) -> Result<Vec<u8>> {
    let packed = patchbay_package::pack(component, manifest)?;
    match sign {
        Some(path) => Ok(patchbay_package::sign(&packed, &key::secret(path)?)?),
        None => Ok(packed),
    }
}
