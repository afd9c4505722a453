//! What is kept, and under which ids.

use std::collections::BTreeMap;

use patchbay_sdk::{Error, kv, records};
use patchbay_telephony::guard::{Destinations, Spending};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Problem;
use crate::digest::digest;
use crate::menu::Menu;
use crate::resolved::Resolved;
use crate::types::{Direction, Outcome, Step};

/// Menus, by id.
pub(crate) const MENUS: &str = "menus";
/// Versions, by menu and number. They are never changed.
pub(crate) const VERSIONS: &str = "versions";
/// What is answered, by E.164 number.
pub(crate) const PUBLISHED: &str = "published";
/// What calls have done, by call.
pub(crate) const CALLS: &str = "calls";
/// Messages, by call and recording.
pub(crate) const VOICEMAIL: &str = "voicemail";
/// Answers of surveys, by call and question.
pub(crate) const ANSWERS: &str = "answers";
/// What calls have cost, roughly, by currency.
pub(crate) const SPENDING: &str = "spending";

/// A menu.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "IvrMenu")]
pub(crate) struct StoredMenu {
    /// For people, as the latest version has it.
    pub(crate) name: String,
    /// The latest version.
    pub(crate) latest: u32,
}

/// A version of a menu.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "IvrVersion")]
pub(crate) struct StoredVersion {
    /// The menu's id.
    pub(crate) menu: String,
    /// Its number.
    pub(crate) version: u32,
    /// As it was saved.
    pub(crate) document: Menu,
    /// What was wrong with it then.
    pub(crate) problems: Vec<Problem>,
    /// When (RFC 3339).
    pub(crate) saved_at: String,
}

/// What is answered on a number.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "IvrPublished")]
pub(crate) struct StoredPublished {
    /// The menu's id.
    pub(crate) menu: String,
    /// Its version.
    pub(crate) version: u32,
    /// When it was published (RFC 3339).
    pub(crate) published_at: String,
    /// All of it, ready to be walked through.
    pub(crate) resolved: Resolved,
    /// Where it may lead: what its numbers were checked with.
    pub(crate) destinations: Destinations,
    /// What was published before, the latest last; at most 20.
    pub(crate) before: Vec<Past>,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Past {
    /// The menu's id.
    pub(crate) menu: String,
    /// Its version.
    pub(crate) version: u32,
    /// When it was published (RFC 3339).
    pub(crate) published_at: String,
}

/// What a call has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "IvrCall")]
pub(crate) struct StoredCall {
    /// The carrier's id.
    pub(crate) call: String,
    /// Who called.
    pub(crate) from: String,
    /// Who was called.
    pub(crate) to: String,
    /// Which way it went.
    pub(crate) direction: Direction,
    /// The menu.
    pub(crate) menu: String,
    /// Its version.
    pub(crate) version: u32,
    /// When the first of its steps was (RFC 3339).
    pub(crate) started_at: String,
    /// The day of that (UTC).
    pub(crate) day: String,
    /// What it did, by id: in that order it was done.
    pub(crate) steps: BTreeMap<String, Step>,
    /// What became of it, once that is told.
    pub(crate) outcome: Option<Outcome>,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "IvrAnswer")]
pub(crate) struct StoredAnswer {
    /// The carrier's id of the call.
    pub(crate) call: String,
    /// Who called.
    pub(crate) from: String,
    /// The menu.
    pub(crate) menu: String,
    /// Its version.
    pub(crate) version: u32,
    /// The survey's name.
    pub(crate) survey: String,
    /// The question's id.
    pub(crate) question: String,
    /// The key.
    pub(crate) key: String,
    /// When (RFC 3339).
    pub(crate) answered_at: String,
}

/// What calls have cost, roughly.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "IvrSpending")]
pub(crate) struct StoredSpending {
    /// By window of time.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub(crate) windows: Spending,
}

/// The id of a version: by number in order.
pub(crate) fn version_id(menu: &str, version: u32) -> String {
    format!("{menu}@{version:010}")
}

/// The id of a call's documents. Carriers' ids could be longer than a document's.
pub(crate) fn call_key(call: &str) -> String {
    let fits = !call.is_empty() && call.len() <= 160 && !call.contains(char::is_control);
    if fits { call.to_owned() } else { digest(&[call]) }
}

/// A version, if there is one.
pub(crate) fn version(menu: &str, version: u32) -> Result<Option<StoredVersion>, Error> {
    Ok(records::get(VERSIONS, &version_id(menu, version))?.map(|found| found.data))
}

/// The last version that a deleted menu of this id had; 0 if there was none. Another menu of that id goes on from there: calls
/// that run, and what was published before, name versions, and must not come to another document by that.
pub(crate) fn last_deleted(menu: &str) -> Result<u32, Error> {
    let Some(kept) = kv::get(&deleted(menu))? else { return Ok(0) };
    let text = String::from_utf8(kept.value)?;
    text.parse().map_err(|_| Error::Internal("the version of a deleted menu is no number".to_owned()))
}

/// Notes the last version of a menu that is deleted.
pub(crate) fn note_deleted(menu: &str, latest: u32) -> Result<(), Error> {
    kv::set(&deleted(menu), latest.to_string().as_bytes(), None, None).map(drop)
}

fn deleted(menu: &str) -> String {
    format!("deleted/{menu}")
}

/// What is wanted of a menu: a version, or the latest. Gives the version and the latest one's number.
pub(crate) fn wanted(menu: &str, wanted: Option<u32>) -> Result<(StoredVersion, u32), Error> {
    let missing = || Error::NotFound(format!("no menu {menu:?}; list-menus has those that there are"));
    let latest = records::get::<StoredMenu>(MENUS, menu)?.ok_or_else(missing)?.data.latest;
    let number = wanted.unwrap_or(latest);
    let found = version(menu, number)?;
    let found =
        found.ok_or_else(|| Error::NotFound(format!("no version {number} of {menu}; the latest is {latest}")))?;
    Ok((found, latest))
}
