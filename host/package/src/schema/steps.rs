//! How much work it is to check an input, counted before the work is done.
//!
//! The library has no budget, lists every fault before it gives the first, and copies what is at fault.
//! So inputs that would take it too long are refused, and the faults of inputs that have too many, or too
//! large ones, are not listed. Counting ignores shortcuts: it is never less than the work.
//!
//! Rejected: refusing schemas that can multiply. Recursive unions that share a member's name are common
//! (syntax trees, filters), and harmless as long as inputs nest a few levels deep.

use std::collections::BTreeMap;

use serde_json::Value;

use super::graph::{Graph, Node};

/// So many characters are read in about the time of one step.
const CHARACTERS_PER_STEP: usize = 64;

/// A limit was passed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// What the work may take.
pub(super) struct Allowance {
    /// Subschemas that are asked, over all places of the input.
    pub(super) steps: u64,
    /// Bytes that would be copied if every one of them failed; not counted if there is no limit.
    pub(super) copied_bytes: Option<u64>,
}

/// Subschemas by index, with how often each is asked about a place.
type Asked = Vec<(usize, u64)>;

/// About how many steps it takes to look at all of a value once.
pub(super) fn size(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(size).sum::<u64>() + 1,
        Value::Object(members) => members.iter().map(|(name, member)| text(name) + size(member)).sum::<u64>() + 1,
        Value::String(string) => text(string),
        _ => 1,
    }
}

fn text(string: &str) -> u64 {
    1 + (string.len() / CHARACTERS_PER_STEP) as u64
}

fn bytes(value: &Value) -> u64 {
    let own = size_of::<Value>() as u64;
    own + match value {
        Value::Array(items) => items.iter().map(bytes).sum(),
        Value::Object(members) => members.iter().map(|(name, member)| own + name.len() as u64 + bytes(member)).sum(),
        Value::String(string) => string.len() as u64,
        _ => 0,
    }
}

impl Graph {
    /// Counts the work of checking this value.
    pub(super) fn count(&self, value: &Value, allowance: &mut Allowance) -> Result<(), TooMuch> {
        self.ask(value, &[(self.root, 1)], allowance)
    }

    fn ask(&self, value: &Value, asked: &[(usize, u64)], allowance: &mut Allowance) -> Result<(), TooMuch> {
        let applied = self.in_place(asked, allowance)?;
        for (node, times) in self.of(&applied) {
            let more = match value {
                _ if node.reads_all => size(value),
                Value::String(string) if node.reads_text => text(string),
                _ => 0,
            };
            spend(&mut allowance.steps, more.saturating_mul(times))?;
        }
        if let Some(left) = &mut allowance.copied_bytes {
            let copies: u64 = applied.iter().fold(0, |sum, (_, times)| sum.saturating_add(*times));
            spend(left, bytes(value).saturating_mul(copies))?;
        }
        match value {
            Value::Array(items) => self.ask_items(items, &applied, allowance),
            Value::Object(members) => members.iter().try_for_each(|(name, member)| {
                let names = self.of(&applied).filter_map(|(node, times)| Some((node.names?, times))).collect::<Asked>();
                if !names.is_empty() {
                    self.ask(&Value::String(name.clone()), &names, allowance)?;
                }
                let mut asked = Asked::new();
                for (node, times) in self.of(&applied) {
                    let own = node.members.get(name).or(node.other_members.as_ref());
                    asked.extend(own.into_iter().chain(&node.each_member).map(|index| (*index, times)));
                }
                if asked.is_empty() { Ok(()) } else { self.ask(member, &asked, allowance) }
            }),
            _ => Ok(()),
        }
    }

    fn ask_items(&self, items: &[Value], applied: &Asked, allowance: &mut Allowance) -> Result<(), TooMuch> {
        let first = self.of(applied).map(|(node, _)| node.first_items.len()).max().unwrap_or(0);
        let at = |index: usize| {
            let mut asked = Asked::new();
            for (node, times) in self.of(applied) {
                let own = node.first_items.get(index).or(node.other_items.as_ref());
                asked.extend(own.into_iter().chain(&node.each_item).map(|index| (*index, times)));
            }
            asked
        };
        for (index, item) in items.iter().enumerate().take(first) {
            self.ask(item, &at(index), allowance)?;
        }
        let asked = at(first);
        if asked.is_empty() {
            return Ok(());
        }
        items.iter().skip(first).try_for_each(|item| self.ask(item, &asked, allowance))
    }

    /// Everything that applies to the place, and its steps.
    fn in_place(&self, asked: &[(usize, u64)], allowance: &mut Allowance) -> Result<Asked, TooMuch> {
        let mut waiting: BTreeMap<usize, u64> = BTreeMap::new();
        let mut applied = Asked::with_capacity(asked.len());
        let add = |waiting: &mut BTreeMap<usize, u64>, index: usize, times: u64| {
            let sum = waiting.entry(index).or_default();
            *sum = sum.saturating_add(times);
        };
        for (index, times) in asked {
            add(&mut waiting, *index, *times);
        }
        // what applies in place has a greater index, so none comes back that was taken out
        while let Some((index, times)) = waiting.pop_first() {
            let Some(node) = self.nodes.get(index) else { continue };
            spend(&mut allowance.steps, node.weight.saturating_mul(times))?;
            for (other, factor) in &node.in_place {
                add(&mut waiting, *other, times.saturating_mul(*factor));
            }
            applied.push((index, times));
        }
        Ok(applied)
    }

    fn of(&self, asked: &Asked) -> impl Iterator<Item = (&Node, u64)> {
        asked.iter().filter_map(|(index, times)| Some((self.nodes.get(*index)?, *times)))
    }
}

fn spend(left: &mut u64, steps: u64) -> Result<(), TooMuch> {
    *left = left.checked_sub(steps).ok_or(TooMuch)?;
    Ok(())
}
