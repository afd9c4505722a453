//! Server-sent events (WHATWG HTML, 9.2) as they pass: counted, looked into, held back or cut.
//!
//! Where the plan changes nothing, chunks go to the client as they came and are looked at on the side.
//! Where it may, only whole events go out, and an event that is not touched goes out byte for byte.

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use serde_json::Value;

use super::{Condition, Findings, Plan, Pointer};

/// The largest event that is looked into; a larger one passes unseen.
const EVENT_CAP: usize = 4 << 20;
/// The most bytes that end an event.
const BLANK_CAP: usize = 4;
/// The largest value that is captured, in bytes of JSON.
const VALUE_CAP: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Splitter {
    /// The event that is not complete yet.
    partial: BytesMut,
    /// How much of it was searched for its end.
    searched: usize,
    /// Inside an event that is too large: pass everything up to its end.
    oversize: bool,
}

impl Splitter {
    pub(super) fn pass(&mut self, chunk: Bytes, plan: &Plan, findings: &mut Findings, events: &mut u64) -> Bytes {
        self.partial.extend_from_slice(&chunk);
        let mut out = BytesMut::new();
        while let Some(end) = self.event_end() {
            let event = self.partial.split_to(end);
            self.searched = 0;
            *events += 1;
            if std::mem::take(&mut self.oversize) {
                out.extend_from_slice(&event);
            } else {
                look(&event, plan, findings, &mut out);
            }
        }
        if self.partial.len() > EVENT_CAP {
            self.oversize = true;
            // its blank line may have begun
            let passed = self.partial.len() - BLANK_CAP;
            out.extend_from_slice(&self.partial.split_to(passed));
            self.searched = 0;
        }
        if plan.changes_events() { out.freeze() } else { chunk }
    }

    /// An event without its blank line at the end of a stream is not an event (the standard drops it), but
    /// vendors end streams that way: the client gets its bytes, and what it reports counts.
    pub(super) fn rest(&mut self, plan: &Plan, findings: &mut Findings, events: &mut u64) -> Bytes {
        let event = self.partial.split();
        let mut out = BytesMut::new();
        if !event.is_empty() {
            *events += 1;
            if std::mem::take(&mut self.oversize) {
                out.extend_from_slice(&event);
            } else {
                look(&event, plan, findings, &mut out);
            }
        }
        if plan.changes_events() { out.freeze() } else { Bytes::new() }
    }

    /// The index behind the first blank line. Lines end in LF, CR or both (9.2.5), also in turns.
    fn event_end(&mut self) -> Option<usize> {
        let from = self.searched.saturating_sub(3);
        for position in memchr::memchr2_iter(b'\n', b'\r', self.partial.get(from..)?) {
            let rest = self.partial.get(from + position..)?;
            for blank in [&b"\n\n"[..], b"\r\n\r\n", b"\r\r", b"\n\r\n"] {
                if rest.starts_with(blank) {
                    return Some(from + position + blank.len());
                }
            }
            // a CR alone ends a line as well, once it is known that no LF belongs to it
            if rest.starts_with(b"\n\r") && rest.len() > 2 {
                return Some(from + position + 2);
            }
        }
        self.searched = self.partial.len();
        None
    }
}

/// The `data` of an event: its lines, joined.
fn data(event: &[u8]) -> Option<Vec<u8>> {
    let mut joined: Option<Vec<u8>> = None;
    for line in event.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let Some(value) = line.strip_prefix(b"data") else { continue };
        let Some(value) = value.strip_prefix(b":") else { continue };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &mut joined {
            Some(joined) => {
                joined.push(b'\n');
                joined.extend_from_slice(value);
            }
            None => joined = Some(value.to_vec()),
        }
    }
    joined
}

/// Could there be something at this place? Parsing an event costs microseconds, this does not.
fn may_hold(data: &[u8], pointer: &Pointer) -> bool {
    let name = pointer.tokens.iter().rev().find(|token| token.parse::<usize>().is_err());
    name.is_none_or(|name| memmem::find(data, name.as_bytes()).is_some())
}

fn look(event: &[u8], plan: &Plan, findings: &mut Findings, out: &mut BytesMut) {
    let places = || {
        plan.capture
            .iter()
            .chain(&plan.measure)
            .chain(&plan.strip)
            .chain(plan.withhold.iter().map(|(pointer, _)| pointer))
    };
    let parsed = data(event)
        .filter(|data| places().any(|pointer| may_hold(data, pointer)))
        .and_then(|data| serde_json::from_slice::<Value>(&data).ok());
    let Some(mut value) = parsed else {
        out.extend_from_slice(event);
        return;
    };
    for (pointer, place) in plan.capture.iter().zip(&mut findings.captured) {
        if let Some(found) = value.pointer(&pointer.text).filter(|found| !found.is_null()) {
            let text = found.to_string();
            if text.len() <= VALUE_CAP {
                *place = Some(text);
            }
        }
    }
    for (pointer, (characters, events)) in plan.measure.iter().zip(&mut findings.measured) {
        if let Some(text) = value.pointer(&pointer.text).and_then(Value::as_str).filter(|text| !text.is_empty()) {
            *characters += text.chars().count() as u64;
            *events += 1;
        }
    }
    let withheld =
        !plan.withhold.is_empty() && plan.withhold.iter().all(|(pointer, condition)| holds(&value, pointer, condition));
    if withheld {
        return;
    }
    let mut stripped = false;
    for pointer in &plan.strip {
        stripped |= strip(&mut value, pointer);
    }
    if stripped {
        rewrite(event, &value, out);
    } else {
        out.extend_from_slice(event);
    }
}

fn holds(value: &Value, pointer: &Pointer, condition: &Condition) -> bool {
    let found = value.pointer(&pointer.text);
    match condition {
        Condition::Equals(wanted) => found == Some(wanted),
        Condition::Present => found.is_some_and(|found| !found.is_null()),
    }
}

fn strip(value: &mut Value, pointer: &Pointer) -> bool {
    let Some((last, parents)) = pointer.tokens.split_last() else { return false };
    let parent = parents.iter().try_fold(value, |value, token| match value {
        Value::Object(members) => members.get_mut(token),
        Value::Array(items) => items.get_mut(token.parse::<usize>().ok()?),
        _ => None,
    });
    match parent {
        Some(Value::Object(members)) => members.shift_remove(last).is_some(),
        _ => false,
    }
}

/// The event with other data; its other lines, and how its lines end, stay as they are.
fn rewrite(event: &[u8], value: &Value, out: &mut BytesMut) {
    let mut written = false;
    for (line, end) in lines(event) {
        if line != b"data" && !line.starts_with(b"data:") {
            out.extend_from_slice(line);
            out.extend_from_slice(end);
        } else if !std::mem::replace(&mut written, true) {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(value.to_string().as_bytes());
            out.extend_from_slice(end);
        }
    }
}

/// Lines, each with what ends it; nothing ends the last line of a stream.
fn lines(event: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = event;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(length);
        let end = if after.starts_with(b"\r\n") { 2 } else { after.len().min(1) };
        let (end, after) = after.split_at(end);
        rest = after;
        Some((line, end))
    })
}
