//! Keys in files of the data folder: one line, the key's version and 64 hexadecimal digits.
//!
//! A file that others may read is refused and not repaired: what was readable may have been read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::Path,
    sync::Arc,
};

use patchbay_model::Random;
use zeroize::Zeroizing;

use crate::{VaultError, cipher::KeyBytes};

/// What the line begins with, so that another file is not taken for a key.
const MARK: &str = "patchbay-key";

/// The key in the file, and its version; a new random one of version 1 if there is no file.
pub(crate) fn read_or_create(path: &Path, random: &dyn Random) -> Result<(u32, KeyBytes), VaultError> {
    match fs::metadata(path) {
        Ok(_) => read(path),
        Err(error) if error.kind() == ErrorKind::NotFound => match create(path, random) {
            // Another process was faster: its key is the key.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => read(path),
            made => made.map_err(|error| failed(path, error)),
        },
        Err(error) => Err(failed(path, error)),
    }
}

fn failed(path: &Path, source: io::Error) -> VaultError {
    VaultError::Io { path: path.to_owned(), source: Arc::new(source) }
}

fn read(path: &Path) -> Result<(u32, KeyBytes), VaultError> {
    refuse_readable(path)?;
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| failed(path, error))?);
    parse(&text).ok_or_else(|| VaultError::FileInvalid(path.to_owned()))
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

fn parse(text: &str) -> Option<(u32, KeyBytes)> {
    let mut words = text.split_ascii_whitespace();
    let (mark, version, digits) = (words.next()?, words.next()?, words.next()?);
    if mark != MARK || words.next().is_some() || digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some((version.parse().ok()?, key))
}

/// Written whole under another name and then linked into place, so that neither a crash nor a second process that
/// starts at the same time ever leaves or sees half a key.
fn create(path: &Path, random: &dyn Random) -> io::Result<(u32, KeyBytes)> {
    let mut key = Zeroizing::new([0; 32]);
    random.fill(key.as_mut_slice());
    let mut line = Zeroizing::new(String::with_capacity(MARK.len() + 70));
    line.push_str(MARK);
    line.push_str(" 1 ");
    for byte in key.iter() {
        for nibble in [byte >> 4, byte & 15] {
            line.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    line.push('\n');

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
    Ok((1, key))
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
        for text in ["", "patchbay-key 1 00", "other 1 ", &format!("patchbay-key x {}", "0".repeat(64))] {
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
