//! Syncs as the hub drives them, with its bounds; and the native side of hints.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{MockHost, state};
use crate::clock::Timestamp;
use crate::sync::{Change, Field, Item, Page, Pull, Pushed, Write, Written};
use crate::{Connector, Error};

/// The most changes of a page.
const CHANGES: usize = 2_000;
/// The largest cursor and the largest state, in bytes of JSON.
const KEPT: usize = 64 << 10;
/// The longest id, in bytes.
const ID: usize = 256;
/// The longest link, in bytes.
const URL: usize = 2_048;
/// The longest pause, in milliseconds.
const PAUSE_MS: u64 = 24 * 3_600_000;
/// The most fields of a resource, and the most choices of a field.
const FIELDS: usize = 5_000;
/// The longest title or choice, in bytes.
const TITLE: usize = 1_024;
/// How many ids one call may say have changed.
const HINTS: usize = 1_000;

/// What several pages gave together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulled {
    /// All changes, in their order.
    pub changes: Vec<Change>,
    /// The last mark that a page gave.
    pub mark: Option<Timestamp>,
    /// The state after the last page.
    pub state: Option<Value>,
    /// How many pages there were.
    pub pages: usize,
}

/// What connectors said has changed.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    committed: Vec<(String, String)>,
    /// Those of the running call.
    running: Vec<(String, String)>,
}

impl Hints {
    /// Another call begins, or the running one has failed.
    pub(crate) fn forget_running(&mut self) {
        self.running.clear();
    }

    /// The running call has succeeded.
    pub(crate) fn commit(&mut self) {
        for hint in std::mem::take(&mut self.running) {
            if !self.committed.contains(&hint) {
                self.committed.push(hint);
            }
        }
    }
}

impl MockHost {
    /// Asks which fields a resource has.
    ///
    /// # Errors
    /// The connector's own.
    ///
    /// # Panics
    /// If the manifest has no sync of it, or if the hub would not take the answer.
    pub fn describe<C: Connector>(&self, resource: &str) -> Result<Vec<Field>, Error> {
        self.demand_sync(resource);
        let fields = self.run(|| C::describe(resource))?;
        assert!(fields.len() <= FIELDS, "{resource} has more than {FIELDS} fields");
        let mut names = BTreeSet::new();
        for field in &fields {
            check_id("a field's name", &field.name);
            assert!(names.insert(&field.name), "the field {} of {resource} is there twice", field.name);
            let fits = field.choices.len() <= FIELDS && field.choices.iter().all(|choice| choice.len() <= TITLE);
            assert!(fits, "the field {} has more than {FIELDS} choices, or longer ones than {TITLE} bytes", field.name);
            assert!(field.title.len() <= TITLE, "the title of {} has more than {TITLE} bytes", field.name);
        }
        Ok(fields)
    }

    /// Asks for a page.
    ///
    /// # Errors
    /// The connector's own.
    ///
    /// # Panics
    /// If the manifest has no sync of the resource, or if the hub would not take the page.
    pub fn pull<C: Connector>(&self, pull: Pull) -> Result<Page, Error> {
        self.demand_sync(&pull.resource);
        let limit = pull.limit;
        let page = self.run(|| C::pull(pull))?;
        check_page(&page, limit);
        Ok(page)
    }

    /// Asks for page after page, each with the cursor and the state that the ones before gave, to the last one.
    ///
    /// # Errors
    /// That of the first page that fails.
    ///
    /// # Panics
    /// As [`MockHost::pull`], and after ten thousand pages: they do not come to an end.
    pub fn pull_all<C: Connector>(&self, pull: Pull) -> Result<Pulled, Error> {
        let mut pulled = Pulled { state: pull.state.clone(), ..Pulled::default() };
        let mut cursor = pull.cursor.clone();
        loop {
            let asked = Pull { cursor, state: pulled.state.clone(), ..pull.clone() };
            let page = self.pull::<C>(asked)?;
            pulled.pages += 1;
            assert!(pulled.pages <= 10_000, "the pages of {} do not come to an end", pull.resource);
            pulled.changes.extend(page.changes);
            pulled.mark = page.mark.or(pulled.mark);
            pulled.state = page.state.or(pulled.state);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(pulled),
            }
        }
    }

    /// Has records written at the vendor.
    ///
    /// # Errors
    /// The connector's own.
    ///
    /// # Panics
    /// If the manifest has no sync of the resource, or takes fewer writes at once; if the hub would not take the answer.
    pub fn push<C: Connector>(&self, resource: &str, writes: Vec<Write>) -> Result<Pushed, Error> {
        if let Some(batch) = self.demand_sync(resource) {
            assert!(writes.len() <= batch, "the manifest's batch for {resource} is {batch}");
        }
        let asked = writes.len();
        let pushed = self.run(|| C::push(resource, writes))?;
        assert_eq!(pushed.written.len(), asked, "each of the writes is answered, in their order");
        for written in &pushed.written {
            if let Written::Done { id, url, .. } = written {
                check_id("an id", id);
                check_url(url.as_deref());
            }
        }
        check_pause(pushed.pause_ms);
        Ok(pushed)
    }

    /// The objects and vendor's ids that calls which succeeded said have changed, each once, in the order in which they were said.
    #[must_use]
    pub fn hints(&self) -> Vec<(String, String)> {
        self.state.borrow().hints.committed.clone()
    }

    /// The hub asks only for what the manifest has. Gives the batch, if there is a manifest.
    fn demand_sync(&self, resource: &str) -> Option<usize> {
        let state = self.state.borrow();
        let manifest = state.manifest.as_ref()?;
        let Some(sync) = manifest.syncs.iter().find(|sync| sync.resource == resource) else {
            panic!("plugin.toml needs [[syncs]] resource = {resource:?}");
        };
        Some(sync.batch)
    }
}

