//! What the connector itself refuses, in OpenAI's own shape for its SDKs and as a violation for actions.

use patchbay_sdk::proxy::Responder;
use patchbay_sdk::{Error, Headers};
use serde_json::json;

/// A request that is not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    param: &'static str,
    code: &'static str,
    /// Of the whole.
    message: String,
    /// At the member.
    expected: String,
}

impl Refusal {
    pub(crate) fn not_allowed(model: &str, allowed: &[String]) -> Self {
        let (model, allowed) = (shown(model), allowed.join(", "));
        Self {
            status: 403,
            param: "model",
            code: "model_not_allowed",
            message: format!(
                "The model `{model}` is not allowed by this organization's settings, which allow: {allowed}."
            ),
            expected: format!("a model that the organization's settings allow ({allowed}), which `{model}` is not"),
        }
    }

    pub(crate) fn without_price(model: &str) -> Self {
        let model = shown(model);
        Self {
            status: 403,
            param: "model",
            code: "model_without_price",
            message: format!("The model `{model}` has no price in this organization's settings: add it to `prices`."),
            expected: format!("a model that the organization's settings have a price for, which `{model}` is not"),
        }
    }

    pub(crate) fn unnamed() -> Self {
        Self {
            status: 400,
            param: "model",
            code: "model_required",
            message: "This organization's settings say which models may be used: name one in `model`.".to_owned(),
            expected: "a model: the organization's settings say which may be used".to_owned(),
        }
    }

    pub(crate) fn in_the_background() -> Self {
        Self {
            status: 400,
            param: "background",
            code: "unsupported_parameter",
            message: "Responses in the background are not offered here: leave `background` out.".to_owned(),
            expected: "false or nothing: what ends after the call cannot be metered".to_owned(),
        }
    }

    /// A body that is no form, or lacks what must be read of it.
    pub(crate) fn no_form(why: &str) -> Self {
        Self {
            status: 400,
            param: "file",
            code: "invalid_form",
            message: format!("The body is not a form as OpenAI's API takes it: {why}."),
            expected: why.to_owned(),
        }
    }

    /// A batch whose requests could not be looked at.
    pub(crate) fn unread_batch(why: &str) -> Self {
        Self {
            status: 400,
            param: "input_file_id",
            code: "batch_not_readable",
            message: format!(
                "This organization's settings say which models may be used, so a batch is read first: {why}."
            ),
            expected: why.to_owned(),
        }
    }

    /// Answers a client of OpenAI.
    pub(crate) fn answer(&self, responder: &Responder) -> Result<(), Error> {
        let Self { status, param, code, message, .. } = self;
        let body = json!({
            "error": {"message": message, "type": "invalid_request_error", "param": param, "code": code},
        });
        let headers: Headers = [("content-type", "application/json")].into_iter().collect();
        responder.start(*status, headers)?;
        responder.write(body.to_string().as_bytes())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::invalid(format!("/{}", refusal.param), refusal.expected)
    }
}

/// A model's name as far as it is worth repeating.
fn shown(model: &str) -> String {
    model.chars().filter(|character| !character.is_control()).take(200).collect()
}
