//! A released folder of the contract never changes.
//!
//! Plugins are compiled against it and never see the host's copy again, so a change there is found by a
//! stranger, at run time. The digests of released folders are kept in `wit/released.toml`; a comparison
//! by git history was rejected, because a shallow clone has none.

use std::{collections::BTreeMap, fs, io, path::Path};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{digest, files, workspace::Workspace};

const FILE: &str = "released.toml";

const HEADER: &str = "\
# SHA-256 of every file of every released folder. Made by `cargo xtask wit-check --release <folder>`, which
# only adds: what is here never changes.

";

/// Flags of `wit-check`.
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// Records this folder as released, as in `patchbay@1.1.0`.
    #[arg(long, value_name = "FOLDER")]
    release: Option<String>,
}

/// Checks, or records and checks.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let wit = workspace.wit();
    if let Some(folder) = &options.release {
        release(&wit, folder)?;
        println!("recorded {folder} as released");
    }
    let differences = check(&wit)?;
    if differences.is_empty() {
        println!("wit: every released folder is as it was released");
        return Ok(());
    }
    bail!(
        "a released folder of wit/ has changed:\n  {}\nplugins are compiled against it: put it back, and make the change in \
         a folder for a new version",
        differences.join("\n  ")
    )
}

/// Folder to file to digest.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Released(BTreeMap<String, BTreeMap<String, String>>);

impl Released {
    fn read(wit: &Path) -> Result<Self> {
        let path = wit.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).with_context(|| format!("reading {}", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }
}

/// What is not as it was released, in words; nothing if all is well.
fn check(wit: &Path) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for (folder, released) in &Released::read(wit)?.0 {
        let present = digest::of_folder(&wit.join(folder))?;
        for (file, digest) in released {
            match present.get(file) {
                Some(found) if found == digest => {}
                Some(_) => differences.push(format!("{folder}/{file} is not what was released")),
                None => differences.push(format!("{folder}/{file} is gone")),
            }
        }
        let added = present.keys().filter(|file| !released.contains_key(*file));
        differences.extend(added.map(|file| format!("{folder}/{file} was not there when it was released")));
    }
    Ok(differences)
}

/// Records a folder as it is now.
fn release(wit: &Path, folder: &str) -> Result<()> {
    let mut released = Released::read(wit)?;
    let present = digest::of_folder(&wit.join(folder))?;
    if present.is_empty() {
        bail!("there is nothing in {}", wit.join(folder).display());
    }
    if released.0.get(folder).is_some_and(|recorded| recorded != &present) {
        bail!("{folder} is released and has changed since; make a folder for a new version");
    }
    released.0.insert(folder.to_owned(), present);
    let text = toml::to_string(&released).context("writing the digests")?;
    files::write_if_changed(&wit.join(FILE), format!("{HEADER}{text}").as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn released_folder() -> TempDir {
        let wit = tempfile::tempdir().unwrap();
        fs::create_dir(wit.path().join("patchbay@1.0.0")).unwrap();
        fs::write(wit.path().join("patchbay@1.0.0/types.wit"), "package patchbay:connector@1.0.0;").unwrap();
        release(wit.path(), "patchbay@1.0.0").unwrap();
        wit
    }

    #[test]
    fn a_released_folder_that_is_as_it_was_passes() {
        let wit = released_folder();
        assert!(check(wit.path()).unwrap().is_empty());
        release(wit.path(), "patchbay@1.0.0").unwrap();
    }

    #[test]
    fn a_changed_file_a_lost_one_and_a_new_one_are_each_named() {
        let wit = released_folder();
        let file = wit.path().join("patchbay@1.0.0/types.wit");
        fs::write(&file, "package patchbay:connector@1.0.1;").unwrap();
        assert_eq!(check(wit.path()).unwrap(), ["patchbay@1.0.0/types.wit is not what was released"]);
        fs::remove_file(&file).unwrap();
        assert_eq!(check(wit.path()).unwrap(), ["patchbay@1.0.0/types.wit is gone"]);
        fs::write(wit.path().join("patchbay@1.0.0/more.wit"), "").unwrap();
        assert_eq!(
            check(wit.path()).unwrap(),
            ["patchbay@1.0.0/types.wit is gone", "patchbay@1.0.0/more.wit was not there when it was released"]
        );
    }

    #[test]
    fn a_released_folder_cannot_be_released_again_in_another_form() {
        let wit = released_folder();
        fs::write(wit.path().join("patchbay@1.0.0/types.wit"), "package patchbay:connector@1.0.1;").unwrap();
        let error = release(wit.path(), "patchbay@1.0.0").unwrap_err();
        assert!(error.to_string().contains("make a folder for a new version"), "{error}");
    }

    #[test]
    fn a_folder_in_the_making_may_change() {
        let wit = released_folder();
        fs::create_dir(wit.path().join("patchbay@1.1.0")).unwrap();
        fs::write(wit.path().join("patchbay@1.1.0/types.wit"), "package patchbay:connector@1.1.0;").unwrap();
        assert!(check(wit.path()).unwrap().is_empty());
        assert!(release(wit.path(), "patchbay@2.0.0").unwrap_err().to_string().starts_with("there is nothing in"));
    }
}
