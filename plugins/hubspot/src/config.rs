//! The org's settings.

use std::collections::BTreeMap;

use patchbay_sdk::{Error, Violation, installation};
use schemars::JsonSchema;
use serde::Deserialize;

/// HubSpot's version of the API that this connector is written for. Two come every year, and each lives for 18 months.
pub(crate) const VERSION: &str = "2026-03";

/// The longest word of an outcome, in characters.
const MAX_OUTCOME: usize = 200;

/// Settings.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// HubSpot's version of the API, as in `2026-09`. Default: the one that this connector is written for, `2026-03`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^20[0-9]{2}-(03|09)$"))]
    pub api_version: Option<String>,
    /// What becomes of a call whose other side is no contact.
    #[serde(default)]
    pub unknown_contact: UnknownContact,
    /// HubSpot's id of the disposition for an outcome of a call: `{"interested": "a4c4c377-…"}`. In HubSpot under Settings,
    /// Objects, Calls: Call outcomes. HubSpot's own six are known by their names, as in `left voicemail`.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub dispositions: BTreeMap<String, String>,
    /// HubSpot's user (`hubspot_owner_id`) that calls belong to. Default: nobody.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,20}$"))]
    pub call_owner: Option<String>,
}

/// What becomes of a call whose other side is no contact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownContact {
    /// A contact with the number is made in HubSpot.
    Create,
    /// The call is logged without one, and the event `hubspot.contact_unknown` asks who it was.
    #[default]
    Ask,
    /// The call is logged without one.
    Ignore,
}

impl Config {
    /// The org's.
    ///
    /// # Errors
    /// [`Error::Internal`] if they are no settings of this connector.
    pub(crate) fn load() -> Result<Self, Error> {
        installation::config()
    }

    /// The version of the API that is asked.
    pub(crate) fn version(&self) -> &str {
        self.api_version.as_deref().unwrap_or(VERSION)
    }

    /// Outcomes are words, and dispositions are HubSpot's ids.
    pub(crate) fn validate(&self) -> Result<(), Vec<Violation>> {
        let mut wrong = Vec::new();
        for (outcome, id) in &self.dispositions {
            let at = format!("/dispositions/{}", outcome.replace('~', "~0").replace('/', "~1"));
            if outcome.is_empty() || outcome.chars().count() > MAX_OUTCOME {
                wrong.push(Violation::new(at.as_str(), format!("an outcome of 1 to {MAX_OUTCOME} characters")));
            }
            if !is_guid(id) {
                wrong.push(Violation::new(at, "the id of a disposition, as in f240bbac-87c9-4f6e-bf70-924b57d47db7"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispositions_are_ids_of_hubspot() {
        let settings = |id: &str| Config {
            dispositions: BTreeMap::from([("interested".to_owned(), id.to_owned())]),
            ..Config::default()
        };
        assert_eq!(settings("f240bbac-87c9-4f6e-bf70-924b57d47db7").validate(), Ok(()));
        for id in ["", "connected", "f240bbac87c94f6ebf70924b57d47db7", "g240bbac-87c9-4f6e-bf70-924b57d47db7"] {
            let wrong = settings(id).validate().unwrap_err();
            assert_eq!(wrong.first().map(|wrong| wrong.pointer.as_str()), Some("/dispositions/interested"), "{id}");
        }
    }

    #[test]
    fn the_version_is_the_connectors_unless_the_org_says_another() {
        assert_eq!(Config::default().version(), "2026-03");
        let config = Config { api_version: Some("2026-09".into()), ..Config::default() };
        assert_eq!(config.version(), "2026-09");
    }
}
