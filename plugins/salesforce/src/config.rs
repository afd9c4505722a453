//! The org's settings.

use patchbay_sdk::{Error, Violation, installation};
use schemars::JsonSchema;
use serde::Deserialize;

/// The version of the REST API that everything is written for: Winter '27. Salesforce keeps each for three years at least.
pub(crate) const API_VERSION: &str = "68.0";

/// The oldest version that answers in the shapes that are read here.
const OLDEST_VERSION: u32 = 46;

/// The field that upserts go by, where the settings name no other.
pub(crate) const EXTERNAL_ID: &str = "Patchbay_Id__c";

/// Whose hosts an org's can be.
const SUFFIXES: [&str; 5] =
    [".salesforce.com", ".force.com", ".salesforce.mil", ".cloudforce.com", ".sfcrmproducts.cn"];

/// Settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where people sign in: what stands before `.salesforce.com`. `login` for production, `test` for sandboxes, or the My Domain,
    /// as in `acme.my` or `acme--dev.sandbox.my`.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[a-z0-9-]+(\.[a-z0-9-]+)*$"))]
    pub login: String,
    /// The org's own address, as in `https://acme.my.salesforce.com`: in Salesforce under Setup, My Domain. An admin approves the
    /// host, and no token goes to another.
    #[schemars(length(min = 1, max = 300))]
    pub instance_url: String,
    /// The version of the REST API. Default: 68.0.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[1-9][0-9]{1,2}\.0$"))]
    pub api_version: Option<String>,
    /// The unique External Id field by which the hub knows the records that it made, on every object that is written. Default:
    /// `Patchbay_Id__c`.
    #[serde(default)]
    #[schemars(length(max = 80), regex(pattern = r"^[A-Za-z][A-Za-z0-9_]*__c$"))]
    pub external_id_field: Option<String>,
    /// What becomes of a call with somebody whom neither side knows. Default: `ask`.
    #[serde(default)]
    pub unknown_caller: UnknownCaller,
}

/// What becomes of a call with somebody unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownCaller {
    /// A contact with the number is made, and the call is logged with it.
    Create,
    /// The call is logged as an open task without a contact, for somebody to say who it was.
    #[default]
    Ask,
    /// The call is not logged.
    Ignore,
}

impl Config {
    /// The installation's.
    pub(crate) fn load() -> Result<Self, Error> {
        installation::config()
    }

    /// The version of the REST API, as `68.0`.
    pub(crate) fn version(&self) -> &str {
        self.api_version.as_deref().unwrap_or(API_VERSION)
    }

    /// The field that upserts go by.
    pub(crate) fn external_id(&self) -> &str {
        self.external_id_field.as_deref().unwrap_or(EXTERNAL_ID)
    }

    /// The org's address without a slash at its end.
    pub(crate) fn instance(&self) -> &str {
        self.instance_url.trim_end_matches('/')
    }

    /// Hosts that are none of Salesforce's, and versions that are gone.
    pub(crate) fn validate(&self) -> Result<(), Vec<Violation>> {
        let mut wrong = Vec::new();
        let host = self.instance().strip_prefix("https://").unwrap_or_default();
        let is_host = !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
        if !is_host || !SUFFIXES.iter().any(|suffix| host.len() > suffix.len() && host.ends_with(suffix)) {
            let expected = "the org's address at Salesforce, as in https://acme.my.salesforce.com, without a path";
            wrong.push(Violation::new("/instance_url", expected));
        }
        let version = self.version().strip_suffix(".0").and_then(|major| major.parse::<u32>().ok());
        if version.is_none_or(|version| version < OLDEST_VERSION) {
            wrong.push(Violation::new(
                "/api_version",
                format!("a version from {OLDEST_VERSION}.0 on, as in {API_VERSION}"),
            ));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}
