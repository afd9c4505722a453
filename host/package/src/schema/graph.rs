//! Which subschemas a schema applies to which places of an input, as a graph.
//!
//! The number of subschemas that apply to one place (`check` bounds it) says little about the work of a
//! whole input: two ways to the same child double at each level of descent. So the graph also holds the
//! descents, and [`super::steps`] counts along them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use serde_json::{Map, Value};

use super::check::{Costs, References, SchemaError, step};

/// A subschema. Others are named by their index.
#[derive(Default)]
pub(super) struct Node {
    /// Steps that it takes without its subschemas.
    pub(super) weight: u64,
    /// It reads every character of a text.
    pub(super) reads_text: bool,
    /// It reads all that is below it.
    pub(super) reads_all: bool,
    /// Those that apply to the same place, with how often they are asked. Their indices are greater.
    pub(super) in_place: Vec<(usize, u64)>,
    /// By the member's name.
    pub(super) members: HashMap<String, usize>,
    /// Members that `members` does not name.
    pub(super) other_members: Option<usize>,
    /// Any member; a pattern counts for every name.
    pub(super) each_member: Vec<usize>,
    /// The members' names.
    pub(super) names: Option<usize>,
    /// By the item's index.
    pub(super) first_items: Vec<usize>,
    /// Items after those.
    pub(super) other_items: Option<usize>,
    /// Any item.
    pub(super) each_item: Vec<usize>,
}

impl Node {
    fn below(&self) -> impl Iterator<Item = usize> {
        let lists = self.each_member.iter().chain(&self.first_items).chain(&self.each_item);
        let single = self.other_members.iter().chain(&self.names).chain(&self.other_items);
        lists.chain(single).chain(self.members.values()).copied()
    }
}

/// A schema's subschemas.
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) root: usize,
    /// Steps that one place of any input can take at most; the greatest number for a recursive schema.
    pub(super) steps_per_place: u64,
}

/// Where to find the subschemas of what is being read.
struct Builder<'a> {
    references: &'a References<'a>,
    /// Subschemas that were met, by their address.
    known: HashMap<*const Value, usize>,
    met: Vec<(String, &'a Value)>,
}

impl Graph {
    /// Reads what applies to an input, references followed, and refuses what never ends or multiplies at
    /// one place.
    pub(super) fn new(references: &References<'_>) -> Result<Self, SchemaError> {
        let mut builder = Builder { references, known: HashMap::new(), met: Vec::new() };
        builder.meet(references.root, String::new());
        let (mut nodes, mut chains) = (Vec::new(), Vec::new());
        let mut costs: Costs = BTreeMap::new();
        while let Some((pointer, schema)) = builder.met.get(nodes.len()).cloned() {
            let Value::Object(members) = schema else {
                nodes.push(Node { weight: 1, ..Node::default() });
                chains.push(0);
                continue;
            };
            let cost = references.cost(members, &pointer, 0, &mut costs)?;
            nodes.push(builder.read(members, &pointer, cost.chain as u64));
            chains.push(cost.chain);
        }
        Ok(Self::ordered(nodes, &chains))
    }

    /// What applies in place has a shorter chain, so the order of chains is the order of application.
    fn ordered(mut nodes: Vec<Node>, chains: &[usize]) -> Self {
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        order.sort_by_key(|index| Reverse(chains.get(*index).copied().unwrap_or(0)));
        let mut places = vec![0; nodes.len()];
        for (place, index) in order.iter().enumerate() {
            if let Some(slot) = places.get_mut(*index) {
                *slot = place;
            }
        }
        let mut sorted = Vec::with_capacity(nodes.len());
        let moved = |index: &mut usize| *index = places.get(*index).copied().unwrap_or(0);
        for index in order {
            let mut node = nodes.get_mut(index).map(std::mem::take).unwrap_or_default();
            node.in_place.iter_mut().for_each(|(index, _)| moved(index));
            node.members.values_mut().for_each(moved);
            let lists = [&mut node.each_member, &mut node.first_items, &mut node.each_item];
            lists.into_iter().flatten().for_each(moved);
            let single = [&mut node.other_members, &mut node.names, &mut node.other_items];
            single.into_iter().flatten().for_each(moved);
            sorted.push(node);
        }
        let root = places.first().copied().unwrap_or(0);
        let steps_per_place = steps_per_place(&sorted, root);
        Self { nodes: sorted, root, steps_per_place }
    }
}

