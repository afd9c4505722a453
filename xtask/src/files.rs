//! Files that others watch or cache by: written whole or not at all, and only when they differ.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Writes by rename, so that a reader (a hub that watches the folder) sees the old bytes or the new ones.
/// Leaves a file alone that already holds them. True if it was written.
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool> {
    match fs::read(path) {
        Ok(present) if present == bytes => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    }
    let folder = path.parent().with_context(|| format!("{} has no folder", path.display()))?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    // A name that starts with a dot and has no `.wasm`: the hub's watcher passes it by.
    let mut file = tempfile::Builder::new()
        .prefix(".writing-")
        // The hub may run as another user.
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .context("making a temporary file")?;
    file.write_all(bytes).with_context(|| format!("writing {}", path.display()))?;
    file.persist(path).with_context(|| format!("putting {} in its place", path.display()))?;
    Ok(true)
}

/// What lies in a folder, in order of name; nothing if there is no such folder.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", folder.display())),
    };
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()
        .with_context(|| format!("reading {}", folder.display()))?;
    paths.sort();
    Ok(paths)
}

/// Copies a folder's files and folders, except TOML files at its top.
pub fn copy_but_toml(from: &Path, to: &Path) -> Result<()> {
    for path in list(from)? {
        if !has_extension(&path, "toml") {
            copy(&path, &to.join(file_name(&path)?))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
        return list(from)?.iter().try_for_each(|path| copy(path, &to.join(file_name(path)?)));
    }
    fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    Ok(())
}

/// Removes the `.wasm` files of a folder that are not among these names: what was built once from
/// sources that are gone.
pub fn remove_other_components(folder: &Path, names: &[String]) -> Result<()> {
    for path in list(folder)? {
        if has_extension(&path, "wasm") && !names.contains(&stem(&path)?) {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
            println!("removed {}", path.display());
        }
    }
    Ok(())
}

/// The last part of a path.
pub fn file_name(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    Ok(name.with_context(|| format!("{} has no name in UTF-8", path.display()))?.to_owned())
}

/// The last part of a path, without what follows its last dot.
pub fn stem(path: &Path) -> Result<String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    Ok(stem.with_context(|| format!("{} has no name in UTF-8", path.display()))?.to_owned())
}

/// True if what follows the last dot is this.
pub fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_the_same_bytes_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/plugin.wasm");
        assert!(write_if_changed(&path, b"one").unwrap());
        assert!(!write_if_changed(&path, b"one").unwrap());
        assert!(write_if_changed(&path, b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(
            list(path.parent().unwrap()).unwrap(),
            std::slice::from_ref(&path),
            "no temporary file stays behind"
        );
    }

    #[test]
    fn only_components_whose_sources_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kept.wasm", "gone.wasm", "notes.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_other_components(folder.path(), &["kept".to_owned()]).unwrap();
        let left = list(folder.path()).unwrap();
        assert_eq!(left, [folder.path().join("kept.wasm"), folder.path().join("notes.txt")]);
    }
}
