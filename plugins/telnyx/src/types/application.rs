//! Applications at Telnyx: what answers the numbers that are attached to them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How calls are controlled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// By documents: for menus.
    Texml,
    /// By commands and events: for `dial` and what follows it.
    CallControl,
}

/// An application that sends its webhooks to this installation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxSetUpApplication")]
pub struct SetUp {
    /// How calls are controlled.
    pub kind: Kind,
    /// What it is called at Telnyx. Without `id`, one of this name that is there is changed and no second one is made.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// One that is there.
    #[schemars(regex(pattern = r"^[0-9]{1,32}$"))]
    pub id: Option<String>,
    /// Whom calls to the outside are billed to at Telnyx: needed to dial.
    #[schemars(regex(pattern = r"^[0-9]{1,32}$"))]
    pub outbound_voice_profile_id: Option<String>,
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "TelnyxApplication")]
pub struct Application {
    /// For the setting `connection_id` and for numbers.
    pub connection_id: String,
    /// How calls are controlled.
    pub kind: Kind,
    /// Where its webhooks go.
    pub webhook_url: String,
    /// It was made now.
    pub created: bool,
}
