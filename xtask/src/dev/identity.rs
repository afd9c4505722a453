//! The first org and its key, made once per data folder.
//!
//! The hub keeps only a digest of the key, so the key itself is kept here, for the developer alone to read.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::process;

/// As `patchbay init --json` prints it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The org's id.
    pub org: String,
    /// Its key, with every scope.
    pub api_key: String,
}

impl Identity {
    /// Reads `dev.json` of the data folder, or has the hub make an org and a key and writes it.
    pub fn load_or_make(patchbay: &Path, config: &Path, data: &Path) -> Result<Self> {
        Self::load_or(data, || process::output(Command::new(patchbay).args(["init", "--json", "--config"]).arg(config)))
    }

    fn load_or(data: &Path, init: impl FnOnce() -> Result<String>) -> Result<Self> {
        let path = data.join("dev.json");
        if path.exists() {
            return Self::load(&path);
        }
        let identity: Self = serde_json::from_str(&init()?).context("reading what patchbay init printed")?;
        identity.store(&path)?;
        Ok(identity)
    }

    fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("reading {}; remove it to make another key", path.display()))
    }

    fn store(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("writing the key")?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("making {}", path.display()))?;
        file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_second_run_takes_the_key_of_the_first() {
        let data = tempfile::tempdir().unwrap();
        let init = || Ok(r#"{"org":"org_1","api_key":"pb_secret"}"#.to_owned());
        let first = Identity::load_or(data.path(), init).unwrap();
        assert_eq!((first.org.as_str(), first.api_key.as_str()), ("org_1", "pb_secret"));
        let mode = fs::metadata(data.path().join("dev.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let second = Identity::load_or(data.path(), || anyhow::bail!("asked for a second key")).unwrap();
        assert!(second == first);
    }
}
