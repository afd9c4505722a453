//! What the host learns from a body that it forwards, and what it keeps from the client.
//!
//! A guest that only passes a stream on should cost nothing while it flows, yet must know what the vendor
//! reports in it. So the guest says beforehand which places matter, and the host looks while the bytes go
//! by. Handing every frame to the guest would be simpler, at a guest's entry per frame.

mod json;
mod sse;

use bytes::Bytes;

use crate::{
    bindings::{
        reply::{Observation, Summary, Test},
        types::Violation,
    },
    spending::Flowed,
};

/// A parsed JSON Pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    text: String,
    tokens: Vec<String>,
}

impl Pointer {
    fn parse(text: &str) -> Option<Self> {
        let tokens = if text.is_empty() {
            Vec::new()
        } else {
            text.strip_prefix('/')?.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
        };
        Some(Self { text: text.to_owned(), tokens })
    }
}

/// What to look for.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    capture: Vec<Pointer>,
    measure: Vec<Pointer>,
    withhold: Vec<(Pointer, Condition)>,
    strip: Vec<Pointer>,
}

#[derive(Debug)]
enum Condition {
    Equals(serde_json::Value),
    Present,
}

/// Places that one plan may name.
const PLACES_CAP: usize = 32;

impl Plan {
    /// Checks what the guest asked for.
    pub(crate) fn new(observation: Observation) -> Result<Self, Violation> {
        let Observation { capture, measure, withhold, strip } = observation;
        if capture.len() + measure.len() + withhold.len() + strip.len() > PLACES_CAP {
            return Err(Violation { pointer: "/observe".to_owned(), expected: format!("at most {PLACES_CAP} places") });
        }
        let parse = |field: &str, text: &str| {
            Pointer::parse(text).ok_or_else(|| Violation {
                pointer: format!("/observe/{field}"),
                expected: format!("a JSON Pointer, not {text:?}"),
            })
        };
        let all =
            |field: &str, texts: &[String]| texts.iter().map(|text| parse(field, text)).collect::<Result<Vec<_>, _>>();
        let mut conditions = Vec::with_capacity(withhold.len());
        for condition in withhold {
            let test = match condition.test {
                Test::Present => Condition::Present,
                Test::Equals(json) => Condition::Equals(serde_json::from_str(&json).map_err(|error| Violation {
                    pointer: "/observe/withhold".to_owned(),
                    expected: format!("JSON ({error})"),
                })?),
            };
            conditions.push((parse("withhold", &condition.pointer)?, test));
        }
        Ok(Self {
            capture: all("capture", &capture)?,
            measure: all("measure", &measure)?,
            withhold: conditions,
            strip: all("strip", &strip)?,
        })
    }

    fn changes_events(&self) -> bool {
        !self.withhold.is_empty() || !self.strip.is_empty()
    }
}

/// What kind of body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Json,
    Events,
    Other,
}

impl Body {
    /// By its media type (RFC 9110, 8.3.1).
    pub(crate) fn of(content_type: Option<&str>) -> Self {
        let essence = content_type.unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" => Self::Events,
            "application/json" => Self::Json,
            other if other.ends_with("+json") => Self::Json,
            _ => Self::Other,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    /// By index of the plan's pointers.
    captured: Vec<Option<String>>,
    /// Characters, and in how many events.
    measured: Vec<(u64, u64)>,
}

enum Eye {
    Blind,
    Json(Box<json::Scanner>),
    Events(sse::Splitter),
}

/// Looks at one body while it passes.
pub(crate) struct Observer {
    plan: Plan,
    eye: Eye,
    findings: Findings,
    bytes: u64,
    events: u64,
}

impl Observer {
    pub(crate) fn new(plan: Option<Plan>, body: Body) -> Self {
        let eye = match (&plan, body) {
            (_, Body::Events) => Eye::Events(sse::Splitter::default()),
            (Some(plan), Body::Json) if !plan.capture.is_empty() => {
                Eye::Json(Box::new(json::Scanner::new(&plan.capture)))
            }
            _ => Eye::Blind,
        };
        let plan = plan.unwrap_or_default();
        let findings =
            Findings { captured: vec![None; plan.capture.len()], measured: vec![(0, 0); plan.measure.len()] };
        Self { plan, eye, findings, bytes: 0, events: 0 }
    }

    /// True for a body in which what is looked for may come last and is lost if the rest is not read.
    pub(crate) const fn reports_at_the_end(&self) -> bool {
        matches!(self.eye, Eye::Json(_))
    }

    /// What was found so far.
    pub(crate) const fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Goes back to what had been found before something that the client did not get after all.
    pub(crate) fn forget_since(&mut self, findings: Findings) {
        self.findings = findings;
    }

    /// What has flowed of the texts that are measured.
    pub(crate) fn flowed(&self) -> Flowed {
        let sum = |flowed: Flowed, (characters, events): &(u64, u64)| Flowed {
            characters: flowed.characters.saturating_add(*characters),
            events: flowed.events.saturating_add(*events),
        };
        self.findings.measured.iter().fold(Flowed::default(), sum)
    }

    /// True for a stream of events, into which the host can put one of its own.
    pub(crate) const fn is_of_events(&self) -> bool {
        matches!(self.eye, Eye::Events(_))
    }

    /// Takes a chunk from the source; gives what the client gets of it and of what was held back.
    pub(crate) fn pass(&mut self, chunk: Bytes) -> Bytes {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        match &mut self.eye {
            Eye::Blind => chunk,
            Eye::Json(scanner) => {
                scanner.scan(&chunk, &mut self.findings);
                chunk
            }
            Eye::Events(splitter) => splitter.pass(chunk, &self.plan, &mut self.findings, &mut self.events),
        }
    }

    /// What was held back, at the end of the source.
    pub(crate) fn rest(&mut self) -> Bytes {
        match &mut self.eye {
            Eye::Blind => Bytes::new(),
            Eye::Json(scanner) => {
                scanner.end(&mut self.findings);
                Bytes::new()
            }
            Eye::Events(splitter) => splitter.rest(&self.plan, &mut self.findings, &mut self.events),
        }
    }

    /// What the guest is told.
    pub(crate) fn finish(self, complete: bool) -> Summary {
        let texts = |pointers: Vec<Pointer>| pointers.into_iter().map(|pointer| pointer.text);
        Summary {
            bytes: self.bytes,
            events: self.events,
            complete,
            captured: texts(self.plan.capture)
                .zip(self.findings.captured)
                .filter_map(|(pointer, value)| Some((pointer, value?)))
                .collect(),
            measured: texts(self.plan.measure)
                .zip(self.findings.measured)
                .map(|(pointer, (characters, events))| (pointer, characters, events))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
