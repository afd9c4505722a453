//! A transcript as people and programs read it.

use serde_json::Value;

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
    let _ = (transcript, call);
    todo!()
}

/// A transcript as JSON Lines: a line of the call and the transcript without what was said (`{"type": "transcript", …}`), then a
/// line of each segment (`{"type": "segment", "index": 0, …}`). Ends with a line break.
#[must_use]
pub fn json_lines(transcript: &Value, call: Option<&Value>) -> String {
    let _ = (transcript, call);
    todo!()
}
