//! What a carrier takes as the answer to a call: TeXML of Telnyx's, TwiML of Twilio's.
//!
//! Both carriers pass over what they do not know, so a document with a wrong attribute is a call that goes wrong without
//! anybody being told. This checker passes over nothing: a verb, an attribute, a value, a text or a nesting that the table
//! of the carrier does not have is a fault, as is a document that is not well-formed XML 1.0.
//!
//! The tables are of the carriers' references: Telnyx's TeXML verbs (developers.telnyx.com/docs/voice/programmable-voice),
//! Twilio's TwiML verbs (twilio.com/docs/voice/twiml) with the attributes that twilio-python 9.13.0 writes. What only one of
//! a carrier's pages knows is left out, so that nothing relies on it.

// By their paths, so that a connector's own tests can take this file in as well.
#[path = "verbs/parse.rs"]
mod parse;
#[path = "verbs/table.rs"]
mod table;

use std::collections::BTreeMap;

use table::{Rule, Shape};

/// Whose dialect it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// TeXML.
    Telnyx,
    /// TwiML.
    Twilio,
}

/// One element of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verb {
    /// As in `Gather`.
    pub name: String,
    /// Its attributes, with references resolved.
    pub attributes: BTreeMap<String, String>,
    /// The text directly in it, with references resolved.
    pub text: String,
    /// The elements in it, in order.
    pub nested: Vec<Verb>,
}

impl Verb {
    /// An attribute; none if it is not there.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// All texts that are spoken in it and below it, in order.
    #[must_use]
    pub fn spoken(&self) -> Vec<String> {
        let own = (self.name == "Say").then(|| self.text.clone());
        own.into_iter().chain(self.nested.iter().flat_map(Verb::spoken)).collect()
    }
}

/// The verbs of a document, in order.
///
/// # Errors
/// Everything that is wrong with it, each with the way to its element, as in `Response/Gather[2]: …`.
pub fn check(carrier: Carrier, document: &str) -> Result<Vec<Verb>, Vec<String>> {
    let root = parse::parse(document).map_err(|wrong| vec![wrong])?;
    if root.name != "Response" {
        return Err(vec![format!("the root is {}, not Response", root.name)]);
    }
    let mut wrong = Vec::new();
    element(carrier, "Response", None, &root, &mut wrong);
    order(&root.nested, &mut wrong);
    if wrong.is_empty() { Ok(root.nested) } else { Err(wrong) }
}

/// The same, for a document that must be right.
///
/// # Panics
/// If it is not.
#[must_use]
pub fn verbs(carrier: Carrier, document: &str) -> Vec<Verb> {
    match check(carrier, document) {
        Ok(verbs) => verbs,
        Err(wrong) => panic!("{carrier:?} does not take {document}:\n  {}", wrong.join("\n  ")),
    }
}

/// Whether an element may be where it is, with what is in it.
fn element(carrier: Carrier, path: &str, parent: Option<&str>, verb: &Verb, wrong: &mut Vec<String>) {
    let Some(shape) = table::shape(carrier, &verb.name) else {
        wrong.push(format!("{path}: there is no verb {}", verb.name));
        return;
    };
    if !shape.parents.contains(&parent.unwrap_or_default()) {
        wrong.push(format!("{path}: {} may not be in {}", verb.name, parent.unwrap_or("nothing")));
    }
    attributes(&shape, path, verb, wrong);
    let nested = !verb.nested.is_empty();
    if let Err(expected) = shape.text.takes(&verb.text, nested) {
        wrong.push(format!("{path}: its text must be {expected}, not {:?}", verb.text));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for inner in &verb.nested {
        let count = counts.entry(inner.name.as_str()).or_default();
        *count += 1;
        element(carrier, &format!("{path}/{}[{count}]", inner.name), Some(&verb.name), inner, wrong);
    }
}

fn attributes(shape: &Shape, path: &str, verb: &Verb, wrong: &mut Vec<String>) {
    for (name, value) in &verb.attributes {
        let rule = shape.attributes.iter().find(|(known, _)| known == name).map(|(_, rule)| rule);
        match rule.map(|rule: &Rule| rule.takes(value)) {
            None => wrong.push(format!("{path}: {} has no attribute {name}", verb.name)),
            Some(Err(expected)) => wrong.push(format!("{path}: {name} must be {expected}, not {value:?}")),
            Some(Ok(())) => {}
        }
    }
}

/// Rules on which verb may come after which.
fn order(verbs: &[Verb], wrong: &mut Vec<String>) {
    for (at, verb) in verbs.iter().enumerate() {
        let number = at + 1;
        // answered calls cannot be rejected any more
        if verb.name == "Reject" && at > 0 {
            wrong.push(format!("Response: Reject is verb {number}, and it must be the first"));
        }
        if matches!(verb.name.as_str(), "Redirect" | "Hangup" | "Reject") && number < verbs.len() {
            wrong.push(format!("Response: nothing after verb {number}, {}, is ever reached", verb.name));
        }
        // with an action, what comes next is what the action's answer says; Record goes on only if nothing was recorded
        if verb.name == "Dial" && verb.attributes.contains_key("action") && number < verbs.len() {
            wrong.push(format!("Response: nothing after verb {number}, a Dial with an action, is ever reached"));
        }
    }
}

#[cfg(test)]
#[path = "verbs/tests.rs"]
mod tests;
