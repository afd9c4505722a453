//! Something that happened in a workspace: an event of Slack's Events API, which becomes an event of the hub.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, events, log};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest name of a type; Slack's longest has about forty characters.
const MAX_KIND: usize = 80;

/// The longest id of an event that is taken.
const MAX_ID: usize = 200;

/// Messages that a person wrote, by Slack's subtype: the others are the app's own, another bot's, or say that something
/// about a message or a channel changed.
const BY_PEOPLE: [&str; 3] = ["file_share", "thread_broadcast", "me_message"];

/// Slack's envelope, and what is in it.
#[derive(Debug, Deserialize)]
pub(crate) struct Occurrence {
    #[serde(rename = "type")]
    envelope: String,
    #[serde(default)]
    team_id: Option<String>,
    #[serde(default)]
    api_app_id: Option<String>,
    #[serde(default)]
    event: Option<Value>,
    #[serde(default)]
    event_id: Option<String>,
    /// Unix seconds.
    #[serde(default)]
    event_time: Option<u64>,
    #[serde(default)]
    authorizations: Option<Value>,
    #[serde(default)]
    event_context: Option<String>,
    #[serde(default)]
    is_ext_shared_channel: Option<bool>,
    /// Of `app_rate_limited`: the minute, in Unix seconds.
    #[serde(default)]
    minute_rate_limited: Option<u64>,
    #[serde(skip)]
    id: String,
    #[serde(skip)]
    kind: String,
}

/// The data of the event that is published: Slack's event as Slack wrote it, with what a consumer needs to know of the
/// envelope around it. The deprecated token is left out.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "SlackEvent")]
pub(crate) struct Published<'a> {
    /// Slack's name of the type, as in `app_mention`.
    #[serde(rename = "type")]
    kind: &'a str,
    /// The workspace.
    team_id: Option<&'a str>,
    /// The app.
    api_app_id: Option<&'a str>,
    /// When it happened, in milliseconds since the Unix epoch.
    occurred_at: Option<Timestamp>,
    /// The event, as Slack describes it for its type; null for `app_rate_limited`.
    event: Option<&'a Value>,
    /// For which installations of the app it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizations: Option<&'a Value>,
    /// What asks Slack for all of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_context: Option<&'a str>,
    /// The channel is shared with another workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_ext_shared_channel: Option<bool>,
}

impl Occurrence {
    /// Reads a body; the error says what it is not.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let mut occurrence: Self =
            serde_json::from_slice(body).map_err(|error| format!("no event of Slack: {error}"))?;
        match occurrence.envelope.as_str() {
            "event_callback" => {
                let kind = occurrence.event.as_ref().and_then(|event| event.get("type")).and_then(Value::as_str);
                occurrence.kind = kind.ok_or("the event has no type")?.to_owned();
                occurrence.id = occurrence.event_id.take().ok_or("the event has no id")?;
            }
            "app_rate_limited" => {
                let minute = occurrence.minute_rate_limited.ok_or("the minute is missing")?;
                let team = occurrence.team_id.as_deref().unwrap_or_default();
                occurrence.id = format!("app_rate_limited:{team}:{minute}");
                occurrence.event_time = Some(minute);
                occurrence.kind = "app_rate_limited".to_owned();
            }
            _ => return Err("no event of Slack: its type is neither event_callback nor app_rate_limited".to_owned()),
        }
        let named = occurrence.kind.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
            && occurrence.kind.split('.').all(|part| !part.is_empty());
        if !named || !(1..=MAX_KIND).contains(&occurrence.kind.len()) {
            return Err("the type is no name".to_owned());
        }
        if !(1..=MAX_ID).contains(&occurrence.id.len()) {
            return Err(format!("the id has not between 1 and {MAX_ID} bytes"));
        }
        Ok(occurrence)
    }

    /// Stays the same when Slack sends it again.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Slack's name of the type.
    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// When it happened.
    pub(crate) fn occurred_at(&self) -> Option<Timestamp> {
        self.event_time?.checked_mul(1000)
    }

    /// Publishes it as `slack.<type>`, unless it is a bot's message and those are not wanted: what answers messages would
    /// answer itself.
    pub(crate) fn publish(&self, bot_messages: bool) -> Result<(), Error> {
        if !bot_messages && self.is_by_a_bot() {
            log::debug("a message that nobody wrote is not published", &[("type", &self.kind)]);
            return Ok(());
        }
        if matches!(self.kind.as_str(), "app_uninstalled" | "tokens_revoked") {
            log::warn("the workspace has taken the app's rights away: connect Slack again", &[("type", &self.kind)]);
        }
        let published = Published {
            kind: &self.kind,
            team_id: self.team_id.as_deref(),
            api_app_id: self.api_app_id.as_deref(),
            occurred_at: self.occurred_at(),
            event: self.event.as_ref(),
            authorizations: self.authorizations.as_ref(),
            event_context: self.event_context.as_deref(),
            is_ext_shared_channel: self.is_ext_shared_channel,
        };
        events::publish(&format!("slack.{}", self.kind), self.subject(), &published, Some(&self.id))?;
        Ok(())
    }

    /// What it is about: the channel, else the person, else the workspace.
    fn subject(&self) -> &str {
        let at = |pointer: &str| self.event.as_ref()?.pointer(pointer)?.as_str();
        let about = ["/channel", "/item/channel", "/channel/id", "/user", "/user/id"].into_iter().find_map(at);
        about.or(self.team_id.as_deref()).unwrap_or_default()
    }

    fn is_by_a_bot(&self) -> bool {
        if !matches!(self.kind.as_str(), "message" | "app_mention") {
            return false;
        }
        let member = |name: &str| self.event.as_ref().and_then(|event| event.get(name)).and_then(Value::as_str);
        let subtype = member("subtype");
        member("bot_id").is_some() || subtype.is_some_and(|subtype| !BY_PEOPLE.contains(&subtype))
    }
}
