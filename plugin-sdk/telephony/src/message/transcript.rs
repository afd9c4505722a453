//! A transcript as people and programs read it.

use serde_json::{Map, Value};

/// A transcript (the standard object) as text: the call's parties and times first if there is one, then who said what, a line
/// each, with the time in the call.
///
/// ```text
/// Call from +15550100 to +15550199, 2026-03-01T12:00:00Z, 61 s
///
/// [00:00] agent: Hello
/// [01:02] caller: Goodbye
/// ```
///
/// Without segments its whole text is the rest.
#[must_use]
pub fn text(transcript: &Value, call: Option<&Value>) -> String {
    let mut text = call.map(heading).unwrap_or_default();
    let segments = segments(transcript);
    for segment in segments {
        let start = segment.get("start_ms").and_then(Value::as_u64).map(|start| format!("[{}] ", clock(start / 1000)));
        text.push_str(&start.unwrap_or_default());
        if let Some(speaker) = string(segment, "speaker") {
            text.push_str(speaker);
            text.push_str(": ");
        }
        let words = string(segment, "text").unwrap_or_default().split_whitespace();
        text.push_str(&words.collect::<Vec<_>>().join(" "));
        text.push('\n');
    }
    if segments.is_empty()
        && let Some(whole) = string(transcript, "text")
    {
        text.push_str(whole.trim_end());
        text.push('\n');
    }
    text
}

/// A transcript as JSON Lines: a line of the call and the transcript without what was said (`{"type": "transcript", …}`), then a
/// line of each segment (`{"type": "segment", "index": 0, …}`), or of the whole text if there are none. Ends with a line break.
#[must_use]
pub fn json_lines(transcript: &Value, call: Option<&Value>) -> String {
    let said = |name: &str| name == "segments" || name == "text";
    let mut about = line("transcript");
    let members = transcript.as_object().into_iter().flatten().filter(|(name, _)| !said(name));
    about.insert("transcript".into(), members.map(|(name, value)| (name.clone(), value.clone())).collect());
    if let Some(call) = call {
        about.insert("call".into(), call.clone());
    }
    let segments = segments(transcript);
    let mut lines = vec![about];
    for (index, segment) in segments.iter().enumerate() {
        let mut line = line("segment");
        line.insert("index".into(), index.into());
        line.extend(segment.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        lines.push(line);
    }
    if segments.is_empty()
        && let Some(whole) = string(transcript, "text")
    {
        let mut line = line("segment");
        line.insert("index".into(), 0.into());
        line.insert("text".into(), whole.into());
        lines.push(line);
    }
    lines.into_iter().map(|line| format!("{}\n", Value::Object(line))).collect()
}

fn line(kind: &str) -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), kind.into())])
}

/// Who spoke with whom, when and how long, and a blank line.
fn heading(call: &Value) -> String {
    let mut heading = "Call".to_owned();
    for (word, names) in [("from", ["from_name", "from", "from_uri"]), ("to", ["to_name", "to", "to_uri"])] {
        if let Some(party) = names.iter().find_map(|name| string(call, name)) {
            heading.push_str(&format!(" {word} {party}"));
        }
    }
    if let Some(at) = string(call, "started_at") {
        heading.push_str(&format!(", {at}"));
    }
    if let Some(seconds) = call.get("duration_s").and_then(Value::as_u64) {
        heading.push_str(&format!(", {seconds} s"));
    }
    heading.push_str("\n\n");
    heading
}

/// Seconds as `01:02`, from an hour on as `1:00:02`.
fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes:02}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

fn segments(transcript: &Value) -> &[Value] {
    transcript.get("segments").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn string<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn example() -> (Value, Value) {
        let call =
            json!({"from": "+15550100", "to": "+15550199", "started_at": "2026-03-01T12:00:00Z", "duration_s": 61});
        let transcript = json!({
            "call_id": "vapi:1", "status": "available", "text": "Hello Goodbye",
            "segments": [
                {"speaker": "agent", "text": "Hello", "start_ms": 0, "end_ms": 400},
                {"speaker": "caller", "text": "Good\nbye", "start_ms": 62_500},
                {"text": "(silence)", "start_ms": 3_602_000},
            ],
        });
        (transcript, call)
    }

    #[test]
    fn people_read_a_line_for_each_that_speaks() {
        let (transcript, call) = example();
        assert_eq!(
            text(&transcript, Some(&call)),
            "Call from +15550100 to +15550199, 2026-03-01T12:00:00Z, 61 s\n\n\
             [00:00] agent: Hello\n[01:02] caller: Good bye\n[1:00:02] (silence)\n"
        );
        assert_eq!(text(&json!({"status": "available", "text": "Hello"}), None), "Hello\n");
        assert_eq!(text(&json!({"status": "processing"}), None), "");
    }

    #[test]
    fn programs_read_a_document_for_each() {
        let (transcript, call) = example();
        let lines = json_lines(&transcript, Some(&call));
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
        assert_eq!(lines.len(), 4);
        assert_eq!(
            lines[0],
            json!({"type": "transcript", "transcript": {"call_id": "vapi:1", "status": "available"}, "call": call})
        );
        assert_eq!(
            lines[2],
            json!({"type": "segment", "index": 1, "speaker": "caller", "text": "Good\nbye", "start_ms": 62_500})
        );
        assert_eq!(
            json_lines(&json!({"status": "available", "text": "Hello"}), None),
            "{\"type\":\"transcript\",\"transcript\":{\"status\":\"available\"}}\n{\"type\":\"segment\",\"index\":0,\"text\":\"Hello\"}\n"
        );
    }
}
