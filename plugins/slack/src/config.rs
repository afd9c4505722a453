//! The org's settings: what is posted when something happens in the hub, and what is answered to people who wait.

use patchbay_sdk::{Error, Violation};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::Command;
use crate::interaction::Interaction;
use crate::template;
use crate::types::{Block, ResponseType};

/// Settings.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is posted when something happens in the hub.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub notifications: Vec<Notification>,
    /// A channel that is told of completed calls and failed payments, in the connector's own words.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub alerts_channel: Option<String>,
    /// Answers to slash commands. Each command becomes the event `slack.command` as well.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub commands: Vec<CommandReply>,
    /// Answers to interactions. Each interaction becomes the event `slack.interaction` as well.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub interactions: Vec<InteractionReply>,
    /// Bots' messages, and notes that a message was changed, become events, too. Careful: what answers messages may
    /// answer itself.
    #[serde(default)]
    pub bot_messages: bool,
}

/// One kind of event, and the message that it becomes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// A type of event as in `stripe.invoice.payment_failed`, all below a name as in `stripe.*`, or `*` for all but
    /// Slack's own.
    #[schemars(length(min = 1, max = 200))]
    pub event: String,
    /// The id of the channel; without one the connection's incoming webhook is used.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub channel: Option<String>,
    /// Only events for which this is true, as in `data.object.amount_due >= 10000 and event.source == "stripe"`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 2000))]
    pub filter: Option<String>,
    /// The message in mrkdwn, with `{{ data.object.customer_name }}` where a value goes. Values are escaped. Without one:
    /// the connector's own words for the type.
    #[serde(default)]
    #[schemars(length(min = 1, max = 12000))]
    pub template: Option<String>,
    /// Block Kit beside it, whose texts are templates, too.
    #[serde(default)]
    #[schemars(length(min = 1, max = 50))]
    pub blocks: Option<Vec<Block>>,
}

/// What is answered to a slash command within Slack's three seconds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandReply {
    /// As in `/deploy`.
    #[schemars(regex(pattern = r"^/[^\s/]{1,99}$"))]
    pub command: String,
    /// The answer in mrkdwn, with `{{ command.text }}`, `{{ command.user_id }}` and the others where a value goes.
    #[schemars(length(min = 1, max = 12000))]
    pub template: String,
    /// Who sees it. Default: only who asked.
    #[serde(default)]
    pub response_type: Option<ResponseType>,
}

/// What is answered to an interaction within Slack's three seconds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InteractionReply {
    /// A `callback_id` or an `action_id`.
    #[schemars(length(min = 1, max = 255))]
    pub id: String,
    /// The answer as Slack takes it for that kind, as in `{"response_action": "clear"}` for a modal.
    pub answer: Value,
}

/// The events of `alerts_channel`, each with its filter.
const ALERTS: [(&str, &str); 5] = [
    ("call.created", "record.status == 'completed'"),
    ("call.updated", "record.status == 'completed' and 'status' in data.changed"),
    ("stripe.invoice.payment_failed", "true"),
    ("stripe.payment_intent.payment_failed", "not data.object.invoice"),
    ("stripe.charge.failed", "not data.object.payment_intent and not data.object.invoice"),
];

