//! What is wrong with a menu, found when it is saved and once more before it is published.
//!
//! All of it at once, each with its place: a menu is edited as a whole, and one fault per try is no way to mend it. A menu
//! with faults is kept as a draft and cannot be published.

mod calendar;
mod graph;
mod names;
mod targets;
mod texts;

use std::collections::BTreeSet;

use patchbay_sdk::{Error, Violation, blobs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::menu::Menu;
use crate::resolved::Resolved;

pub(crate) use names::is_name;
pub(crate) use texts::prompt as check_prompt;

/// One thing that is wrong with a menu.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Where in the menu's document (a JSON Pointer, RFC 6901), as in `/menus/main/options/1`.
    pub path: String,
    /// What is expected there.
    pub expected: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { path: path.into(), expected: expected.into() }
    }

    /// The same, for a caller whose document stands below `prefix` in what they sent.
    pub(crate) fn violation(&self, prefix: &str) -> Violation {
        Violation::new(format!("{prefix}{}", self.path), self.expected.clone())
    }
}

/// Everything that is wrong, in order of place.
///
/// # Errors
/// What kept the hub from telling whether a recording is there.
pub(crate) fn problems(menu: &Menu, resolved: &Resolved, config: &Config) -> Result<Vec<Problem>, Error> {
    let mut found = Vec::new();
    names::check(menu, &mut found);
    texts::check(menu, config, &mut found);
    targets::check(menu, config, &mut found);
    if let Some(hours) = &menu.hours {
        calendar::check(hours, &mut found);
    }
    graph::check(resolved, &mut found);
    recordings(menu, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

/// Recordings have to be there.
fn recordings(menu: &Menu, found: &mut Vec<Problem>) -> Result<(), Error> {
    let mut known = BTreeSet::new();
    for (path, prompt) in texts::prompts(menu) {
        let Some(blob) = prompt.blob.as_deref() else { continue };
        if known.contains(blob) {
            continue;
        }
        match blobs::open(blob) {
            Ok((kept, _)) if kept.content_type.starts_with("audio/") => {
                known.insert(blob);
            }
            Ok(_) => {
                found.push(Problem::new(format!("{path}/blob"), "a file of sound: its media type begins with audio/"))
            }
            Err(Error::NotFound(_)) => {
                found.push(Problem::new(format!("{path}/blob"), "a recording that upload-audio gave"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
