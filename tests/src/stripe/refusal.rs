//! How Stripe says no.

use serde_json::{Value, json};

/// An error answer, in the vendor's shape. <https://docs.stripe.com/api/errors>
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    kind: &'static str,
    code: Option<String>,
    decline_code: Option<String>,
    param: Option<String>,
    message: String,
}

impl Refusal {
    /// Any, with a status and one of Stripe's four types.
    pub(super) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, decline_code: None, param: None, message: message.into() }
    }

    /// 400: the request is wrong.
    pub(super) fn request(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    /// 400: this parameter is wrong.
    pub(super) fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::request(message) }
    }

    pub(super) fn missing(param: &str) -> Self {
        Self::invalid(param, format!("Missing required param: {param}.")).code("parameter_missing")
    }

    pub(super) fn unknown(param: &str) -> Self {
        Self::invalid(param, format!("Received unknown parameter: {param}")).code("parameter_unknown")
    }

    /// 404 for what the path names, 400 for what a parameter names.
    pub(super) fn no_such(status: u16, what: &str, id: &str, param: &str) -> Self {
        let message = format!("No such {what}: '{id}'");
        Self { status, ..Self::invalid(param, message).code("resource_missing") }
    }

    /// 402: the bank says no. `decline_code` as in `insufficient_funds`.
    pub(super) fn card(decline_code: &str) -> Self {
        let refusal = Self::new(402, "card_error", "Your card was declined.").code("card_declined");
        Self { decline_code: Some(decline_code.to_owned()), ..refusal }
    }

    pub(super) fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    /// The word for why a card was declined; of another failure, its code.
    pub(super) fn word(&self) -> &str {
        self.decline_code.as_deref().or(self.code.as_deref()).unwrap_or(self.kind)
    }

    pub(super) fn body(&self) -> Value {
        let mut error = json!({"type": self.kind, "message": self.message});
        for (name, value) in [("code", &self.code), ("decline_code", &self.decline_code), ("param", &self.param)] {
            if let Some(value) = value {
                error[name] = json!(value);
            }
        }
        json!({"error": error})
    }
}
