//! Documents that the hub has in memory beside the database: those of collections whose manifests say `keep-in-memory`.
//!
//! They are there so that a call can go on while the database is away, and so that what is read a hundred times a second is
//! read from the database once. A document is given from memory for a second; after that one call reads it anew, and those that
//! come meanwhile get the one that is here. If the database does not answer in time, the one that is here is given, whatever its
//! age.
//!
//! Whoever reads from the database and finds that something was written meanwhile must not put down what it has read: as in the
//! hub's other caches, changes are counted, and what was read under an older count is dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use patchbay_model::{
    OrgId, PluginId, Timestamp,
    record::{Record, RecordChange},
};

use crate::capabilities::effects;

/// How long a document is given without asking the database.
const FRESH: Duration = Duration::from_secs(1);

/// How long the database is waited for before the document that is here is given.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// What the documents of one org and plugin take together at most, in bytes as the hub holds them.
const MOST_OF_ONE: u64 = 4 << 20;

/// What those of all take together at most, where the operator does not say otherwise.
const MOST_OF_ALL: u64 = 256 << 20;

/// Whose documents.
pub type Whose = (OrgId, PluginId);

/// Documents of all orgs.
#[derive(Debug)]
pub struct KeptDocuments {
    most: u64,
    shelves: Mutex<Shelves>,
}

#[derive(Debug, Default)]
struct Shelves {
    all: HashMap<Whose, Shelf>,
    bytes: u64,
    /// Never given twice, so that one who read before a shelf went does not write to the one that came after it.
    last_change: u64,
}

/// Those of one org and plugin.
#[derive(Debug, Default)]
struct Shelf {
    /// By collection and id.
    documents: HashMap<(String, String), Kept>,
    bytes: u64,
    /// Another number after each change.
    change: u64,
    /// All that there were when they were read are here: what is not here is not there.
    is_whole: bool,
    /// That there is no room was told.
    was_told: bool,
}

#[derive(Debug)]
struct Kept {
    record: Arc<Record>,
    bytes: u64,
    /// When the database said so; none for what this hub wrote and has not read back.
    read_at: Option<Instant>,
    /// When somebody went to ask the database.
    asked_at: Option<Instant>,
}

/// What is known of a document without the database.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Remembered {
    /// It was this.
    Document(Arc<Record>),
    /// There was none.
    Nothing,
    /// Nobody has read it, or it had no room.
    Unknown,
}

impl Default for KeptDocuments {
    fn default() -> Self {
        Self::new(MOST_OF_ALL)
    }
}

impl KeptDocuments {
    /// For at most so many bytes, as the hub holds them.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self { most, shelves: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many changes there were; to be asked before the database is.
    #[must_use]
    pub fn changes(&self, whose: &Whose) -> u64 {
        self.lock().shelf(whose).change
    }

    /// True if all documents of these collections were read once, and nothing has made that untrue.
    #[must_use]
    pub fn is_loaded(&self, whose: &Whose) -> bool {
        self.lock().all.get(whose).is_some_and(|shelf| shelf.is_whole || shelf.was_told)
    }

    /// Puts all documents of these collections in the place of those that are here. `before`: what [`Self::changes`] gave before
    /// they were read; false, and nothing is done, if there were others since. `is_whole`: there are no more than these.
    #[must_use]
    pub fn load(&self, whose: &Whose, before: u64, documents: Vec<(String, Record)>, is_whole: bool) -> bool {
        let mut shelves = self.lock();
        if shelves.shelf(whose).change != before {
            return false;
        }
        shelves.clear(whose);
        shelves.shelf(whose).is_whole = is_whole;
        let now = Instant::now();
        for (collection, record) in documents {
            shelves.put(whose, self.most, collection, record, Some(now));
        }
        true
    }

    /// Takes note of what the database says of a document; as with [`Self::load`], nothing if something was changed since.
    pub fn note(&self, whose: &Whose, before: u64, collection: &str, id: &str, found: Option<&Record>) {
        let mut shelves = self.lock();
        if shelves.shelf(whose).change != before {
            return;
        }
        match found {
            Some(record) => {
                shelves.put(whose, self.most, collection.to_owned(), record.clone(), Some(Instant::now()));
            }
            None => shelves.take(whose, collection, id),
        }
    }

    /// Takes over what this hub has committed, of a run that ended `at`. The database is asked with the next read: two commits of the same document may
    /// be told of in another order than they were made.
    pub fn wrote(&self, whose: &Whose, at: Timestamp, changes: &[RecordChange]) {
        let mut shelves = self.lock();
        shelves.changed(whose);
        for change in changes {
            let key = (change.collection.clone(), change.id.clone());
            let version = shelves.shelf(whose).documents.get(&key).map_or(0, |kept| kept.record.version);
            match &change.data {
                Some(data) => {
                    let record = Record { id: key.1, version: version + 1, data: data.clone(), updated_at: at };
                    shelves.put(whose, self.most, key.0, record, None);
                }
                None => shelves.take(whose, &change.collection, &change.id),
            }
        }
    }

