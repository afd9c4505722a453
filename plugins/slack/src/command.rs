//! Slash commands.

use patchbay_sdk::{Error, events};
use schemars::JsonSchema;
use serde::Serialize;

use crate::form::field;

/// A command that somebody typed.
#[derive(Debug, Serialize)]
pub(crate) struct Command {
    pub(crate) command: String,
    pub(crate) text: String,
    user_id: String,
    user_name: Option<String>,
    channel_id: String,
    channel_name: Option<String>,
    team_id: Option<String>,
    team_domain: Option<String>,
    enterprise_id: Option<String>,
    api_app_id: Option<String>,
    trigger_id: Option<String>,
    response_url: Option<String>,
}

/// The data of the event `slack.command`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "SlackCommand")]
pub(crate) struct Published<'a> {
    /// With its slash, as in `/deploy`.
    command: &'a str,
    /// What was typed after it.
    text: &'a str,
    /// Who typed it.
    user_id: &'a str,
    /// Their name; Slack may leave it out.
    user_name: Option<&'a str>,
    /// Where.
    channel_id: &'a str,
    /// Its name.
    channel_name: Option<&'a str>,
    /// The workspace.
    team_id: Option<&'a str>,
    /// The workspace's name in addresses.
    team_domain: Option<&'a str>,
    /// The organization of the workspace.
    enterprise_id: Option<&'a str>,
    /// The app.
    api_app_id: Option<&'a str>,
    /// For the action `open-view`; good once, for three seconds.
    trigger_id: Option<&'a str>,
    /// For the action `respond`; good for five answers within 30 minutes.
    response_url: Option<&'a str>,
}

impl Command {
    /// Reads a form; the error says what is missing.
    pub(crate) fn parse(fields: &[(String, String)]) -> Result<Self, String> {
        let optional = |name: &str| field(fields, name).filter(|text| !text.is_empty()).map(str::to_owned);
        let needed = |name: &str| optional(name).ok_or_else(|| format!("no command of Slack: {name} is missing"));
        let command = needed("command")?;
        if !command.starts_with('/') {
            return Err("no command of Slack: its name begins without a slash".to_owned());
        }
        Ok(Self {
            command,
            text: optional("text").unwrap_or_default(),
            user_id: needed("user_id")?,
            user_name: optional("user_name"),
            channel_id: needed("channel_id")?,
            channel_name: optional("channel_name"),
            team_id: optional("team_id"),
            team_domain: optional("team_domain"),
            enterprise_id: optional("enterprise_id"),
            api_app_id: optional("api_app_id"),
            trigger_id: optional("trigger_id"),
            response_url: optional("response_url"),
        })
    }

    /// Publishes it as `slack.command`, once for this id.
    pub(crate) fn publish(&self, id: &str) -> Result<(), Error> {
        let published = Published {
            command: &self.command,
            text: &self.text,
            user_id: &self.user_id,
            user_name: self.user_name.as_deref(),
            channel_id: &self.channel_id,
            channel_name: self.channel_name.as_deref(),
            team_id: self.team_id.as_deref(),
            team_domain: self.team_domain.as_deref(),
            enterprise_id: self.enterprise_id.as_deref(),
            api_app_id: self.api_app_id.as_deref(),
            trigger_id: self.trigger_id.as_deref(),
            response_url: self.response_url.as_deref(),
        };
        events::publish("slack.command", &self.command, &published, Some(id))?;
        Ok(())
    }
}