/// The steps along every way through the graph: no place of an input takes more, because the way to a
/// place of the input is fixed. A graph with a circle has no bound.
fn steps_per_place(nodes: &[Node], root: usize) -> u64 {
    let mut waiting_for: Vec<usize> = vec![0; nodes.len()];
    let mut asked_by: Vec<Vec<(usize, u64)>> = vec![Vec::new(); nodes.len()];
    let mut totals: Vec<u64> = nodes.iter().map(|node| node.weight).collect();
    for (index, node) in nodes.iter().enumerate() {
        let below = node.below().map(|below| (below, 1));
        for (asked, times) in node.in_place.iter().copied().chain(below) {
            if let (Some(askers), Some(waiting)) = (asked_by.get_mut(asked), waiting_for.get_mut(index)) {
                askers.push((index, times));
                *waiting += 1;
            }
        }
    }
    let mut ready: Vec<usize> = (0..nodes.len()).filter(|index| waiting_for.get(*index) == Some(&0)).collect();
    let mut root_is_ready = false;
    while let Some(done) = ready.pop() {
        root_is_ready |= done == root;
        let total = totals.get(done).copied().unwrap_or(u64::MAX);
        for (asker, times) in asked_by.get_mut(done).map(std::mem::take).unwrap_or_default() {
            if let (Some(sum), Some(waiting)) = (totals.get_mut(asker), waiting_for.get_mut(asker)) {
                *sum = sum.saturating_add(total.saturating_mul(times));
                *waiting -= 1;
                if *waiting == 0 {
                    ready.push(asker);
                }
            }
        }
    }
    if root_is_ready { totals.get(root).copied().unwrap_or(u64::MAX) } else { u64::MAX }
}

impl<'a> Builder<'a> {
    fn meet(&mut self, schema: &'a Value, pointer: String) -> usize {
        *self.known.entry(std::ptr::from_ref(schema)).or_insert_with(|| {
            self.met.push((pointer, schema));
            self.met.len() - 1
        })
    }

    fn read(&mut self, members: &'a Map<String, Value>, pointer: &str, chain: u64) -> Node {
        let length = |keyword: &str| match members.get(keyword) {
            Some(Value::Array(items)) => items.len() as u64,
            Some(Value::Object(named)) => named.len() as u64,
            _ => 0,
        };
        let has = |keywords: &[&str]| keywords.iter().any(|keyword| members.contains_key(*keyword));
        let asks_again = has(&["unevaluatedProperties", "unevaluatedItems"]);
        // to know what was evaluated, everything in place is asked again, at each link of the chain
        let times = if asks_again { 1 + chain } else { 1 };
        let in_place = self.references.applied_in_place(members);
        Node {
            weight: 1 + ["required", "enum", "properties", "dependentRequired"].map(length).iter().sum::<u64>(),
            reads_text: has(&["pattern", "format", "minLength", "maxLength", "contentEncoding", "contentMediaType"]),
            reads_all: has(&["uniqueItems", "enum", "const"]),
            in_place: in_place
                .into_iter()
                .map(|(keyword, schema)| (self.meet(schema, step(pointer, keyword)), times))
                .collect(),
            members: self.named(members, pointer, "properties").into_iter().collect(),
            other_members: self.single(members, pointer, "additionalProperties"),
            each_member: {
                let mut each = Vec::new();
                each.extend(self.named(members, pointer, "patternProperties").into_iter().map(|(_, index)| index));
                each.extend(self.single(members, pointer, "unevaluatedProperties"));
                each
            },
            names: self.single(members, pointer, "propertyNames"),
            first_items: {
                let items = members.get("prefixItems").and_then(Value::as_array);
                let place = step(pointer, "prefixItems");
                let items = items.into_iter().flatten().enumerate();
                items.map(|(index, item)| self.meet(item, step(&place, &index.to_string()))).collect()
            },
            other_items: self.single(members, pointer, "items"),
            each_item: {
                let keywords = ["contains", "unevaluatedItems"];
                keywords.iter().filter_map(|keyword| self.single(members, pointer, keyword)).collect()
            },
        }
    }

    fn single(&mut self, members: &'a Map<String, Value>, pointer: &str, keyword: &str) -> Option<usize> {
        members.get(keyword).map(|schema| self.meet(schema, step(pointer, keyword)))
    }

    fn named(&mut self, members: &'a Map<String, Value>, pointer: &str, keyword: &str) -> Vec<(String, usize)> {
        let place = step(pointer, keyword);
        let named = members.get(keyword).and_then(Value::as_object);
        let named = named.into_iter().flatten();
        named.map(|(name, schema)| (name.clone(), self.meet(schema, step(&place, name)))).collect()
    }
}
