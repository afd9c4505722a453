//! A message after a call.

use serde_json::{Value, json};

use super::template::{self, BadTemplate};

/// What is written after a call that nobody took, if the organization has no words of its own.
const MISSED: &str = "Sorry that we missed your call. We will call you back; you can also answer this message.";
/// And after one that was talked.
const TALKED: &str = "Thank you for your call.{% if record.summary %} {{ record.summary }}{% endif %}";

/// The text of a message that follows a call: by a template of the organization's, in which `record` is the standard object
/// `call`, or by the built-in one. `None` if the template gives nothing, which is how one says that this call has none.
///
/// # Errors
/// [`BadTemplate`].
pub fn follow_up(template: Option<&str>, call: &Value) -> Result<Option<String>, BadTemplate> {
    let talked = call.get("status").and_then(Value::as_str) == Some("completed");
    let template = template.unwrap_or(if talked { TALKED } else { MISSED });
    let text = template::render(template, &json!({"record": call}))?;
    Ok((!text.is_empty()).then_some(text))
}
