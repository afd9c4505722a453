//! Buttons, menus, shortcuts and modals.

use patchbay_sdk::{Error, events};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What somebody did.
#[derive(Debug)]
pub(crate) struct Interaction {
    kind: String,
    payload: Value,
}

/// The data of the event `slack.interaction`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "SlackInteraction")]
pub(crate) struct Published<'a> {
    /// `block_actions`, `view_submission`, `view_closed`, `shortcut`, `message_action` or `block_suggestion`.
    #[serde(rename = "type")]
    kind: &'a str,
    /// The `action_id` of what was pressed or chosen.
    action_ids: Vec<&'a str>,
    /// Of the modal, the shortcut or the message.
    callback_id: Option<&'a str>,
    /// Who did it.
    user_id: Option<&'a str>,
    /// Where, if it was in a channel.
    channel_id: Option<&'a str>,
    /// The workspace.
    team_id: Option<&'a str>,
    /// For the action `open-view`; good once, for three seconds.
    trigger_id: Option<&'a str>,
    /// For the action `respond`; good for five answers within 30 minutes.
    response_url: Option<&'a str>,
    /// All that Slack says of it, but for the deprecated token.
    payload: &'a Value,
}

impl Interaction {
    /// Reads the field `payload` of a form; the error says what it is not.
    pub(crate) fn parse(payload: &str) -> Result<Self, String> {
        let mut payload: Value =
            serde_json::from_str(payload).map_err(|error| format!("no interaction of Slack: {error}"))?;
        let kind = payload.get("type").and_then(Value::as_str).ok_or("no interaction of Slack: it has no type")?;
        let kind = kind.to_owned();
        if let Some(members) = payload.as_object_mut() {
            members.shift_remove("token");
        }
        Ok(Self { kind, payload })
    }

    /// True for the `callback_id` or an `action_id` of it.
    pub(crate) fn is_of(&self, id: &str) -> bool {
        self.callback_id() == Some(id) || self.action_ids().contains(&id)
    }

    /// Publishes it as `slack.interaction`, once for this id.
    pub(crate) fn publish(&self, id: &str) -> Result<(), Error> {
        let published = Published {
            kind: &self.kind,
            action_ids: self.action_ids(),
            callback_id: self.callback_id(),
            user_id: self.at("/user/id"),
            channel_id: self.at("/channel/id").or_else(|| self.at("/container/channel_id")),
            team_id: self.at("/team/id"),
            trigger_id: self.at("/trigger_id"),
            response_url: self.at("/response_url").or_else(|| self.at("/response_urls/0/response_url")),
            payload: &self.payload,
        };
        let subject = published.callback_id.or(published.action_ids.first().copied()).unwrap_or_default();
        events::publish("slack.interaction", subject, &published, Some(id))?;
        Ok(())
    }

    fn at(&self, pointer: &str) -> Option<&str> {
        self.payload.pointer(pointer)?.as_str()
    }

    fn callback_id(&self) -> Option<&str> {
        self.at("/view/callback_id").or_else(|| self.at("/callback_id"))
    }

    fn action_ids(&self) -> Vec<&str> {
        let actions = self.payload.get("actions").and_then(Value::as_array).into_iter().flatten();
        let pressed = actions.filter_map(|action| action.get("action_id")?.as_str());
        // a suggestion names what is typed into at its top
        pressed.chain(self.payload.get("action_id").and_then(Value::as_str)).collect()
    }
}
