//! A client's body, looked into without being rebuilt.
//!
//! It is read as a map of raw slices of itself, so that a change is a splice and everything else stays byte
//! for byte: the order of members, the digits of numbers, what is unknown. Of a member that is there twice
//! the last one counts, as in OpenAI's parser; typed reading would refuse it, and a client could then hide
//! from the meter that it streams.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::text;

/// What matters of a request.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Asks to be answered after the call.
    pub(crate) background: bool,
    /// Tokens to be read, estimated.
    pub(crate) input_tokens: u64,
    /// What to change so that a streamed chat completion reports its usage; none if the client asked for it
    /// itself.
    pub(crate) ask_for_usage: Option<Edit>,
}

/// Bytes to put in place of others.
#[derive(Debug)]
pub(crate) struct Edit {
    range: Range<usize>,
    text: String,
}

impl Edit {
    pub(crate) fn apply(self, body: &mut Vec<u8>) {
        body.splice(self.range, self.text.into_bytes());
    }
}

impl Facts {
    /// Looks into a body. One that is no JSON object has no facts: OpenAI will say what is wrong with it.
    pub(crate) fn of(body: &[u8]) -> Self {
        let Ok(members) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(body) else {
            return Self::default();
        };
        let is_true = |name: &str| members.get(name).is_some_and(|value| value.get() == "true");
        let read = ["messages", "input", "instructions"].into_iter().filter_map(|name| members.get(name));
        // A tool's description and schema are read as they are.
        let tools = members.get("tools").map_or(0, |tools| tools.get().len() as u64);
        let characters = read.map(|value| text::characters(value.get())).sum::<u64>() + tools;
        let options = members.get("stream_options").copied();
        Self {
            background: is_true("background"),
            input_tokens: characters.div_ceil(text::CHARACTERS_PER_TOKEN),
            ask_for_usage: if is_true("stream") { ask_for_usage(body, options) } else { None },
        }
    }
}

fn ask_for_usage(body: &[u8], options: Option<&RawValue>) -> Option<Edit> {
    let Some(options) = options else {
        let start = body.iter().position(|byte| *byte == b'{')? + 1;
        // The object has a member already: `stream`.
        return Some(Edit { range: start..start, text: r#""stream_options":{"include_usage":true},"#.to_owned() });
    };
    // Anything else than an object is for OpenAI to refuse.
    let mut members: Map<String, Value> = serde_json::from_str::<Option<_>>(options.get()).ok()?.unwrap_or_default();
    if members.insert("include_usage".to_owned(), Value::Bool(true)) == Some(Value::Bool(true)) {
        return None;
    }
    let start = (options.get().as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    Some(Edit { range: start..start + options.get().len(), text: Value::Object(members).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &str) -> String {
        let mut bytes = body.as_bytes().to_vec();
        if let Some(edit) = Facts::of(&bytes).ask_for_usage {
            edit.apply(&mut bytes);
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn usage_is_asked_for_and_the_rest_stays_as_it_was() {
        assert_eq!(
            sent(r#" { "z":1.10, "stream" :true, "é":"\u00e9" }"#),
            r#" {"stream_options":{"include_usage":true}, "z":1.10, "stream" :true, "é":"\u00e9" }"#
        );
        assert_eq!(
            sent(r#"{"stream_options" : null ,"stream":true}"#),
            r#"{"stream_options" : {"include_usage":true} ,"stream":true}"#
        );
        assert_eq!(
            sent(r#"{"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":false}}"#),
            r#"{"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}"#
        );
    }

    #[test]
    fn nothing_changes_where_nothing_must() {
        for body in [
            r#"{"stream":false}"#,
            r#"{"model":"m"}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"stream":true,"stream_options":"nonsense"}"#,
            "not json",
            "[]",
            "",
        ] {
            assert_eq!(sent(body), body);
        }
    }

    #[test]
    fn of_a_member_that_is_there_twice_the_last_counts() {
        let asks = |body: &str| Facts::of(body.as_bytes()).ask_for_usage.is_some();
        assert!(asks(r#"{"stream":false,"stream":true}"#));
        assert!(asks(r#"{"str\u0065am":true}"#));
        assert!(!asks(r#"{"stream":true,"stream":false}"#));
        let twice = r#"{"stream":true,"stream_options":{"include_usage":true},"stream_options":{}}"#;
        assert!(sent(twice).ends_with(r#""stream_options":{"include_usage":true}}"#));
    }

    #[test]
    fn input_is_estimated_from_what_is_read() {
        let body = br#"{"model":"a-long-name-that-is-not-read","messages":[{"role":"user","content":"12345678"}]}"#;
        assert_eq!(Facts::of(body).input_tokens, 2);
        assert_eq!(Facts::of(br#"{"input":"1234","instructions":"56789"}"#).input_tokens, 3);
    }
}
