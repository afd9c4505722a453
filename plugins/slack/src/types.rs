//! What the actions take and give.
//!
//! Inputs are Slack's own arguments by Slack's own names: members that are not listed pass through, so that what Slack adds
//! can be used before this connector knows it. What is listed is checked before the call, with Slack's published limits.

mod blocks;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use blocks::{Block, View};

/// What a message says: at least one of its members.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Content {
    /// The message in mrkdwn. With blocks it is what notifications show. Text that others wrote must be escaped: `&` as
    /// `&amp;`, `<` as `&lt;`, `>` as `&gt;`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40000))]
    pub text: Option<String>,
    /// Block Kit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub blocks: Option<Vec<Block>>,
    /// Slack's older form of blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub attachments: Option<Vec<Value>>,
}

/// A new message.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PostMessage {
    /// The id of a channel (`C…`), a conversation (`G…`, `D…`) or a member (`U…`, for a direct message).
    #[schemars(length(min = 1, max = 100))]
    pub channel: String,
    /// What it says.
    #[serde(flatten)]
    pub content: Content,
    /// What it says, in standard Markdown; not beside `text` or `blocks`.
    #[schemars(length(min = 1, max = 12000))]
    pub markdown_text: Option<String>,
    /// The `ts` of the message to answer in a thread. A text, not a number: a number would lose digits.
    #[schemars(regex(pattern = r"^[0-9]{1,12}\.[0-9]{1,9}$"))]
    pub thread_ts: Option<String>,
    /// An answer in a thread is shown in the channel as well.
    pub reply_broadcast: Option<bool>,
    /// Shows previews of links to text.
    pub unfurl_links: Option<bool>,
    /// Shows previews of links to media.
    pub unfurl_media: Option<bool>,
    /// False: `text` is no mrkdwn.
    pub mrkdwn: Option<bool>,
    /// A name in place of the app's; needs the scope `chat:write.customize`.
    #[schemars(length(max = 80))]
    pub username: Option<String>,
    /// An emoji in place of the app's icon, as in `:robot_face:`; needs the scope `chat:write.customize`.
    pub icon_emoji: Option<String>,
    /// An image in place of the app's icon; needs the scope `chat:write.customize`.
    #[schemars(length(max = 3000))]
    pub icon_url: Option<String>,
    /// What programs read of the message.
    pub metadata: Option<Metadata>,
}

/// What programs read of a message.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Metadata {
    /// The kind of it.
    #[schemars(length(min = 1, max = 255))]
    pub event_type: String,
    /// Anything.
    pub event_payload: Map<String, Value>,
}

/// A message in place of another.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct UpdateMessage {
    /// As `post-message` gave it.
    #[schemars(length(min = 1, max = 100))]
    pub channel: String,
    /// As `post-message` gave it.
    #[schemars(regex(pattern = r"^[0-9]{1,12}\.[0-9]{1,9}$"))]
    pub ts: String,
    /// What it says now.
    #[serde(flatten)]
    pub content: Content,
    /// What it says now, in standard Markdown; not beside `text` or `blocks`.
    #[schemars(length(min = 1, max = 12000))]
    pub markdown_text: Option<String>,
}

/// A message to take away.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMessage {
    /// As `post-message` gave it.
    #[schemars(length(min = 1, max = 100))]
    pub channel: String,
    /// As `post-message` gave it.
    #[schemars(regex(pattern = r"^[0-9]{1,12}\.[0-9]{1,9}$"))]
    pub ts: String,
}

/// A message that one member sees, until they reload.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PostEphemeral {
    /// The channel, in which the member is.
    #[schemars(length(min = 1, max = 100))]
    pub channel: String,
    /// The member's id (`U…`).
    #[schemars(length(min = 1, max = 100))]
    pub user: String,
    /// What it says.
    #[serde(flatten)]
    pub content: Content,
    /// The `ts` of the thread that it is shown in.
    #[schemars(regex(pattern = r"^[0-9]{1,12}\.[0-9]{1,9}$"))]
    pub thread_ts: Option<String>,
}

/// A message by the incoming webhook; its channel and name were chosen when the webhook was made.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PostWebhook {
    /// What it says.
    #[serde(flatten)]
    pub content: Content,
    /// The `ts` of the message to answer in a thread.
    #[schemars(regex(pattern = r"^[0-9]{1,12}\.[0-9]{1,9}$"))]
    pub thread_ts: Option<String>,
    /// Shows previews of links to text.
    pub unfurl_links: Option<bool>,
    /// Shows previews of links to media.
    pub unfurl_media: Option<bool>,
}

