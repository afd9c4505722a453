//! Keys that are not in the database: where they come from.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use patchbay_hub::{AuditConfig, KeyCommand, KeySource, KeySources, SigningSource};
use serde::Deserialize;

/// `[vault]`: the keys that wrap what is sealed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vault {
    /// The version that wraps from now on. If not said: the greatest.
    pub current: Option<u32>,
    /// By version. None: the file `master` in the folder of keys.
    pub keys: BTreeMap<String, Key>,
}

/// Where a key is: one of the three.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Key {
    /// A file that nobody but its owner may read.
    pub file: Option<PathBuf>,
    /// A variable of the environment.
    pub env: Option<String>,
    /// A program that prints it, and its arguments; no shell.
    pub command: Option<Vec<String>>,
    /// How long the program may take, in seconds.
    pub timeout_s: Option<u64>,
}

/// `[audit]`: how far the audit log goes is signed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Where the key is that signs. None: the file `audit` in the folder of keys.
    pub key: Option<Key>,
    /// The public halves of keys that signed before.
    pub former_keys: Vec<String>,
    /// A file that checkpoints are appended to, best on another medium than the database.
    pub checkpoints: Option<PathBuf>,
    /// A checkpoint after so many entries of a log.
    pub checkpoint_entries: u64,
    /// And after so many minutes.
    pub checkpoint_minutes: u64,
}

impl Default for Audit {
    fn default() -> Self {
        Self { key: None, former_keys: Vec::new(), checkpoints: None, checkpoint_entries: 100, checkpoint_minutes: 15 }
    }
}

impl fmt::Debug for Key {
    /// Without a command's arguments: some tools are given their access there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.command.as_ref().and_then(|words| words.first());
        f.debug_struct("Key")
            .field("file", &self.file)
            .field("env", &self.env)
            .field("program", &program)
            .finish_non_exhaustive()
    }
}

impl Key {
    fn source(&self, name: &str) -> Result<KeySource> {
        let Self { file, env, command, timeout_s } = self;
        if timeout_s.is_some() && command.is_none() {
            bail!("{name}.timeout_s is for a command");
        }
        match (file, env, command) {
            (Some(path), None, None) => Ok(KeySource::File(path.clone())),
            (None, Some(variable), None) => Ok(KeySource::Env(variable.clone())),
            (None, None, Some(words)) => {
                let Some((program, arguments)) = words.split_first() else { bail!("{name}.command names no program") };
                let mut command = KeyCommand::new(program, arguments.to_vec());
                if let Some(seconds) = timeout_s {
                    command.timeout = Duration::from_secs(*seconds);
                }
                Ok(KeySource::Command(command))
            }
            _ => bail!("{name} has one of `file`, `env` and `command`"),
        }
    }

    fn start_at(&mut self, folder: &Path) {
        if let Some(path) = &mut self.file {
            *path = folder.join(&*path);
        }
    }
}

impl Vault {
    pub(super) fn start_at(&mut self, folder: &Path) {
        self.keys.values_mut().for_each(|key| key.start_at(folder));
    }

    pub(super) fn sources(&self) -> Result<KeySources> {
        let source = |(version, key): (&String, &Key)| {
            let number = version.parse().ok().filter(|number| *number > 0);
            let number = number.with_context(|| format!("vault.keys.{version}: a version is a number from 1 on"))?;
            Ok((number, key.source(&format!("vault.keys.{version}"))?))
        };
        Ok(KeySources { keys: self.keys.iter().map(source).collect::<Result<_>>()?, current: self.current })
    }
}

impl Audit {
    pub(super) fn start_at(&mut self, folder: &Path) {
        if let Some(key) = &mut self.key {
            key.start_at(folder);
        }
        if let Some(path) = &mut self.checkpoints {
            *path = folder.join(&*path);
        }
    }

    pub(super) fn signing(&self) -> Result<SigningSource> {
        let former =
            self.former_keys.iter().map(|key| key.parse().with_context(|| format!("audit.former_keys has {key:?}")));
        Ok(SigningSource {
            key: self.key.as_ref().map(|key| key.source("audit.key")).transpose()?,
            former: former.collect::<Result<_>>()?,
        })
    }

    pub(super) fn checkpoints(&self) -> AuditConfig {
        AuditConfig {
            checkpoints_file: self.checkpoints.clone(),
            every_entries: self.checkpoint_entries.max(1),
            every: Duration::from_secs(self.checkpoint_minutes * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<KeySource> {
        toml::from_str::<Key>(text).unwrap().source("vault.keys.2")
    }

    #[test]
    fn a_key_is_in_one_place() {
        assert_eq!(key("file = \"a\"").unwrap(), KeySource::File(PathBuf::from("a")));
        assert_eq!(key("env = \"KEK\"").unwrap(), KeySource::Env("KEK".to_owned()));
        let KeySource::Command(command) = key("command = [\"kms\", \"decrypt\"]\ntimeout_s = 3").unwrap() else {
            panic!("a command")
        };
        assert_eq!((command.program.as_str(), command.timeout), ("kms", Duration::from_secs(3)));
        for text in ["", "file = \"a\"\nenv = \"b\"", "command = []", "file = \"a\"\ntimeout_s = 1"] {
            assert!(key(text).unwrap_err().to_string().starts_with("vault.keys.2"), "{text}");
        }
    }

    #[test]
    fn a_version_is_a_number() {
        for (text, good) in
            [("[keys.1]\nfile = \"a\"", true), ("[keys.x]\nfile = \"a\"", false), ("[keys.0]\nfile = \"a\"", false)]
        {
            assert_eq!(toml::from_str::<Vault>(text).unwrap().sources().is_ok(), good, "{text}");
        }
    }
}