    /// Somebody else may have changed them: the database is asked with the next read.
    pub fn doubt(&self, whose: &Whose) {
        let mut shelves = self.lock();
        if shelves.all.contains_key(whose) {
            shelves.changed(whose);
            for kept in shelves.shelf(whose).documents.values_mut() {
                (kept.read_at, kept.asked_at) = (None, None);
            }
        }
    }

    /// The same of all. Gives whose they are.
    #[must_use]
    pub fn doubt_all(&self) -> Vec<Whose> {
        let all: Vec<Whose> = self.lock().all.keys().cloned().collect();
        for whose in &all {
            self.doubt(whose);
        }
        all
    }

    /// Lets them go.
    pub fn forget(&self, whose: &Whose) {
        let mut shelves = self.lock();
        shelves.clear(whose);
        shelves.all.remove(whose);
    }

    /// Lets those of an org go.
    pub fn forget_org(&self, org: OrgId) {
        let gone: Vec<Whose> = self.lock().all.keys().filter(|(of, _)| *of == org).cloned().collect();
        for whose in &gone {
            self.forget(whose);
        }
    }

    /// A document that need not be read. Whoever gets none is to read it, and counts as the one who does.
    pub(crate) fn fresh(&self, whose: &Whose, collection: &str, id: &str, now: Instant) -> Option<Arc<Record>> {
        let mut shelves = self.lock();
        let kept = shelves.all.get_mut(whose)?.documents.get_mut(&(collection.to_owned(), id.to_owned()))?;
        let within = |at: Option<Instant>, time| at.is_some_and(|at| now.duration_since(at) < time);
        if within(kept.read_at, FRESH) || within(kept.asked_at, PATIENCE) {
            return Some(Arc::clone(&kept.record));
        }
        kept.asked_at = Some(now);
        None
    }

    /// What is known of a document, whatever its age.
    pub(crate) fn remembered(&self, whose: &Whose, collection: &str, id: &str) -> Remembered {
        let shelves = self.lock();
        let Some(shelf) = shelves.all.get(whose) else { return Remembered::Unknown };
        match shelf.documents.get(&(collection.to_owned(), id.to_owned())) {
            Some(kept) => Remembered::Document(Arc::clone(&kept.record)),
            None if shelf.is_whole => Remembered::Nothing,
            None => Remembered::Unknown,
        }
    }
}

impl Shelves {
    fn shelf(&mut self, whose: &Whose) -> &mut Shelf {
        if !self.all.contains_key(whose) {
            self.last_change += 1;
        }
        let change = self.last_change;
        self.all.entry(whose.clone()).or_insert_with(|| Shelf { change, ..Shelf::default() })
    }

    fn changed(&mut self, whose: &Whose) {
        self.last_change += 1;
        let change = self.last_change;
        self.shelf(whose).change = change;
    }

    fn clear(&mut self, whose: &Whose) {
        if let Some(shelf) = self.all.get_mut(whose) {
            self.bytes = self.bytes.saturating_sub(shelf.bytes);
            shelf.bytes = 0;
            shelf.documents.clear();
            shelf.is_whole = false;
        }
    }

    fn take(&mut self, whose: &Whose, collection: &str, id: &str) {
        let shelf = self.shelf(whose);
        let Some(kept) = shelf.documents.remove(&(collection.to_owned(), id.to_owned())) else { return };
        shelf.bytes = shelf.bytes.saturating_sub(kept.bytes);
        self.bytes = self.bytes.saturating_sub(kept.bytes);
    }

