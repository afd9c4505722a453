//! Files that are there whole or not at all, also after a power cut.

use std::{fs, io, io::Write as _, path::Path};

use bytes::Bytes;

/// Writes the file beside its place, syncs it, and renames it into place.
pub(crate) async fn write(path: &Path, bytes: Bytes) -> io::Result<()> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        let partial = path.with_extension("partial");
        let mut file = fs::File::create(&partial)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&partial, &path)?;
        // the rename itself is durable only once its folder is synced
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    })
    .await
    .map_err(io::Error::other)?
}