impl Config {
    /// Templates have to compile, and nothing may answer itself.
    pub(crate) fn validate(&self) -> Result<(), Vec<Violation>> {
        let mut wrong = Vec::new();
        for (index, notification) in self.notifications.iter().enumerate() {
            let at = format!("/notifications/{index}");
            if !is_pattern(&notification.event) {
                let expected = "a type of event, a name and `.*`, or `*`";
                wrong.push(Violation::new(format!("{at}/event"), expected));
            }
            if self.bot_messages && notification.event.starts_with("slack.") {
                let expected = "no event of Slack while `bot_messages` is on: the message would be an event, too";
                wrong.push(Violation::new(format!("{at}/event"), expected));
            }
            if notification.blocks.is_some() && notification.template.is_none() {
                let expected = "a text beside the blocks: it is what notifications show";
                wrong.push(Violation::new(format!("{at}/template"), expected));
            }
            let filter = notification.filter.iter().filter_map(|filter| template::check_filter(filter).err());
            wrong.extend(filter.map(|error| Violation::new(format!("{at}/filter"), expression(&error))));
            let text = notification.template.iter().filter_map(|text| template::check(text).err());
            wrong.extend(text.map(|error| Violation::new(format!("{at}/template"), compiles(&error))));
            for (number, block) in notification.blocks.iter().flatten().enumerate() {
                let mut place = format!("{at}/blocks/{number}");
                check_texts(&block.0, &mut place, &mut wrong);
            }
        }
        for (index, reply) in self.commands.iter().enumerate() {
            if let Err(error) = template::check(&reply.template) {
                wrong.push(Violation::new(format!("/commands/{index}/template"), compiles(&error)));
            }
        }
        for (index, reply) in self.interactions.iter().enumerate() {
            if !reply.answer.is_object() {
                wrong.push(Violation::new(format!("/interactions/{index}/answer"), "an object"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// What is to be posted for events of this type, the settings' own first.
    pub(crate) fn notifications_of(&self, kind: &str) -> Vec<Notification> {
        let own = self.notifications.iter().filter(|notification| covers(&notification.event, kind)).cloned();
        let of_this = ALERTS.iter().filter(|(event, _)| *event == kind);
        let alerts = of_this.zip(self.alerts_channel.iter().cycle()).map(|((event, filter), channel)| Notification {
            event: (*event).to_owned(),
            channel: Some(channel.clone()),
            filter: Some((*filter).to_owned()),
            template: None,
            blocks: None,
        });
        own.chain(alerts).collect()
    }

    /// What is answered to this command.
    pub(crate) fn answer_to(&self, command: &Command) -> Option<&CommandReply> {
        self.commands.iter().find(|reply| reply.command == command.command)
    }

    /// What is answered to this interaction.
    pub(crate) fn answer_for(&self, interaction: &Interaction) -> Option<&InteractionReply> {
        self.interactions.iter().find(|reply| interaction.is_of(&reply.id))
    }
}

impl CommandReply {
    /// The answer, rendered.
    pub(crate) fn to(&self, command: &Command) -> Result<Value, Error> {
        let context = json!({ "command": command });
        let text = template::render(&self.template, &context)
            .map_err(|error| Error::Internal(format!("the answer to {}: {error}", self.command)))?;
        Ok(json!({"response_type": self.response_type.unwrap_or(ResponseType::Ephemeral), "text": text}))
    }
}

fn expression(error: &str) -> String {
    format!("an expression that can be evaluated ({error})")
}

fn compiles(error: &str) -> String {
    format!("a template that compiles ({error})")
}

/// Every text in a block is a template.
fn check_texts(value: &Value, at: &mut String, wrong: &mut Vec<Violation>) {
    let length = at.len();
    match value {
        Value::String(text) => {
            if let Err(error) = template::check(text) {
                wrong.push(Violation::new(at.as_str(), compiles(&error)));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push_str(&format!("/{index}"));
                check_texts(item, at, wrong);
                at.truncate(length);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                at.push('/');
                at.push_str(&name.replace('~', "~0").replace('/', "~1"));
                check_texts(member, at, wrong);
                at.truncate(length);
            }
        }
        _ => {}
    }
}

fn is_pattern(text: &str) -> bool {
    let name = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
    };
    text == "*" || text.strip_suffix(".*").unwrap_or(text).split('.').all(name)
}

/// `*` is for all but Slack's own: a message about each message in a workspace is nobody's wish.
fn covers(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => !kind.starts_with("slack."),
        Some(prefix) => kind.len() > prefix.len() && kind.starts_with(prefix),
        None => pattern == kind,
    }
}