    /// Keeps a document, if there is room for it.
    fn put(&mut self, whose: &Whose, most: u64, collection: String, record: Record, read_at: Option<Instant>) {
        self.take(whose, &collection, &record.id);
        let text = record.data.to_string().len();
        let bytes = effects::size(Some(&record.data), text, &[&collection, &record.id]);
        let all = self.bytes;
        let shelf = self.shelf(whose);
        if shelf.bytes.saturating_add(bytes) > MOST_OF_ONE || all.saturating_add(bytes) > most {
            shelf.is_whole = false;
            if !std::mem::replace(&mut shelf.was_told, true) {
                let (org, plugin) = whose;
                tracing::warn!(
                    org.id = %org,
                    plugin.id = %plugin,
                    most_of_one = MOST_OF_ONE,
                    most_of_all = most,
                    "documents that were to be kept in memory have no room there, and are read from the database"
                );
            }
            return;
        }
        shelf.bytes += bytes;
        let key = (collection, record.id.clone());
        shelf.documents.insert(key, Kept { record: Arc::new(record), bytes, read_at, asked_at: None });
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn whose() -> Whose {
        (OrgId(Uuid::from_u128(1)), "ivr".parse().unwrap())
    }

    fn record(id: &str, version: u64, data: Value) -> Record {
        Record { id: id.to_owned(), version, data, updated_at: Timestamp::default() }
    }

    fn change(id: &str, data: Option<Value>) -> RecordChange {
        RecordChange { collection: "menus".to_owned(), id: id.to_owned(), data, expected: None }
    }

    fn loaded(documents: Vec<Record>) -> KeptDocuments {
        let kept = KeptDocuments::default();
        let before = kept.changes(&whose());
        let documents = documents.into_iter().map(|record| ("menus".to_owned(), record)).collect();
        assert!(kept.load(&whose(), before, documents, true));
        kept
    }

    #[test]
    fn after_a_second_one_call_reads_anew_and_the_others_get_what_is_here() {
        let kept = loaded(vec![record("a", 3, json!(1))]);
        let fresh = |now| kept.fresh(&whose(), "menus", "a", now).map(|record| record.version);
        let begun = Instant::now();
        assert_eq!(fresh(begun), Some(3));
        let later = begun + FRESH;
        assert_eq!([fresh(later), fresh(later)], [None, Some(3)]);
        let later = later + PATIENCE;
        assert_eq!([fresh(later), fresh(later)], [None, Some(3)], "that one got no answer");
        kept.note(&whose(), kept.changes(&whose()), "menus", "a", Some(&record("a", 4, json!(2))));
        assert_eq!(fresh(begun), Some(4));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let kept = loaded(vec![record("a", 3, json!(1))]);
        let before = kept.changes(&whose());
        kept.wrote(&whose(), Timestamp::default(), &[change("a", Some(json!(2)))]);
        kept.note(&whose(), before, "menus", "a", Some(&record("a", 3, json!(1))));
        assert!(!kept.load(&whose(), before, Vec::new(), true));
        let Remembered::Document(now) = kept.remembered(&whose(), "menus", "a") else { panic!("it is here") };
        assert_eq!((now.version, &now.data), (4, &json!(2)));
        assert!(kept.fresh(&whose(), "menus", "a", Instant::now()).is_none(), "it is read back first");
        // nor by one who read before all was let go
        let before = kept.changes(&whose());
        kept.forget(&whose());
        kept.note(&whose(), before, "menus", "a", Some(&record("a", 4, json!(2))));
        assert_eq!(kept.remembered(&whose(), "menus", "a"), Remembered::Unknown);
    }

    #[test]
    fn what_is_not_among_all_is_known_not_to_be_there() {
        let kept = loaded(vec![record("a", 1, json!(1))]);
        assert_eq!(kept.remembered(&whose(), "menus", "b"), Remembered::Nothing);
        kept.wrote(&whose(), Timestamp::default(), &[change("a", None)]);
        assert_eq!(kept.remembered(&whose(), "menus", "a"), Remembered::Nothing);
        let other = (OrgId(Uuid::from_u128(2)), "ivr".parse().unwrap());
        assert_eq!(kept.remembered(&other, "menus", "b"), Remembered::Unknown);
    }

    #[test]
    fn what_has_no_room_is_read_from_the_database_and_takes_none() {
        let large = || json!("x".repeat(3 << 20));
        let kept = loaded(vec![record("a", 1, large()), record("b", 1, large())]);
        assert!(matches!(kept.remembered(&whose(), "menus", "a"), Remembered::Document(_)));
        assert_eq!(kept.remembered(&whose(), "menus", "b"), Remembered::Unknown, "two have more than 4 MiB");
        assert_eq!(kept.remembered(&whose(), "menus", "c"), Remembered::Unknown, "it may be one that had none");
        assert!(kept.is_loaded(&whose()), "reading all again would not help");
        kept.wrote(&whose(), Timestamp::default(), &[change("a", None), change("b", Some(large()))]);
        assert!(matches!(kept.remembered(&whose(), "menus", "b"), Remembered::Document(_)));
        kept.forget_org(OrgId(Uuid::from_u128(1)));
        assert_eq!(kept.lock().bytes, 0);
        let narrow = KeptDocuments::new(1 << 20);
        narrow.wrote(&whose(), Timestamp::default(), &[change("a", Some(large()))]);
        assert_eq!(narrow.remembered(&whose(), "menus", "a"), Remembered::Unknown, "nor have all together");
    }

    #[test]
    fn what_others_changed_is_read_with_the_next_read_and_remembered_until_then() {
        let kept = loaded(vec![record("a", 1, json!(1))]);
        assert_eq!(kept.doubt_all(), [whose()]);
        assert!(kept.fresh(&whose(), "menus", "a", Instant::now()).is_none());
        assert!(matches!(kept.remembered(&whose(), "menus", "a"), Remembered::Document(_)));
    }
}