fn check_page(page: &Page, limit: u32) {
    let items = page.changes.iter().filter(|change| matches!(change, Change::Found(_))).count();
    assert!(u32::try_from(items).is_ok_and(|items| items <= limit), "{items} items, where the limit is {limit}");
    let counted = page.changes.iter().map(|change| match change {
        Change::Merged { gone, .. } => gone.len(),
        Change::Found(_) | Change::Deleted(_) => 1,
    });
    assert!(counted.sum::<usize>() <= CHANGES, "more than {CHANGES} changes");
    for (what, value) in [("the cursor", &page.next), ("the state", &page.state)] {
        let size = value.as_ref().map_or(0, |value| value.to_string().len());
        assert!(size <= KEPT, "{what} has {size} bytes, where {KEPT} are the most");
    }
    for change in &page.changes {
        match change {
            Change::Found(item) => check_item(item),
            Change::Deleted(id) => check_id("an id", id),
            Change::Merged { into, gone } => {
                for id in gone.iter().chain([into]) {
                    check_id("an id", id);
                }
                assert!(!gone.is_empty() && !gone.contains(into), "nothing, or {into} itself, is merged into {into}");
            }
        }
    }
    check_pause(page.pause_ms);
}

fn check_item(item: &Item) {
    check_id("an id", &item.id);
    check_url(item.url.as_deref());
    let scalar = |value: &Value| !value.is_object() && !value.is_array();
    for (name, value) in &item.fields {
        let flat = value.as_array().map_or_else(|| scalar(value), |values| values.iter().all(scalar));
        assert!(flat, "the field {name} of {} is neither a scalar nor a list of scalars: {value}", item.id);
    }
}

fn check_id(what: &str, id: &str) {
    assert!(is_id(id), "{what} has 1 to {ID} bytes without control characters: {id:?}");
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID && !id.contains(char::is_control)
}

fn check_url(url: Option<&str>) {
    let Some(url) = url else { return };
    let fits = url.len() <= URL && url.starts_with("https://") && !url.contains(|c: char| c.is_control() || c == ' ');
    assert!(fits, "a link begins with https:// and has at most {URL} bytes: {url:?}");
}

fn check_pause(pause_ms: Option<u64>) {
    assert!(pause_ms.is_none_or(|pause| pause <= PAUSE_MS), "a pause of more than a day: {pause_ms:?}");
}

pub(crate) fn sync_changed(object: &str, ids: &[String]) -> Result<(), Error> {
    state::with(|state| {
        if let Some(manifest) = &state.manifest
            && !manifest.syncs.iter().any(|sync| sync.object == object)
        {
            return Err(Error::Denied(format!(
                "{object:?} is not among the objects of the manifest's syncs: add [[syncs]] object = {object:?}"
            )));
        }
        if let Some(index) = ids.iter().position(|id| !is_id(id)) {
            return Err(Error::invalid(format!("/ids/{index}"), format!("1 to {ID} bytes without control characters")));
        }
        let mut running = state.hints.running.clone();
        for id in ids {
            let hint = (object.to_owned(), id.clone());
            if !running.contains(&hint) {
                running.push(hint);
            }
        }
        if running.len() > HINTS {
            return Err(Error::Exhausted(format!("{HINTS} ids of what has changed per call")));
        }
        state.hints.running = running;
        Ok(())
    })
}
