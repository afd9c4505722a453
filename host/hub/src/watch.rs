//! The plugin folder: what lies in it is loaded, what changes is swapped, what goes is withdrawn.
//!
//! One task owns what is known of the folder and compares it with what is there. Events only say that it
//! is time to look: their kinds and paths differ between systems and get lost under load, a look at the
//! folder does not. Files are published beside each other, each file's changes one after the other, so a
//! plugin that compiles for long holds nobody up.

pub(crate) mod memory;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use notify_debouncer_full::{
    DebounceEventResult, Debouncer, RecommendedCache, new_debouncer,
    notify::{
        EventKind, RecommendedWatcher, RecursiveMode,
        event::{AccessKind, AccessMode},
    },
};
use patchbay_model::{Code, Failure};
use tokio::{
    sync::Notify,
    task::{Id, JoinError, JoinSet},
};

use crate::{
    hub::{Hub, Inner},
    registry::publish::Origin,
    start_error::StartError,
};
use memory::Memory;

/// How often to look without an event: some file systems give none. Also the round in which waits after a
/// failure are counted.
const LOOK: Duration = Duration::from_secs(10);

/// What tells a file from the one that was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    size: u64,
    modified: Option<SystemTime>,
    /// A file that is renamed into place is another one.
    #[cfg(unix)]
    inode: u64,
    /// Changes also where a copy keeps the time of modification.
    #[cfg(unix)]
    changed: (i64, i64),
}

impl Fingerprint {
    fn of(metadata: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: metadata.ino(),
            #[cfg(unix)]
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// How a file's publish ended: true if the same bytes will end the same way.
type Settled = bool;

/// What is known of the folder.
struct Folder {
    path: PathBuf,
    memory: Memory<PathBuf, Fingerprint>,
    /// What is being published, by the task that does it.
    publishing: HashMap<Id, (PathBuf, Fingerprint)>,
    work: JoinSet<Settled>,
}

/// Loads what is in the plugin folder, if there is one, and then watches it until the hub ends.
pub(crate) async fn start(hub: &Hub) -> Result<(), StartError> {
    let Some(path) = hub.0.config.plugins_dir.clone() else { return Ok(()) };
    std::fs::create_dir_all(&path).map_err(|source| StartError::Folder { path: path.clone(), source })?;
    let bell = Arc::new(Notify::new());
    // before the first look, so that no change falls between the two
    let debouncer = watch(&path, hub.0.config.watch_delay, Arc::clone(&bell))
        .map_err(|error| StartError::Watch { path: path.clone(), reason: error.to_string() })?;
    let mut folder = Folder { path, memory: Memory::default(), publishing: HashMap::new(), work: JoinSet::new() };
    folder.look(&hub.0).await;
    while let Some(published) = folder.work.join_next_with_id().await {
        folder.note(published);
    }
    tokio::spawn(follow(hub.clone(), folder, bell, debouncer));
    Ok(())
}

/// Loads what is in the plugin folder now, if there is one.
pub(crate) async fn load(hub: &Hub) {
    let Some(path) = hub.0.config.plugins_dir.clone().filter(|path| path.is_dir()) else { return };
    let mut folder = Folder { path, memory: Memory::default(), publishing: HashMap::new(), work: JoinSet::new() };
    folder.look(&hub.0).await;
    while let Some(published) = folder.work.join_next_with_id().await {
        folder.note(published);
    }
}

type FolderDebouncer = Debouncer<RecommendedWatcher, RecommendedCache>;

fn watch(
    path: &Path,
    delay: Duration,
    bell: Arc<Notify>,
) -> Result<FolderDebouncer, notify_debouncer_full::notify::Error> {
    let ring = move |result: DebounceEventResult| {
        // our own reading of a file is no reason to look again
        let matters = |kind: &EventKind| match kind {
            EventKind::Access(access) => *access == AccessKind::Close(AccessMode::Write),
            _ => true,
        };
        if result.map_or(true, |events| events.iter().any(|event| matters(&event.kind))) {
            bell.notify_one();
        }
    };
    let mut debouncer = new_debouncer(delay, Some(delay / 2), ring)?;
    debouncer.watch(path, RecursiveMode::NonRecursive)?;
    Ok(debouncer)
}

async fn follow(hub: Hub, mut folder: Folder, bell: Arc<Notify>, debouncer: FolderDebouncer) {
    let (weak, stop) = (hub.downgrade(), hub.0.stop.clone());
    drop(hub);
    // watches until it is dropped
    let _debouncer = debouncer;
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = bell.notified() => {}
            _ = ticks.tick() => folder.memory.round(),
            Some(published) = folder.work.join_next_with_id() => folder.note(published),
        }
        let Some(hub) = weak.upgrade() else { return };
        folder.look(&hub).await;
    }
}

