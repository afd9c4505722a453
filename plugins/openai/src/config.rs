//! The org's settings.

use std::collections::BTreeMap;

use patchbay_sdk::{Error, Headers, Violation, installation};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::operation::Operation;
use crate::prices::{self, Prices};
use crate::refusal::Refusal;
use crate::request::Facts;
use crate::{ORIGIN, models};

/// How requests are made, and what they may ask for.
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
    /// Whom to ask in place of OpenAI, in its protocol, with the version in the path: `https://acme.openai.azure.com/openai/v1`.
    /// The host has to be approved.
    #[serde(default)]
    #[schemars(length(min = 9, max = 500))]
    pub base_url: Option<String>,
    /// `api-version` in the query of each request to `base_url`, where that wants one.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,40}$"))]
    pub api_version: Option<String>,
    /// Models that may be asked; `*` at the end stands for any rest. Default: every model.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub models: Option<Vec<String>>,
    /// The model of a chat completion or a response that names none.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub default_model: Option<String>,
    /// By model, the models to ask instead, one after the other, while the vendor answers with 429 or 5xx. For chat completions and
    /// responses.
    #[serde(default)]
    pub fallbacks: BTreeMap<String, Vec<String>>,
    /// What models cost: then the cost of each call is metered, and a model without a price is refused.
    #[serde(default)]
    pub prices: Option<Prices>,
    /// Answers to the very same request are kept and given again. Not of streams.
    #[serde(default)]
    pub cache: Option<Cache>,
}

/// How long answers are kept.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// In seconds.
    #[schemars(range(min = 1, max = 2592000))]
    pub ttl_s: u64,
    /// All answers together, in MiB: those that were not given for longest go first. The operator may allow less.
    #[serde(default = "sixty_four")]
    #[schemars(range(min = 1, max = 10240))]
    pub max_mib: u32,
}

const fn sixty_four() -> u32 {
    64
}

impl Config {
    /// The installation's.
    pub(crate) fn load() -> Result<Self, Error> {
        installation::config()
    }

    /// Rules that a schema cannot hold. Of `base_url` the hub has checked the host.
    pub(crate) fn validate(&self) -> Result<(), Vec<Violation>> {
        let mut wrong = Vec::new();
        // both travel as header values
        for (pointer, value) in [("/organization", &self.organization), ("/project", &self.project)] {
            if value.as_ref().is_some_and(|id| !id.bytes().all(|byte| byte.is_ascii_graphic())) {
                wrong.push(Violation::new(pointer, "letters, digits and punctuation without spaces"));
            }
        }
        if self.base_url.as_ref().is_some_and(|url| !is_base(url)) {
            wrong
                .push(Violation::new("/base_url", "an https URL without a query, as in https://models.example.com/v1"));
        }
        if self.api_version.is_some() && self.base_url.is_none() {
            wrong.push(Violation::new(
                "/api_version",
                "a base_url beside it: OpenAI itself has its version in the path",
            ));
        }
        self.validate_models(&mut wrong);
        self.validate_prices(&mut wrong);
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn validate_models(&self, wrong: &mut Vec<Violation>) {
        for (index, listed) in self.models.iter().flatten().enumerate() {
            if !is_pattern(listed) {
                wrong.push(Violation::new(format!("/models/{index}"), "a model's id, or the beginning of one and `*`"));
            }
        }
        let usable = |model: &str| self.check(Some(model)).is_ok();
        if self.default_model.as_ref().is_some_and(|model| !usable(model)) {
            wrong.push(Violation::new("/default_model", "one of `models`, with a price if there are prices"));
        }
        for (model, others) in &self.fallbacks {
            let at = format!("/fallbacks/{}", model.replace('~', "~0").replace('/', "~1"));
            if others.is_empty() || others.len() > 5 || others.contains(model) {
                wrong.push(Violation::new(at.as_str(), "one to five other models"));
            }
            for (index, _) in others.iter().enumerate().filter(|(_, other)| !usable(other)) {
                let expected = "one of `models`, with a price if there are prices";
                wrong.push(Violation::new(format!("{at}/{index}"), expected));
            }
        }
    }

    fn validate_prices(&self, wrong: &mut Vec<Violation>) {
        for (model, price) in self.prices.iter().flat_map(|prices| &prices.models) {
            let at = format!("/prices/models/{}", model.replace('~', "~0").replace('/', "~1"));
            if !is_pattern(model) {
                wrong.push(Violation::new(at.as_str(), "a model's id, or the beginning of one and `*`"));
            }
            for (name, text) in price.all() {
                if text.is_some_and(|text| prices::micros(text).is_none()) {
                    wrong.push(Violation::new(
                        format!("{at}/{name}"),
                        "a decimal with at most six digits behind the point",
                    ));
                }
            }
        }
    }

    /// Puts the settings' headers in place of a client's.
    pub(crate) fn apply(&self, headers: &mut Headers) {
        if let Some(organization) = &self.organization {
            headers.set("openai-organization", organization);
        }
        if let Some(project) = &self.project {
            headers.set("openai-project", project);
        }
    }

    /// Where a request goes: `path` is OpenAI's, as in `/v1/models`.
    pub(crate) fn url(&self, path: &str, query: &str) -> String {
        let mut url = match &self.base_url {
            None => format!("{ORIGIN}{path}"),
            Some(base) => format!("{}{}", base.trim_end_matches('/'), path.strip_prefix("/v1").unwrap_or(path)),
        };
        let version =
            self.api_version.as_ref().filter(|_| !query.split('&').any(|pair| pair.starts_with("api-version=")));
        let version = version.map(|version| format!("api-version={version}"));
        let parts = [Some(query.to_owned()).filter(|query| !query.is_empty()), version];
        for (index, part) in parts.into_iter().flatten().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(&part);
        }
        url
    }

