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
    /// The model that it names. What is no text is given as it is written: it is nobody's name.
    pub(crate) model: Option<String>,
    /// Asks to be answered after the call.
    pub(crate) background: bool,
    /// Asks for a stream.
    pub(crate) streams: bool,
    /// Tokens to be read, estimated.
    pub(crate) input_tokens: u64,
    /// Images to be looked at.
    pub(crate) images: u64,
    /// Characters to be spoken, of a request for speech.
    pub(crate) spoken: u64,
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
    /// Into memory of just the right size: a body may be as large as the plugin's memory allows.
    pub(crate) fn apply(&self, body: &[u8]) -> Vec<u8> {
        let (before, after) = (body.get(..self.range.start), body.get(self.range.end..));
        [before.unwrap_or_default(), self.text.as_bytes(), after.unwrap_or_default()].concat()
    }

    /// Puts a model in the place of the one that a body names, or beside its members if it names none; none for a body that
    /// is no object.
    pub(crate) fn naming(model: &str, body: &[u8]) -> Option<Self> {
        let members = serde_json::from_slice::<BTreeMap<String, &RawValue>>(body).ok()?;
        let model = Value::from(model);
        if let Some(own) = members.get("model") {
            return Some(Self { range: range_of(own, body)?, text: model.to_string() });
        }
        let start = body.iter().position(|byte| *byte == b'{')? + 1;
        let comma = if members.is_empty() { "" } else { "," };
        Some(Self { range: start..start, text: format!("\"model\":{model}{comma}") })
    }
}

/// Where in the body a part of it is.
fn range_of(part: &RawValue, body: &[u8]) -> Option<Range<usize>> {
    let start = (part.get().as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    Some(start..start + part.get().len())
}

impl Facts {
    /// Looks into a body. One that is no JSON object has no facts: OpenAI will say what is wrong with it.
    pub(crate) fn of(body: &[u8]) -> Self {
        let Ok(members) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(body) else {
            return Self::default();
        };
        let is_true = |name: &str| members.get(name).is_some_and(|value| value.get() == "true");
        let read = ["messages", "input", "instructions"].into_iter().filter_map(|name| members.get(name));
        let read: Vec<_> = read.map(|value| text::shown(value.get())).collect();
        // A tool's description and schema are read as they are.
        let tools = members.get("tools").map_or(0, |tools| tools.get().len() as u64);
        let characters = read.iter().map(|shown| shown.characters).sum::<u64>() + tools;
        let options = members.get("stream_options").copied();
        let model = members.get("model").map(|model| model.get()).filter(|model| *model != "null");
        Self {
            model: model.map(|model| serde_json::from_str(model).unwrap_or_else(|_| model.to_owned())),
            background: is_true("background"),
            streams: is_true("stream"),
            input_tokens: characters.div_ceil(text::CHARACTERS_PER_TOKEN),
            images: read.iter().map(|shown| shown.images).sum(),
            spoken: members.get("input").map_or(0, |input| text::shown(input.get()).characters),
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
    Some(Edit { range: range_of(options, body)?, text: Value::Object(members).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &str) -> String {
        let bytes = body.as_bytes();
        let sent = Facts::of(bytes).ask_for_usage.map_or_else(|| bytes.to_vec(), |edit| edit.apply(bytes));
        String::from_utf8(sent).unwrap()
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
    fn a_model_is_put_where_it_belongs() {
        let named = |body: &str| {
            let edit = Edit::naming("gpt-\"x", body.as_bytes());
            edit.map(|edit| String::from_utf8(edit.apply(body.as_bytes())).unwrap())
        };
        assert_eq!(named(r#"{"a":1.10,"model" : "old"}"#).unwrap(), r#"{"a":1.10,"model" : "gpt-\"x"}"#);
        assert_eq!(named(r#"{"model":null}"#).unwrap(), r#"{"model":"gpt-\"x"}"#);
        assert_eq!(named(r#" { "a":1}"#).unwrap(), r#" {"model":"gpt-\"x", "a":1}"#);
        assert_eq!(named("{}").unwrap(), r#"{"model":"gpt-\"x"}"#);
        assert_eq!(named("[]"), None);
        assert_eq!(named("not json"), None);
    }

    #[test]
    fn the_model_is_read_as_the_vendor_reads_it() {
        let model = |body: &str| Facts::of(body.as_bytes()).model;
        assert_eq!(model(r#"{"model":"a","m\u006fdel":"b"}"#).as_deref(), Some("b"));
        assert_eq!(model(r#"{"model":null}"#), None);
        assert_eq!(model(r#"{"model":["a"]}"#).as_deref(), Some(r#"["a"]"#));
        assert_eq!(model("{}"), None);
    }

    #[test]
    fn input_is_estimated_from_what_is_read() {
        let body = br#"{"model":"a-long-name-that-is-not-read","messages":[{"role":"user","content":"12345678"}]}"#;
        assert_eq!(Facts::of(body).input_tokens, 2);
        assert_eq!(Facts::of(br#"{"input":"1234","instructions":"56789"}"#).input_tokens, 3);
    }
}
