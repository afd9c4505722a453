//! Finds places in a JSON body of any size while it flows, in constant memory but for the longest string.

use json_event_parser::{JsonEvent, LowLevelJsonParser, WriterJsonSerializer};

use super::{Findings, Pointer};

/// The largest value that is captured, in bytes of JSON.
const VALUE_CAP: usize = 64 << 10;
/// The longest string that may stand before a captured place; longer ones end the search.
const TOKEN_CAP: usize = 16 << 20;
/// The deepest nesting that is followed.
const DEPTH_CAP: usize = 256;

/// A step on the way to where the scanner is.
enum Step {
    Member(String),
    Item(usize),
}

pub(super) struct Scanner {
    parser: LowLevelJsonParser,
    pointers: Vec<Vec<String>>,
    path: Vec<Step>,
    /// What could not be parsed yet for want of more.
    left: Vec<u8>,
    /// Parse again when so many bytes are left: doubling keeps a long string from being scanned once per
    /// chunk.
    parse_at: usize,
    taking: Option<Taking>,
    done: bool,
}

/// A value that is being captured.
struct Taking {
    pointer: usize,
    depth: usize,
    writer: WriterJsonSerializer<Vec<u8>>,
}

impl Scanner {
    pub(super) fn new(pointers: &[Pointer]) -> Self {
        Self {
            parser: LowLevelJsonParser::new().with_max_stack_size(DEPTH_CAP),
            pointers: pointers.iter().map(|pointer| pointer.tokens.clone()).collect(),
            path: Vec::new(),
            left: Vec::new(),
            parse_at: 0,
            taking: None,
            done: false,
        }
    }

    pub(super) fn scan(&mut self, chunk: &[u8], findings: &mut Findings) {
        if self.done {
            return;
        }
        self.left.extend_from_slice(chunk);
        if self.left.len() >= self.parse_at {
            self.parse(false, findings);
        }
    }

    pub(super) fn end(&mut self, findings: &mut Findings) {
        if !self.done {
            self.parse(true, findings);
            self.done = true;
        }
    }

    fn parse(&mut self, ending: bool, findings: &mut Findings) {
        let input = std::mem::take(&mut self.left);
        let mut rest: &[u8] = &input;
        loop {
            let step = self.parser.parse_next(rest, ending);
            rest = rest.get(step.consumed_bytes..).unwrap_or_default();
            match step.event {
                Some(Ok(JsonEvent::Eof) | Err(_)) => {
                    self.done = true;
                    return;
                }
                Some(Ok(event)) => {
                    let event = own(event);
                    self.see(event, findings);
                }
                None => break,
            }
        }
        self.left = rest.to_vec();
        self.parse_at = self.left.len() * 2;
        self.done = self.left.len() > TOKEN_CAP;
    }

    fn see(&mut self, event: JsonEvent<'static>, findings: &mut Findings) {
        let begins_value =
            !matches!(event, JsonEvent::ObjectKey(_) | JsonEvent::EndObject | JsonEvent::EndArray | JsonEvent::Eof);
        if begins_value {
            if let Some(Step::Item(index)) = self.path.last_mut() {
                *index = index.wrapping_add(1);
            }
            if self.taking.is_none()
                && let Some(pointer) = self.here()
            {
                self.taking =
                    Some(Taking { pointer, depth: self.path.len(), writer: WriterJsonSerializer::new(Vec::new()) });
            }
        }
        let opens = match &event {
            JsonEvent::StartObject => Some(Step::Member(String::new())),
            // the first item makes it 0
            JsonEvent::StartArray => Some(Step::Item(usize::MAX)),
            _ => None,
        };
        let closes = matches!(event, JsonEvent::EndObject | JsonEvent::EndArray);
        if let JsonEvent::ObjectKey(key) = &event
            && let Some(Step::Member(name)) = self.path.last_mut()
        {
            key.as_ref().clone_into(name);
        }
        if closes {
            self.path.pop();
        }
        let null = event == JsonEvent::Null;
        if let Some(taking) = &mut self.taking {
            let written = taking.writer.serialize_event(event).is_ok();
            let ends = opens.is_none() && self.path.len() == taking.depth;
            if !written {
                self.taking = None;
            } else if ends {
                self.keep(null, findings);
            }
        }
        self.path.extend(opens);
    }

    fn keep(&mut self, null: bool, findings: &mut Findings) {
        let Some(taking) = self.taking.take() else { return };
        let Ok(value) = taking.writer.finish() else { return };
        if null || value.len() > VALUE_CAP {
            return;
        }
        if let (Some(place), Ok(text)) = (findings.captured.get_mut(taking.pointer), String::from_utf8(value)) {
            *place = Some(text);
        }
    }

    /// The pointer that leads here, if one does.
    fn here(&self) -> Option<usize> {
        self.pointers.iter().position(|tokens| {
            tokens.len() == self.path.len()
                && tokens.iter().zip(&self.path).all(|(token, step)| match step {
                    Step::Member(name) => token == name,
                    Step::Item(index) => token.parse() == Ok(*index),
                })
        })
    }
}

fn own(event: JsonEvent<'_>) -> JsonEvent<'static> {
    match event {
        JsonEvent::String(text) => JsonEvent::String(text.into_owned().into()),
        JsonEvent::Number(text) => JsonEvent::Number(text.into_owned().into()),
        JsonEvent::ObjectKey(text) => JsonEvent::ObjectKey(text.into_owned().into()),
        JsonEvent::Boolean(value) => JsonEvent::Boolean(value),
        JsonEvent::Null => JsonEvent::Null,
        JsonEvent::StartObject => JsonEvent::StartObject,
        JsonEvent::EndObject => JsonEvent::EndObject,
        JsonEvent::StartArray => JsonEvent::StartArray,
        JsonEvent::EndArray => JsonEvent::EndArray,
        JsonEvent::Eof => JsonEvent::Eof,
    }
}
