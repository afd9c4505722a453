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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_call_and_one_that_was_talked_have_words_of_their_own() {
        let missed = json!({"direction": "inbound", "status": "no-answer"});
        let talked = json!({"direction": "inbound", "status": "completed", "summary": "A table for two."});
        assert_eq!(follow_up(None, &missed).unwrap().unwrap(), MISSED);
        assert_eq!(follow_up(None, &talked).unwrap().unwrap(), "Thank you for your call. A table for two.");
    }

    #[test]
    fn an_organization_says_what_it_wants_or_nothing() {
        let template = "{% if record.status == 'completed' %}Thanks, {{ record.from_name }}!{% endif %}";
        let talked = json!({"status": "completed", "from_name": "Ann"});
        assert_eq!(follow_up(Some(template), &talked).unwrap().unwrap(), "Thanks, Ann!");
        assert_eq!(follow_up(Some(template), &json!({"status": "busy"})).unwrap(), None);
        assert!(follow_up(Some("{{ record | shout }}"), &talked).is_err());
    }
}
