//! The standard object `call`.

use serde_json::{Map, Value};

use super::{AnsweredBy, CallState, Direction, Fact, Leg, MOST_FACTS, Status, Step, What, legs};
use crate::{
    money::{self, Money},
    phone::Party,
    text,
    time::{self, Millis},
};

/// Legs that the object shows; all are billed.
const MOST_LEGS: usize = 50;

pub(super) fn call(state: &CallState) -> Value {
    let legs = state.legs();
    let main = legs.first();
    let mut object = Map::new();
    let direction = main.and_then(|leg| leg.direction).unwrap_or(Direction::Inbound);
    object.insert("direction".into(), direction.as_str().into());
    object.insert("status".into(), main.map_or(Status::Queued, |leg| leg.status).as_str().into());
    if let Some(leg) = main {
        ends(&mut object, leg);
        let mut member = |name: &str, value: Option<Value>| put(&mut object, name, value);
        member("from_name", leg.from_name.clone().map(Value::from));
        member("started_at", at(leg.started_at));
        member("answered_at", at(leg.answered_at));
        member("ended_at", at(leg.ended_at));
        member("duration_s", leg.duration_s.map(Value::from));
        member("answered_by", leg.answered_by.map(|by| by.as_str().into()));
        member("end_reason", leg.reason.clone().map(Value::from));
    }
    let mut sessions = state.facts.values().collect::<Vec<_>>();
    sessions.sort_by(|one, other| legs::in_order(one, other));
    let session = sessions.iter().find_map(|fact| fact.session.clone()).filter(|session| !session.is_empty());
    put(&mut object, "session_id", session.map(Value::from));

    let costs = costs(state);
    if let [one] = costs.as_slice() {
        object.insert("price".into(), one.to_object());
    }
    put(&mut object, "external_ids", text::external_ids(&state.source, &state.id));
    object.insert("extra".into(), extra(state, &legs, &costs));
    Value::Object(object)
}

/// The exact sums of what the call cost, by currency.
fn costs(state: &CallState) -> Vec<Money> {
    money::sums(state.facts.values().filter_map(|fact| match &fact.what {
        What::Cost { money } => Some(money),
        _ => None,
    }))
}

fn extra(state: &CallState, legs: &[Leg], costs: &[Money]) -> Value {
    let mut own = Map::new();
    own.insert("legs".into(), legs.iter().take(MOST_LEGS).map(leg).collect());
    if !costs.is_empty() {
        own.insert("costs".into(), costs.iter().map(Money::to_exact).collect());
    }
    if state.facts.len() >= MOST_FACTS {
        own.insert("more".into(), true.into());
    }
    let mut steps = state.facts.values().filter_map(stepped).collect::<Vec<_>>();
    steps.sort_by(|(one, _), (other, _)| legs::in_order(one, other));
    let mut extra = Map::new();
    extra.insert(state.source.clone(), Value::Object(own));
    if !steps.is_empty() {
        extra.insert("ivr".into(), steps.into_iter().map(|(fact, at_step)| step(fact, at_step)).collect());
    }
    Value::Object(extra)
}

fn stepped(fact: &Fact) -> Option<(&Fact, &Step)> {
    match &fact.what {
        What::Step(step) => Some((fact, step)),
        _ => None,
    }
}

fn step(fact: &Fact, step: &Step) -> Value {
    let mut object = Map::new();
    object.insert("id".into(), fact.id.clone().into());
    put(&mut object, "at", at(fact.at));
    object.insert("menu".into(), step.menu.clone().into());
    put(&mut object, "version", step.version.map(Value::from));
    object.insert("node".into(), step.node.clone().into());
    object.insert("did".into(), step.did.clone().into());
    put(&mut object, "digits", step.digits.clone().map(Value::from));
    put(&mut object, "to", step.to.clone().map(Value::from));
    Value::Object(object)
}

fn leg(leg: &Leg) -> Value {
    let mut object = Map::new();
    object.insert("id".into(), leg.id.clone().into());
    put(&mut object, "parent", leg.parent.clone().map(Value::from));
    put(&mut object, "direction", leg.direction.map(|direction| direction.as_str().into()));
    object.insert("status".into(), leg.status.as_str().into());
    ends(&mut object, leg);
    put(&mut object, "started_at", at(leg.started_at));
    put(&mut object, "answered_at", at(leg.answered_at));
    put(&mut object, "ended_at", at(leg.ended_at));
    put(&mut object, "duration_s", leg.duration_s.map(Value::from));
    put(&mut object, "end_reason", leg.reason.clone().map(Value::from));
    Value::Object(object)
}

/// Who is at both ends: numbers by one name, whatever else by another.
fn ends(object: &mut Map<String, Value>, leg: &Leg) {
    for (party, number, other) in [(&leg.from, "from", "from_uri"), (&leg.to, "to", "to_uri")] {
        let Some(party) = party else { continue };
        let name = if matches!(party, Party::Number(_)) { number } else { other };
        put(object, name, party.as_str().map(Value::from));
    }
}

fn at(at: Option<Millis>) -> Option<Value> {
    at.map(|at| time::rfc3339(at).into())
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value);
    }
}

impl Direction {
    /// As the object has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
        }
    }
}

impl AnsweredBy {
    /// As the object has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Machine => "machine",
            Self::Fax => "fax",
            Self::Unknown => "unknown",
        }
    }
}
