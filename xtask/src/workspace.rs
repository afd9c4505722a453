//! Where things lie in the repository, in one place.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// A clone of the repository.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The clone that this program was built in.
    pub fn of_this_build() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in no workspace")?;
        Ok(Self { root: root.to_owned() })
    }

    /// The top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the top folder.
    pub fn join(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The contract's folders, one per version.
    pub fn wit(&self) -> PathBuf {
        self.join("wit")
    }

    /// The first version of the contract: fixtures in other languages than Rust are built against it, and so show that what was
    /// built for it is served still.
    pub fn first_wit(&self) -> PathBuf {
        self.join("wit/patchbay@1.0.0")
    }

    /// The connectors' sources.
    pub fn plugins(&self) -> PathBuf {
        self.join("plugins")
    }

    /// The test components' sources.
    pub fn fixtures(&self) -> PathBuf {
        self.join("tests/fixtures")
    }

    /// A folder of build output that is ours and not cargo's.
    pub fn target(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }

    /// Packed plugins: what `patchbay serve` loads.
    pub fn packed_plugins(&self) -> PathBuf {
        self.target("plugins")
    }

    /// Packed test components.
    pub fn packed_fixtures(&self) -> PathBuf {
        self.target("fixtures")
    }

    /// A program of the workspace, built in the development profile.
    pub fn program(&self, name: &str) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.join("target"), |dir| self.root.join(dir));
        target.join("debug").join(name)
    }
}