impl Folder {
    /// Compares the folder with what is known and starts what is to be done.
    async fn look(&mut self, hub: &Arc<Inner>) {
        let found = match scan(&self.path).await {
            Ok(found) => found,
            // a folder that cannot be read says nothing about its files
            Err(error) => {
                tracing::warn!(folder = %self.path.display(), %error, "the plugin folder cannot be read");
                return;
            }
        };
        let is_busy = |path: &Path| self.publishing.values().any(|(busy, _)| busy == path);
        let gone = self.memory.forget(|path: &PathBuf| !found.contains_key(path) && !is_busy(path));
        let wanted: Vec<_> =
            found.into_iter().filter(|(path, print)| !is_busy(path) && self.memory.wants(path, print)).collect();
        for path in gone {
            tracing::info!(file = %path.display(), "a package was taken out of the plugin folder");
            hub.withdraw_path(&path).await;
        }
        for (path, fingerprint) in wanted {
            let hub = Arc::downgrade(hub);
            let file = path.clone();
            let task = self.work.spawn(async move {
                match hub.upgrade() {
                    Some(hub) => publish(&hub, &file, fingerprint).await,
                    None => true,
                }
            });
            self.publishing.insert(task.id(), (path, fingerprint));
        }
    }

    fn note(&mut self, ended: Result<(Id, Settled), JoinError>) {
        let (task, settled) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "publishing a file panicked");
                (error.id(), false)
            }
        };
        if let Some((path, fingerprint)) = self.publishing.remove(&task) {
            self.memory.note(path, fingerprint, settled);
        }
    }
}

async fn scan(folder: &Path) -> io::Result<HashMap<PathBuf, Fingerprint>> {
    let mut found = HashMap::new();
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if hidden || path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        // follows links; a file that is gone meanwhile is simply not there
        if let Ok(metadata) = tokio::fs::metadata(&path).await
            && metadata.is_file()
        {
            found.insert(path, Fingerprint::of(&metadata));
        }
    }
    Ok(found)
}

/// True if looking at the same file again would change nothing.
async fn publish(hub: &Inner, path: &Path, fingerprint: Fingerprint) -> bool {
    let outcome = match read(hub, path, fingerprint.size).await {
        Ok(bytes) => hub.publish(bytes, &Origin::Folder(path.to_owned())).await.map(|_| ()),
        Err(failure) => {
            hub.note_unreadable(path, &failure);
            Err(failure)
        }
    };
    outcome.err().is_none_or(|failure| is_final(failure.code))
}

async fn read(hub: &Inner, path: &Path, size: u64) -> Result<Bytes, Failure> {
    let most = hub.config.max_package_bytes;
    if size > most as u64 {
        return Err(Failure::new(
            Code::PackageTooLarge,
            format!("the file has {size} bytes, the operator allows {most}"),
        ));
    }
    match tokio::fs::read(path).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(Failure::new(Code::Unavailable, format!("the file cannot be read: {error}"))),
    }
}

/// True for what lies in the bytes. What lies in the moment is tried again after a while.
pub(crate) const fn is_final(code: Code) -> bool {
    !matches!(
        code,
        Code::Internal | Code::Unavailable | Code::Overloaded | Code::PackageCompileFailed | Code::PackageProbeFailed
    )
}
