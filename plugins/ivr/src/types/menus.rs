//! Saving and publishing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Problem;
use crate::menu::Menu;

/// A menu to be kept as its next version.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveMenu {
    /// Chosen by you: `a-z`, `0-9`, `_`, `-`.
    #[schemars(regex(pattern = r"^[a-z0-9_-]{1,64}$"))]
    pub id: String,
    /// All of it.
    pub menu: Menu,
}

/// What was kept.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Saved {
    /// The menu's id.
    pub id: String,
    /// Its version: the same as before if nothing was changed.
    pub version: u32,
    /// True if it can be published.
    pub valid: bool,
    /// What is wrong with it otherwise, each with its place in `menu`.
    pub problems: Vec<Problem>,
}

/// One version of a menu.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetMenu {
    /// The menu's id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// The latest if none is named.
    #[serde(default)]
    pub version: Option<u32>,
}

/// A version as it was saved.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MenuVersion {
    /// The menu's id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// The latest version of the menu.
    pub latest: u32,
    /// True if nothing was wrong with it when it was saved.
    pub valid: bool,
    /// What was.
    pub problems: Vec<Problem>,
    /// When (RFC 3339).
    pub saved_at: String,
    /// What was saved.
    pub menu: Menu,
}

/// Which menus.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMenus {
    /// At most so many.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub after: Option<String>,
}

/// Menus, by id.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MenuPage {
    /// This page.
    pub menus: Vec<MenuSummary>,
    /// For the next one; none on the last.
    pub next: Option<String>,
}

/// A menu at a glance.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MenuSummary {
    /// Its id.
    pub id: String,
    /// For people.
    pub name: String,
    /// Its latest version.
    pub latest: u32,
    /// Where it is published.
    pub published: Vec<Published>,
}

/// A version of a menu on a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Published {
    /// E.164.
    pub number: String,
    /// The menu's id.
    pub id: String,
    /// Its version; none if nothing is published on the number any more.
    pub version: Option<u32>,
}

/// Which version on which numbers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishMenu {
    /// The menu's id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// A version with which nothing is wrong.
    pub version: u32,
    /// With + and the country's code. Numbers on which it is published already and that are not named stay as they are.
    #[schemars(length(min = 1, max = 100), inner(length(min = 7, max = 64)))]
    pub numbers: Vec<String>,
}

/// What is to be as it was before the last publishing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBackMenu {
    /// The menu's id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// On these numbers; on all that it is published on if none is named.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(min = 7, max = 64)))]
    pub numbers: Vec<String>,
}

/// A menu to be forgotten, with all its versions.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMenu {
    /// The menu's id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// Takes it off the numbers that it is published on; else a menu that is published is not deleted.
    #[serde(default)]
    pub unpublish: bool,
}

/// What is forgotten.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Deleted {
    /// The menu's id.
    pub id: String,
    /// How many versions it had.
    pub versions: u32,
    /// Numbers that have no menu any more.
    pub numbers: Vec<String>,
}

/// A recording for prompts, in base64, or as a file beside the input.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadAudio {
    /// `audio/mpeg` or `audio/wav`, what both carriers play.
    #[schemars(regex(pattern = r"^audio/(mpeg|wav|x-wav)$"))]
    pub content_type: String,
    /// At most 2 MiB of sound.
    #[serde(default)]
    #[schemars(length(min = 4, max = 2_796_204))]
    pub content: Option<String>,
}

/// What was kept.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Audio {
    /// For `blob` of a prompt.
    pub blob: String,
    /// In bytes.
    pub size: u64,
}
