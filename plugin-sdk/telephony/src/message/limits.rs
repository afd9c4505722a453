//! How many messages one contact is sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    guard::{Counter, Window},
    phone::Number,
    time::Millis,
};

/// The setting `send_limits` of a carrier's connector. What is not said is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SendLimits {
    /// Messages to one number in an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_hour: Option<u32>,
    /// Messages to one number in a day (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
}

impl SendLimits {
    /// The counters to add one to before a message is sent to a number; send it if all of them
    /// [check](Counter::check). None if nothing is limited.
    #[must_use]
    pub fn counters(&self, to: &Number, now: Millis) -> Vec<Counter> {
        [self.per_hour.map(Window::per_hour), self.per_day.map(Window::per_day)]
            .into_iter()
            .flatten()
            .map(|window| window.counter("messages", to.as_str(), now))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_counter_for_each_limit() {
        let to = Number::parse("+15551230002", None).unwrap();
        assert!(SendLimits::default().counters(&to, 0).is_empty());
        let limits = SendLimits { per_hour: Some(2), per_day: Some(5) };
        let keys = limits.counters(&to, 1_793_491_200_000).into_iter().map(|counter| counter.key).collect::<Vec<_>>();
        assert_eq!(keys, ["messages/+15551230002/3600/498192", "messages/+15551230002/86400/20758"]);
    }
}