/// An answer to a slash command or an interaction.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Respond {
    /// As it came in the event `slack.command` or `slack.interaction`; good for five answers within 30 minutes.
    #[schemars(length(min = 1, max = 3000))]
    pub response_url: String,
    /// What it says; not needed with `delete_original`.
    #[serde(flatten)]
    pub content: Content,
    /// Who sees it.
    pub response_type: Option<ResponseType>,
    /// It takes the place of the message that the button is in.
    pub replace_original: Option<bool>,
    /// Takes away the message that the button is in.
    pub delete_original: Option<bool>,
    /// The `ts` of the thread that it is shown in.
    pub thread_ts: Option<String>,
}

/// Who sees an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseType {
    /// Only who asked.
    Ephemeral,
    /// All in the channel.
    InChannel,
}

/// A modal to open.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct OpenView {
    /// As it came in the event `slack.command` or `slack.interaction`; good once, for three seconds.
    #[schemars(length(min = 1, max = 255))]
    pub trigger_id: String,
    /// The modal.
    pub view: View,
}

/// Which conversations.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListConversations {
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1000))]
    pub cursor: Option<String>,
    /// At most so many; Slack may give fewer although there are more.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Kinds, with commas between them: `public_channel`, `private_channel`, `mpim`, `im`. Default: public channels.
    #[schemars(regex(
        pattern = r"^(public_channel|private_channel|mpim|im)(,(public_channel|private_channel|mpim|im))*$"
    ))]
    pub types: Option<String>,
    /// Leaves archived ones out. Default: true.
    pub exclude_archived: Option<bool>,
    /// The workspace, for an app that is installed in a whole organization.
    #[schemars(length(max = 100))]
    pub team_id: Option<String>,
}

/// A channel.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinConversation {
    /// Its id (`C…`).
    #[schemars(length(min = 1, max = 100))]
    pub channel: String,
}

/// Somebody's email address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupUserByEmail {
    /// As in their profile.
    #[schemars(length(min = 3, max = 320))]
    pub email: String,
}

/// Nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A message as Slack took it. `channel` and `ts` together are its key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Posted {
    /// The conversation's id.
    pub channel: String,
    /// Its id within the conversation.
    pub ts: String,
    /// As Slack shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Value>,
    /// What Slack found odd, by Slack's words for it.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// An ephemeral message as Slack took it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PostedEphemeral {
    /// It cannot be changed by it.
    pub message_ts: String,
    /// What Slack found odd, by Slack's words for it.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// It was taken. Slack says no more.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Taken {
    /// True.
    pub posted: bool,
}

/// A view as Slack shows it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    /// With its `id` and `hash`.
    pub view: Value,
    /// What Slack found odd, by Slack's words for it.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A page of conversations.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Conversations {
    /// As Slack describes them. A page may be empty although there is a next one.
    pub channels: Vec<Conversation>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
}

/// A channel or another conversation, with all that Slack says of it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Conversation {
    /// Its id.
    pub id: String,
    /// Its name, if it has one.
    #[serde(default)]
    pub name: Option<String>,
    /// The app is in it.
    #[serde(default)]
    pub is_member: Option<bool>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The conversation that was joined.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Joined {
    /// As Slack describes it.
    pub channel: Conversation,
    /// What Slack found odd: `already_in_channel`.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A member.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// As Slack describes them.
    pub user: User,
}

/// A member, with all that Slack says of them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// Their id (`U…`), which `post-message` takes as a channel.
    pub id: String,
    /// The rest.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Whose token it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tested {
    /// The workspace's address.
    pub url: Option<String>,
    /// The workspace's name.
    pub team: Option<String>,
    /// The workspace's id.
    pub team_id: Option<String>,
    /// The bot's name.
    pub user: Option<String>,
    /// The bot's id as a member.
    pub user_id: Option<String>,
    /// The bot's id.
    pub bot_id: Option<String>,
    /// The organization that the workspace belongs to.
    pub enterprise_id: Option<String>,
    /// The app is installed in the whole organization.
    pub is_enterprise_install: Option<bool>,
    /// What the token may do.
    #[serde(default)]
    pub scopes: Vec<String>,
}
