//! The file of checkpoints: a line of JSON each, only ever appended to. On another medium than the database, it finds what
//! was done to all of that, too.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use patchbay_storage::chain::Checkpoint;

/// Appends these, all or (after a crash) a part that a reader leaves out; they are on the medium when this comes back.
/// Blocks.
pub(super) fn append(path: &Path, checkpoints: &[Checkpoint]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut text = String::new();
    if breaks_off(&mut file)? {
        text.push('\n');
    }
    for checkpoint in checkpoints {
        text.push_str(&serde_json::to_string(checkpoint)?);
        text.push('\n');
    }
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

/// True if the last line has no end: a hub died while it wrote it.
fn breaks_off(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// The checkpoints in a file. A line that breaks off in its middle counts as not written: what it would have said is said
/// by the next one.
///
/// # Errors
/// The file cannot be read, or a line is no checkpoint and no part of one; the error names the line.
pub fn read_checkpoints(path: &Path) -> io::Result<Vec<Checkpoint>> {
    let text = std::fs::read_to_string(path)?;
    let mut checkpoints = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_str(line) {
            Ok(checkpoint) => checkpoints.push(checkpoint),
            Err(error) if error.is_eof() && line.starts_with('{') => {}
            Err(error) => {
                let what = format!("line {}: no checkpoint: {error}", index + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
    }
    Ok(checkpoints)
}

#[cfg(test)]
mod tests {
    use patchbay_model::Timestamp;
    use patchbay_storage::chain::{Chain, Hash};

    use super::*;

    fn checkpoint(entries: u64) -> Checkpoint {
        Checkpoint {
            chain: Chain::Hub,
            entries,
            head: Hash([1; 32]),
            at: Timestamp::default(),
            previous: None,
            key_id: [2; 8],
            signature: [3; 64],
        }
    }

    #[test]
    fn what_was_appended_is_read_back_and_a_line_that_broke_off_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        append(&path, &[checkpoint(1), checkpoint(2)]).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"chain":"hub","ent"#).unwrap();
        assert_eq!(read_checkpoints(&path).unwrap(), [checkpoint(1), checkpoint(2)]);
        append(&path, &[checkpoint(3)]).unwrap();
        assert_eq!(read_checkpoints(&path).unwrap(), [checkpoint(1), checkpoint(2), checkpoint(3)]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn another_line_is_refused_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        append(&path, &[checkpoint(1)]).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"chain\":\"hub\"}\n").unwrap();
        assert!(read_checkpoints(&path).unwrap_err().to_string().starts_with("line 2: "));
    }
}
