//! What a call may meter at most, so that a budget can hold that much back before the call begins.
//!
//! An upper bound and not a guess: what a call meters beyond it counts all the same, and passes a cap by so much. What is
//! not used is given back when the call ends. An action or a route that names estimates meters nothing else, as far as
//! limits of plans are concerned: one that transcribes is not stopped because translations are used up.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most of one meter, in the meter's units. The parts are added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Estimate {
    /// A fixed part; with `from`, what counts where the input does not say.
    #[serde(default)]
    pub units: u64,
    /// One for each so many bytes of the request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_unit: Option<u32>,
    /// JSON Pointer into an action's input: the number there counts instead of `units`, as in `/max_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// JSON Pointer into an action's input: the fixed part counts so many times, as in `/n`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<String>,
    /// For a proxied route whose answer may be a stream of server-sent events: how the meter is read off while it flows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamEstimate>,
}

/// How a meter is read off a stream of server-sent events. Of `events` and `characters` the larger counts; both look at
/// the texts that the plugin has the host measure (`measure` of the contract's `observation`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StreamEstimate {
    /// How much more is reserved at a time once the estimate is used up. At least 1.
    pub chunk: u64,
    /// Units of each event that has a measured text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u32>,
    /// So many characters of measured text are one unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters: Option<u32>,
}

impl Estimate {
    /// The most that a request of so many bytes meters; `input` for an action.
    #[must_use]
    pub fn of(&self, bytes: u64, input: Option<&Value>) -> u64 {
        let number = |pointer: &Option<String>| input?.pointer(pointer.as_deref()?)?.as_u64();
        let fixed = number(&self.from).unwrap_or(self.units);
        let times = number(&self.times).unwrap_or(1).max(1);
        let by_size = self.bytes_per_unit.map_or(0, |per| bytes.div_ceil(u64::from(per.max(1))));
        fixed.saturating_mul(times).saturating_add(by_size)
    }
}

impl StreamEstimate {
    /// What so much measured text meters.
    #[must_use]
    pub fn of(&self, events: u64, characters: u64) -> u64 {
        let by_events = self.events.map_or(0, |units| events.saturating_mul(units.into()));
        let by_characters = self.characters.map_or(0, |per| characters.div_ceil(u64::from(per.max(1))));
        by_events.max(by_characters)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_input_says_how_much_where_it_can() {
        let estimate = Estimate {
            units: 100,
            bytes_per_unit: Some(4),
            from: Some("/max_tokens".to_owned()),
            times: Some("/n".to_owned()),
            stream: None,
        };
        assert_eq!(estimate.of(0, None), 100);
        assert_eq!(estimate.of(9, None), 103);
        assert_eq!(estimate.of(0, Some(&json!({"max_tokens": 7, "n": 3}))), 21);
        assert_eq!(estimate.of(0, Some(&json!({"max_tokens": -7, "n": 0}))), 100);
        assert_eq!(estimate.of(0, Some(&json!({"max_tokens": u64::MAX, "n": 2}))), u64::MAX);
    }

    #[test]
    fn of_events_and_characters_the_larger_counts() {
        let stream = StreamEstimate { chunk: 1, events: Some(1), characters: Some(4) };
        assert_eq!((stream.of(3, 4), stream.of(3, 13), stream.of(0, 0)), (3, 4, 0));
    }
}
