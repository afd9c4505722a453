//! What is told of the way: steps with ids that stay the same however often a request comes.

use patchbay_sdk::clock;

use super::Walk;
use crate::digest::digest;
use crate::position::Position;
use crate::types::{CallFacts, Did, Request, Step};

/// What a request is known by: the call, where it was, and what it has done. Not when, nor what only tells of the delivery.
pub(super) fn mark(call: &CallFacts, position: Option<&Position>, request: Option<&Request>) -> String {
    let place = position.map(|it| format!("{}@{}/{}/{}", it.menu, it.version, it.node, it.again)).unwrap_or_default();
    let done = request.map(|it| {
        let recording = it.recording.as_ref().and_then(|recording| recording.id.as_deref());
        [it.digits.as_deref(), recording, it.dial_status.as_deref()].map(Option::unwrap_or_default).join("/")
    });
    digest(&[&call.id, &place, &done.unwrap_or_default()])
}

impl Walk<'_> {
    pub(super) fn step(&mut self, node: &str, did: Did) {
        self.step_with(node, did, None, None);
    }

    pub(super) fn step_with(&mut self, node: &str, did: Did, digits: Option<&str>, to: Option<&str>) {
        let short = self.mark.get(..12).unwrap_or_default();
        self.turn.steps.push(Step {
            id: format!("{:04}-{:02}-{short}", self.count, self.turn.steps.len()),
            at: clock::rfc3339(self.scene.at),
            menu: self.scene.menu.menu.clone(),
            node: node.to_owned(),
            did,
            digits: digits.map(str::to_owned),
            to: to.map(str::to_owned),
        });
    }
}
