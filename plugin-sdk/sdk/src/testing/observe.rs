//! What the hub does with a body that it forwards under an [`Observation`]: looks, withholds, cuts out.
//!
//! Events that nothing is cut out of pass byte for byte, whatever their line ends.

use serde_json::Value;

use crate::proxy::{Condition, Observation, Test};

/// Finds events in bytes that come in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    buffer: Vec<u8>,
}

impl Splitter {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event with the blank line that ends it.
    pub(crate) fn next_event(&mut self) -> Option<Vec<u8>> {
        let mut start = 0;
        while let Some(length) = self.buffer.get(start..)?.iter().position(|byte| *byte == b'\n') {
            let end = start + length;
            let line = self.buffer.get(start..end)?;
            start = end + 1;
            if line.is_empty() || line == b"\r" {
                let rest = self.buffer.split_off(start);
                return Some(std::mem::replace(&mut self.buffer, rest));
            }
        }
        None
    }

    /// What is left when the flow ends.
    pub(crate) fn rest(self) -> Vec<u8> {
        self.buffer
    }
}

/// The `data` of an event: its lines, joined.
pub(crate) fn data(event: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(event).ok()?;
    let lines: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Figures found so far.
#[derive(Debug)]
pub(crate) struct Observer {
    rules: Observation,
    pub(crate) captured: Vec<(String, String)>,
    pub(crate) measured: Vec<(String, u64, u64)>,
}

impl Observer {
    pub(crate) fn new(rules: Observation) -> Self {
        let measured = rules.measure.iter().map(|pointer| (pointer.clone(), 0, 0)).collect();
        Self { rules, captured: Vec::new(), measured }
    }

    /// Looks into a JSON value.
    pub(crate) fn look(&mut self, value: &Value) {
        for pointer in &self.rules.capture {
            if let Some(found) = value.pointer(pointer).filter(|found| !found.is_null()) {
                self.captured.retain(|(own, _)| own != pointer);
                self.captured.push((pointer.clone(), found.to_string()));
            }
        }
        for (pointer, characters, events) in &mut self.measured {
            if let Some(text) = value.pointer(pointer).and_then(Value::as_str) {
                *characters += u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
                *events += 1;
            }
        }
    }

    /// Looks into an event; gives what the client gets of it.
    pub(crate) fn pass(&mut self, event: Vec<u8>) -> Option<Vec<u8>> {
        let Some(mut value) = data(&event).and_then(|data| serde_json::from_str::<Value>(&data).ok()) else {
            return Some(event);
        };
        self.look(&value);
        if !self.rules.withhold.is_empty() && self.rules.withhold.iter().all(|condition| holds(condition, &value)) {
            return None;
        }
        let mut cut = false;
        for pointer in &self.rules.strip {
            cut |= remove(&mut value, pointer);
        }
        Some(if cut { with_data(&event, &value) } else { event })
    }
}

fn holds(condition: &Condition, value: &Value) -> bool {
    let found = value.pointer(&condition.pointer);
    match &condition.test {
        Test::Present => found.is_some_and(|found| !found.is_null()),
        Test::Equals(json) => match serde_json::from_str::<Value>(json) {
            Ok(expected) => found == Some(&expected),
            Err(error) => panic!("the condition at {:?} is not JSON: {error}", condition.pointer),
        },
    }
}

fn remove(value: &mut Value, pointer: &str) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    let name = name.replace("~1", "/").replace("~0", "~");
    let parent = value.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.is_some_and(|parent| parent.remove(&name).is_some())
}

fn with_data(event: &[u8], value: &Value) -> Vec<u8> {
    let text = String::from_utf8_lossy(event);
    let mut out: String = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("data:"))
        .flat_map(|line| [line, "\n"])
        .collect();
    out.push_str(&format!("data: {value}\n\n"));
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_across_pieces_and_line_ends() {
        let mut splitter = Splitter::default();
        let mut events = Vec::new();
        for piece in ["data: a\n", "\ndata: b\r\n\r", "\n: ping\n\ndata: c"] {
            splitter.push(piece.as_bytes());
            while let Some(event) = splitter.next_event() {
                events.push(String::from_utf8(event).unwrap());
            }
        }
        assert_eq!(events, ["data: a\n\n", "data: b\r\n\r\n", ": ping\n\n"]);
        assert_eq!(splitter.rest(), b"data: c");
    }

    #[test]
    fn members_are_cut_out_and_whole_events_withheld() {
        let rules = Observation::new()
            .withhold_equal("/c", "[]")
            .withhold_present("/u")
            .strip("/u")
            .capture("/u")
            .measure("/t");
        let mut observer = Observer::new(rules);
        let event = |text: &str| text.as_bytes().to_vec();
        assert_eq!(observer.pass(event("data: {\"c\":[]}\n\n")), Some(event("data: {\"c\":[]}\n\n")));
        assert_eq!(
            observer.pass(event("event: x\ndata: {\"c\":[1],\"t\":\"né\",\"u\":null}\n\n")),
            Some(event("event: x\ndata: {\"c\":[1],\"t\":\"né\"}\n\n"))
        );
        assert_eq!(observer.pass(event("data: {\"c\":[],\"u\":{\"n\":1}}\n\n")), None);
        assert_eq!(observer.pass(event("data: [DONE]\n\n")), Some(event("data: [DONE]\n\n")));
        assert_eq!(observer.captured, [("/u".to_owned(), "{\"n\":1}".to_owned())]);
        assert_eq!(observer.measured, [("/t".to_owned(), 2, 1)]);
    }
}
