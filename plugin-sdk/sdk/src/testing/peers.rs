//! The native side of `peers`: answers of other plugins are scripted, in order, as those of vendors are.

use std::collections::VecDeque;

use serde_json::Value;

use super::{MockHost, state};
use crate::Error;

/// How many calls of other plugins one call may make.
const CALLS: usize = 100;

/// A call of another plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The plugin's id.
    pub plugin: String,
    /// The action's name.
    pub action: String,
    /// What it was called with.
    pub input: Value,
}

/// What other plugins will answer, and what they were asked.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    expected: VecDeque<(String, String, Result<Value, Error>)>,
    asked: Vec<Asked>,
    /// How many the running call made.
    pub(crate) made: usize,
}

impl Scripted {
    /// What was expected and never came, a line each.
    pub(crate) fn left(&self) -> impl Iterator<Item = String> {
        self.expected.iter().map(|(plugin, action, _)| format!("the action {action} of the plugin {plugin}"))
    }
}

impl MockHost {
    /// Scripts the next call of another plugin: whose action, and what it gives or how it fails. What it was called with is in
    /// [`MockHost::asked`]. An organization that has not switched the plugin on is `Err(Error::Denied(..))`.
    pub fn expect_call(&self, plugin: &str, action: &str, answer: Result<Value, Error>) {
        self.state.borrow_mut().peers.expected.push_back((plugin.to_owned(), action.to_owned(), answer));
    }

    /// Calls of other plugins so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.state.borrow().peers.asked.clone()
    }
}

pub(crate) fn call_peer(plugin: &str, action: &str, input: &str) -> Result<String, Error> {
    state::with(|state| {
        if let Some(denial) = state.manifest.as_ref().and_then(|manifest| manifest.call_denial(plugin, action)) {
            return Err(Error::Denied(denial));
        }
        let input = serde_json::from_str(input).map_err(|error| Error::invalid("", format!("JSON ({error})")))?;
        let peers = &mut state.peers;
        if peers.made >= CALLS {
            return Err(Error::Exhausted(format!("{CALLS} calls of other plugins per call")));
        }
        peers.made += 1;
        let number = peers.asked.len() + 1;
        let Some((expected_plugin, expected_action, answer)) = peers.expected.pop_front() else {
            panic!("call {number} of another plugin was not expected: {plugin}/{action}");
        };
        assert!(
            expected_plugin == plugin && expected_action == action,
            "call {number} of another plugin is {plugin}/{action} and not {expected_plugin}/{expected_action}"
        );
        peers.asked.push(Asked { plugin: plugin.to_owned(), action: action.to_owned(), input });
        answer.map(|output| output.to_string())
    })
}
