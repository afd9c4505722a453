//! HubSpot's words for what a call was.

use serde_json::Value;

use super::{other_side, text};
use crate::config::Config;

/// The longest body of a call, in characters; HubSpot takes 65,536.
const MAX_BODY: usize = 60_000;

const CONNECTED: &str = "f240bbac-87c9-4f6e-bf70-924b57d47db7";
const BUSY: &str = "9d9162e7-6cf3-4944-bf63-4dff82258764";
const LEFT_VOICEMAIL: &str = "b2cf5968-551e-4856-9783-52b3da59a7d0";
const LEFT_LIVE_MESSAGE: &str = "a4c4c377-d246-4b32-a13b-75a56a4cd0ff";
const NO_ANSWER: &str = "73a0d17f-1163-4015-bdd5-ec830791da20";
const WRONG_NUMBER: &str = "17b47fee-58de-441e-a44c-c6300d46f273";

/// The status of a call that has ended; none of any other.
pub(super) fn status(word: &str) -> Option<&'static str> {
    Some(match word {
        "completed" => "COMPLETED",
        "busy" => "BUSY",
        "no-answer" => "NO_ANSWER",
        "canceled" => "CANCELED",
        "failed" => "FAILED",
        _ => return None,
    })
}

/// HubSpot knows two directions; a call between people of the organization has neither.
pub(super) fn direction(word: &str) -> Option<&'static str> {
    match word {
        "inbound" => Some("INBOUND"),
        "outbound" => Some("OUTBOUND"),
        _ => None,
    }
}

/// HubSpot's id of what came of it: the org's own for the outcome, HubSpot's for a word that it knows, else by how it ended.
pub(super) fn disposition(config: &Config, call: &Value) -> Option<String> {
    let outcome = text(call, "outcome");
    if let Some(own) = config.dispositions.get(outcome) {
        return Some(own.clone());
    }
    let word: String = outcome
        .chars()
        .map(|letter| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { ' ' })
        .collect();
    let known = match word.trim() {
        "connected" | "answered" => CONNECTED,
        "busy" => BUSY,
        "left voicemail" | "voicemail" => LEFT_VOICEMAIL,
        "left live message" | "left message" => LEFT_LIVE_MESSAGE,
        "no answer" => NO_ANSWER,
        "wrong number" => WRONG_NUMBER,
        _ => match text(call, "status") {
            "busy" => BUSY,
            "no-answer" => NO_ANSWER,
            "completed" if !matches!(text(call, "answered_by"), "machine" | "fax") => CONNECTED,
            _ => return None,
        },
    };
    Some(known.to_owned())
}

/// One line about it.
pub(super) fn title(call: &Value) -> String {
    let (kind, between) = match text(call, "direction") {
        "inbound" => ("Inbound call", "from"),
        "outbound" => ("Outbound call", "to"),
        _ => ("Internal call", "to"),
    };
    let name = text(call, if between == "from" { "from_name" } else { "to_name" });
    let who = if name.is_empty() { other_side(call) } else { name };
    let title = if who.is_empty() { kind.to_owned() } else { format!("{kind} {between} {who}") };
    title.chars().filter(|letter| !letter.is_control()).take(250).collect()
}

/// A text as HubSpot shows it: its field is HTML.
pub(super) fn body(summary: &str) -> String {
    let mut html = String::with_capacity(summary.len());
    for letter in summary.trim().chars().take(MAX_BODY / 5) {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '\n' => html.push_str("<br>"),
            letter if letter.is_control() => {}
            letter => html.push(letter),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn an_outcome_becomes_a_disposition() {
        let own = "11111111-2222-3333-4444-555555555555";
        let config =
            Config { dispositions: BTreeMap::from([("interested".to_owned(), own.to_owned())]), ..Config::default() };
        for (call, expected) in [
            (json!({"outcome": "interested", "status": "completed"}), Some(own)),
            (json!({"outcome": "Left_Voicemail", "status": "completed"}), Some(LEFT_VOICEMAIL)),
            (json!({"outcome": "something of ours", "status": "completed"}), Some(CONNECTED)),
            (json!({"status": "completed", "answered_by": "machine"}), None),
            (json!({"status": "busy"}), Some(BUSY)),
            (json!({"status": "no-answer"}), Some(NO_ANSWER)),
            (json!({"status": "canceled"}), None),
        ] {
            assert_eq!(disposition(&config, &call).as_deref(), expected, "{call}");
        }
    }

    #[test]
    fn a_summary_is_shown_as_it_was_written() {
        assert_eq!(body("a < b & c\nd"), "a &lt; b &amp; c<br>d");
        assert!(body(&"<".repeat(100_000)).len() <= MAX_BODY);
    }

    #[test]
    fn a_title_names_the_other_side() {
        assert_eq!(
            title(&json!({"direction": "inbound", "from": "+15550100", "from_name": "Ada"})),
            "Inbound call from Ada"
        );
        assert_eq!(title(&json!({"direction": "outbound", "to": "+15550100"})), "Outbound call to +15550100");
        assert_eq!(title(&json!({"direction": "internal"})), "Internal call");
    }
}
