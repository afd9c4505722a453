//! Digests of files and folders: what a released contract is compared by, and what a cache is keyed by.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::files;

/// SHA-256 in lower-case hexadecimal.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// SHA-256 of one file's bytes.
pub fn of_file(path: &Path) -> Result<String> {
    Ok(of_bytes(&fs::read(path).with_context(|| format!("reading {}", path.display()))?))
}

/// The digest of every file in a folder and below, by its path from there with `/` between the parts.
pub fn of_folder(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut digests = BTreeMap::new();
    collect(folder, "", &mut digests)?;
    Ok(digests)
}

fn collect(folder: &Path, prefix: &str, digests: &mut BTreeMap<String, String>) -> Result<()> {
    for path in files::list(folder)? {
        let name = format!("{prefix}{}", files::file_name(&path)?);
        if path.is_dir() {
            collect(&path, &format!("{name}/"), digests)?;
        } else {
            digests.insert(name, of_file(&path)?);
        }
    }
    Ok(())
}

/// One key for several inputs. Each is kept apart from the next, so that no two lists share a key.
pub fn of_all<'a>(inputs: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for input in inputs {
        hasher.update((input.len() as u64).to_le_bytes());
        hasher.update(input.as_bytes());
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_digested_with_what_lies_below_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deps")).unwrap();
        fs::write(folder.path().join("a.wit"), "a").unwrap();
        fs::write(folder.path().join("deps/b.wit"), "b").unwrap();
        let digests = of_folder(folder.path()).unwrap();
        assert_eq!(digests.keys().collect::<Vec<_>>(), ["a.wit", "deps/b.wit"]);
        assert_eq!(digests["a.wit"], "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
    }

    #[test]
    fn inputs_that_only_join_to_the_same_text_have_different_keys() {
        assert_ne!(of_all(["ab", "c"]), of_all(["a", "bc"]));
    }
}