    /// The model that a request is for: its own, or the default one where a model writes.
    pub(crate) fn choose(&self, operation: Operation, facts: &Facts) -> Result<Option<String>, Refusal> {
        let default = || self.default_model.clone().filter(|_| operation.writes());
        let model = facts.model.clone().or_else(default);
        match (operation, &model) {
            // judging costs nothing, and OpenAI has a model for it
            (Operation::Moderation, None) => {}
            (Operation::Moderation, Some(model)) => self.allows(model)?,
            (_, model) => self.check(model.as_deref())?,
        }
        Ok(model)
    }

    /// Whether a model may be asked.
    pub(crate) fn check(&self, model: Option<&str>) -> Result<(), Refusal> {
        let Some(model) = model else {
            // whatever the vendor takes in its place, nobody allowed it or knows what it costs
            return if self.minds_models() { Err(Refusal::unnamed()) } else { Ok(()) };
        };
        self.allows(model)?;
        if self.prices.as_ref().is_some_and(|prices| prices.of(model).is_none()) {
            return Err(Refusal::without_price(model));
        }
        Ok(())
    }

    /// Whether a model is listed, if there is a list.
    fn allows(&self, model: &str) -> Result<(), Refusal> {
        match &self.models {
            Some(listed) if !listed.iter().any(|listed| models::covers(listed, model)) => {
                Err(Refusal::not_allowed(model, listed))
            }
            _ => Ok(()),
        }
    }

    /// True if it matters which model is asked.
    pub(crate) const fn minds_models(&self) -> bool {
        self.models.is_some() || self.prices.is_some()
    }

    /// The models to ask after this one.
    pub(crate) fn successors(&self, model: Option<&str>) -> &[String] {
        model.and_then(|model| self.fallbacks.get(model)).map(Vec::as_slice).unwrap_or_default()
    }
}

fn is_base(url: &str) -> bool {
    let rest = url.strip_prefix("https://");
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte))
    })
}

fn is_pattern(text: &str) -> bool {
    let name = text.strip_suffix('*').unwrap_or(text);
    !text.is_empty() && text.len() <= 200 && !name.contains('*') && name.bytes().all(|byte| byte.is_ascii_graphic())
}
