//! Who calls, and what is noted of a call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who is looked for: one of the two.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceFindContact")]
pub struct FindContact {
    /// A number in E.164.
    #[serde(default)]
    #[schemars(regex(pattern = r"^\+[1-9][0-9]{6,14}$"))]
    pub phone: Option<String>,
    /// An e-mail address.
    #[serde(default)]
    #[schemars(length(min = 3, max = 320))]
    pub email: Option<String>,
}

/// Who was found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "SalesforceContacts")]
pub struct Contacts {
    /// At most 50 of them.
    pub contacts: Vec<FoundContact>,
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FoundContact {
    /// Its id.
    pub id: String,
    /// The whole name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The telephone number, as it stands there.
    pub phone: Option<String>,
    /// The mobile number, as it stands there.
    pub mobile_phone: Option<String>,
    /// The account's id.
    pub account_id: Option<String>,
    /// Where a person sees the contact.
    pub url: String,
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Somebody called the organization.
    Inbound,
    /// The organization called.
    Outbound,
    /// Within the organization.
    Internal,
}

/// A call that has ended.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceLogCall")]
pub struct LogCall {
    /// What the call is known by: the same one is logged once, however often this is asked.
    #[schemars(length(min = 1, max = 255))]
    pub call_id: String,
    /// Who called whom.
    pub direction: Direction,
    /// The other side's number, in E.164. The one contact that has it is linked.
    #[serde(default)]
    #[schemars(regex(pattern = r"^\+[1-9][0-9]{6,14}$"))]
    pub number: Option<String>,
    /// The other side's name.
    #[serde(default)]
    #[schemars(length(min = 1, max = 80))]
    pub name: Option<String>,
    /// The contact's id. Default: whoever has the number.
    #[serde(default)]
    #[schemars(length(min = 15, max = 18))]
    pub contact_id: Option<String>,
    /// The opportunity's or account's id.
    #[serde(default)]
    #[schemars(length(min = 15, max = 18))]
    pub related_id: Option<String>,
    /// From answer to end, in seconds.
    #[serde(default)]
    #[schemars(range(max = 86400))]
    pub duration_s: Option<u32>,
    /// What came of it.
    #[serde(default)]
    #[schemars(length(max = 255))]
    pub outcome: Option<String>,
    /// The subject. Default: who called whom.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub subject: Option<String>,
    /// What was said.
    #[serde(default)]
    #[schemars(length(max = 32000))]
    pub description: Option<String>,
    /// The day, as `2026-11-01`. Default: today, in UTC.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub date: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "SalesforceLoggedCall")]
pub struct LoggedCall {
    /// It was logged; not where nobody knows who it was and the settings say so.
    pub logged: bool,
    /// The task's id.
    pub task_id: Option<String>,
    /// It had not been logged before.
    pub created: bool,
    /// The contact that is linked.
    pub contact_id: Option<String>,
    /// Where a person sees the task.
    pub url: Option<String>,
}
