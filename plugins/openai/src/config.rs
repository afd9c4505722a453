//! The org's settings.

use patchbay_sdk::{Error, Headers, Violation, installation};
use schemars::JsonSchema;
use serde::Deserialize;

/// Under whose name requests are made, for keys that may act for several.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// OpenAI's id of the organization, as in `org-AbC`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub organization: Option<String>,
    /// OpenAI's id of the project, as in `proj_AbC`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub project: Option<String>,
}

impl Config {
    /// Both travel as header values.
    pub(crate) fn validate(&self) -> Result<(), Vec<Violation>> {
        let members = [("/organization", &self.organization), ("/project", &self.project)];
        let wrong: Vec<_> = members
            .into_iter()
            .filter(|(_, value)| value.as_ref().is_some_and(|id| !id.bytes().all(|byte| byte.is_ascii_graphic())))
            .map(|(pointer, _)| Violation::new(pointer, "letters, digits and punctuation without spaces"))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

/// Puts the settings' headers in place of a client's.
pub(crate) fn apply(headers: &mut Headers) -> Result<(), Error> {
    let config: Config = installation::config()?;
    if let Some(organization) = config.organization {
        headers.set("openai-organization", organization);
    }
    if let Some(project) = config.project {
        headers.set("openai-project", project);
    }
    Ok(())
}
