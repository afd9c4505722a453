//! Keys in files: one line, the key's version and 64 hexadecimal digits, or a key as another tool wrote it.
//!
//! A file that others may read is refused and not repaired: what was readable may have been read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    path::Path,
    sync::Arc,
};

use patchbay_model::Random;
use zeroize::Zeroizing;

use crate::{
    VaultError,
    cipher::{KEY_LEN, KeyBytes},
    key_text,
};

/// The key in the file, and its version; a new random one of version 1 if there is no file.
pub(crate) fn read_or_create(path: &Path, random: &dyn Random) -> Result<(u32, KeyBytes), VaultError> {
    match fs::metadata(path) {
        Ok(_) => read_marked(path),
        Err(error) if error.kind() == ErrorKind::NotFound => match create(path, 1, random) {
            // Another process was faster: its key is the key.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => read_marked(path),
            made => made.map(|key| (1, key)).map_err(|error| failed(path, error)),
        },
        Err(error) => Err(failed(path, error)),
    }
}

/// Makes a new random key in a file that must not be there.
pub(crate) fn create_new(path: &Path, version: u32, random: &dyn Random) -> Result<(), VaultError> {
    create(path, version, random).map(drop).map_err(|error| failed(path, error))
}

/// Of a file that this hub made: it says its version.
fn read_marked(path: &Path) -> Result<(u32, KeyBytes), VaultError> {
    let (version, key) = read(path)?;
    version.map(|version| (version, key)).ok_or_else(|| VaultError::FileInvalid(path.to_owned()))
}

fn failed(path: &Path, source: io::Error) -> VaultError {
    VaultError::Io { path: path.to_owned(), source: Arc::new(source) }
}

/// The key in a file, and the version that it says it has, if it does.
pub(crate) fn read(path: &Path) -> Result<(Option<u32>, KeyBytes), VaultError> {
    refuse_readable(path)?;
    let invalid = || VaultError::FileInvalid(path.to_owned());
    let mut text = Zeroizing::new([0; key_text::LONGEST]);
    let mut length = 0;
    let mut file = File::open(path).map_err(|error| failed(path, error))?;
    loop {
        // Into room that does not grow: growing leaves copies behind.
        let room = text.get_mut(length..).filter(|room| !room.is_empty()).ok_or_else(invalid)?;
        match file.read(room) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(path, error)),
        }
    }
    let text = text.get(..length).and_then(|text| std::str::from_utf8(text).ok()).ok_or_else(invalid)?;
    key_text::parse(text).ok_or_else(invalid)
}

#[cfg(unix)]
fn refuse_readable(path: &Path) -> Result<(), VaultError> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(path).map_err(|error| failed(path, error))?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(VaultError::FileReadable(path.to_owned())) }
}

#[cfg(not(unix))]
fn refuse_readable(_: &Path) -> Result<(), VaultError> {
    Ok(())
}

/// Written whole under another name and then linked into place, so that neither a crash nor a second process that
/// starts at the same time ever leaves or sees half a key.
fn create(path: &Path, version: u32, random: &dyn Random) -> io::Result<KeyBytes> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    random.fill(key.as_mut_slice());
    let line = key_text::line(version, &key);

    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    // Unlike a rename, a link never takes the place of a file that is there.
    let linked = fs::hard_link(draft, path);
    fs::remove_file(draft)?;
    linked?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use patchbay_model::SeededRandom;

    use super::*;

    #[test]
    fn the_first_use_makes_a_private_file_and_the_second_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kek");
        let (version, made) = read_or_create(&path, &SeededRandom::new(1)).unwrap();
        let (again, read) = read_or_create(&path, &SeededRandom::new(2)).unwrap();
        assert_eq!((version, made.as_slice()), (again, read.as_slice()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kek");
        read_or_create(&path, &SeededRandom::new(1)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = read_or_create(&path, &SeededRandom::new(1));
            assert!(matches!(refused, Err(VaultError::FileReadable(_))), "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kek");
        // A key of another tool is none of ours where ours is looked for.
        let hex = "0".repeat(64);
        let long = format!("patchbay-key 1 {hex}{}", " ".repeat(2_000));
        for text in ["", "patchbay-key 1 00", "other 1 ", &format!("patchbay-key x {hex}"), &hex, &long] {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&path).unwrap().write_all(text.as_bytes()).unwrap();
            assert!(matches!(read_or_create(&path, &SeededRandom::new(1)), Err(VaultError::FileInvalid(_))));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
