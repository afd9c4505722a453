//! How the authorization server is told to behave, and to misbehave.

use std::time::Duration;

/// What the person at the browser does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Consent {
    /// Consents to everything.
    #[default]
    Gives,
    /// Says no.
    Denies,
    /// Consents to everything but these scopes.
    Without(Vec<String>),
}

/// What goes wrong with requests for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status and nothing that could be understood, instead of looking at the request. A redirection leads to
    /// another path, where each request is a violation.
    Status(u16),
    /// This status with this error, instead of looking at the request.
    Error(u16, &'static str),
    /// The request is served, and its answer is cut off: tokens, in JSON that does not end.
    CutJson,
    /// The request is served, and the connection is closed in the place of an answer.
    LostAnswer,
    /// The request is served, and the answer is JSON of another shape.
    OtherShape,
    /// An answer that never ends.
    Endless,
}

/// How answers look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// As RFC 6749 has it.
    #[default]
    Standard,
    /// As Slack has it: 200 whatever happened, `ok` says what, and a person's token is below `authed_user`.
    Slack,
}

/// How requests are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// At the authorization endpoint.
    pub consent: Consent,
    /// Who consents.
    pub account: &'static str,
    /// At the token endpoint.
    pub fault: Option<Fault>,
    /// Sent as `Retry-After` with a [`Fault::Status`], in seconds.
    pub retry_after: Option<u64>,
    /// Time before an answer of the token endpoint.
    pub delay: Duration,
    /// Of access tokens, in seconds; none: it is not said, and tokens do not end.
    pub lifetime: Option<u64>,
    /// Are there refresh tokens for consents?
    pub refresh_tokens: bool,
    /// Does each refresh give a new one, and end the old one?
    pub rotate: bool,
    /// How long a refresh token that rotated is taken once more, in seconds.
    pub grace: i64,
    /// Does a refresh token that comes twice end everything of its grant?
    pub reuse_is_theft: bool,
    /// The revocation endpoint cannot answer now.
    pub revocation_fails: bool,
    /// The API refuses every token, whatever the token endpoint and the profile say.
    pub api_refuses: bool,
    /// How answers look.
    pub style: Style,
    /// An error's description repeats every value that was sent.
    pub echo: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            consent: Consent::Gives,
            account: "ada@vendor.example",
            fault: None,
            retry_after: None,
            delay: Duration::ZERO,
            lifetime: Some(3_600),
            refresh_tokens: true,
            rotate: false,
            grace: 0,
            reuse_is_theft: true,
            revocation_fails: false,
            api_refuses: false,
            style: Style::Standard,
            echo: false,
        }
    }
}
