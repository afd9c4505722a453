//! What a schema must be before it is compiled.
//!
//! The library refuses foreign references too, but says so in the words of its registry; and it follows
//! a reference that leads back to itself until the stack ends. Both are found here, with the place and
//! the fix.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{MAX_BYTES, MAX_DEPTH, graph::Graph};

/// The one dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// How many subschemas may apply to one place of the input, references followed. Real schemas have
/// tens; a chain of doublings has billions.
const MAX_APPLIED: u64 = 10_000;

/// How many references and combinations may follow one another at one place of the input: the stack
/// must hold them.
const MAX_CHAIN: usize = 64;

/// What is wrong with a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Too many bytes.
    #[error("a schema of at most {MAX_BYTES} bytes; this one has {0}")]
    TooLarge(usize),
    /// Nested too deeply.
    #[error("a schema that nests at most {MAX_DEPTH} deep")]
    TooDeep,
    /// Another dialect.
    #[error("a schema of JSON Schema 2020-12: set `$schema` to {DIALECT:?} or leave it out")]
    Dialect,
    /// A reference that leaves the schema.
    #[error(
        "a reference within the schema, as in `#/$defs/name`, instead of {target:?} at `{pointer}`: copy it to `$defs`"
    )]
    Foreign {
        /// Where it is.
        pointer: String,
        /// What it names.
        target: String,
    },
    /// A reference to nothing.
    #[error("a reference to something in the schema: there is nothing at {target:?}, named at `{pointer}`")]
    Dangling {
        /// Where it is.
        pointer: String,
        /// What it names.
        target: String,
    },
    /// A reference that applies to the same place of the input again and again.
    #[error("a schema that ends: the reference at `{0}` leads back to itself without descending into the input")]
    Endless(String),
    /// More subschemas for one place of the input than can be worked through.
    #[error(
        "a schema that applies at most {MAX_APPLIED} subschemas, {MAX_CHAIN} one within another, to one place of the input"
    )]
    Explosive,
    /// Not a schema.
    #[error("a valid JSON Schema: at `{pointer}` it needs {expected}")]
    Invalid {
        /// Where in the schema.
        pointer: String,
        /// What it should be.
        expected: String,
    },
}

/// Keywords whose values are data and not schemas.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];

/// Keywords that map names to schemas, so that the names are not keywords.
const NAMED: [&str; 6] =
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/// Keywords whose schemas apply to the same place of the input.
const IN_PLACE: [&str; 9] =
    ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"];

/// Checks everything that this module is for, and gives what applies where.
pub(super) fn check(schema: &Value) -> Result<Graph, SchemaError> {
    if !within_depth(schema, MAX_DEPTH) {
        return Err(SchemaError::TooDeep);
    }
    let size = serde_json::to_vec(schema).map_or(usize::MAX, |json| json.len());
    if size > MAX_BYTES {
        return Err(SchemaError::TooLarge(size));
    }
    let mut references = References { root: schema, anchors: BTreeMap::new(), places: Vec::new() };
    references.walk(schema, String::new())?;
    references.resolve()?;
    let mut costs = BTreeMap::new();
    for (pointer, schema) in &references.places {
        references.cost(schema, pointer, 0, &mut costs)?;
    }
    Graph::new(&references)
}

fn within_depth(value: &Value, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else { return false };
    match value {
        Value::Array(items) => items.iter().all(|item| within_depth(item, left)),
        Value::Object(members) => members.values().all(|member| within_depth(member, left)),
        _ => true,
    }
}

pub(super) fn step(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Every subschema of a schema, by place, and what its references name.
pub(super) struct References<'a> {
    pub(super) root: &'a Value,
    anchors: BTreeMap<&'a str, &'a Value>,
    places: Vec<(String, &'a Map<String, Value>)>,
}

impl<'a> References<'a> {
    /// Finds the subschemas and refuses what points outside.
    fn walk(&mut self, schema: &'a Value, pointer: String) -> Result<(), SchemaError> {
        let members = match schema {
            Value::Object(members) => members,
            Value::Array(items) => {
                return items
                    .iter()
                    .enumerate()
                    .try_for_each(|(index, item)| self.walk(item, step(&pointer, &index.to_string())));
            }
            _ => return Ok(()),
        };
        if let Some(Value::String(dialect)) = members.get("$schema")
            && dialect.trim_end_matches('#') != DIALECT
        {
            return Err(SchemaError::Dialect);
        }
        for keyword in ["$ref", "$dynamicRef"] {
            if let Some(Value::String(target)) = members.get(keyword)
                && !target.starts_with('#')
            {
                return Err(SchemaError::Foreign { pointer: step(&pointer, keyword), target: target.clone() });
            }
        }
        // below an id of its own, `#` would mean another place than it does here
        if !pointer.is_empty() && members.get("$id").is_some_and(Value::is_string) {
            let expected = "no `$id`: only the whole schema may have one".to_owned();
            return Err(SchemaError::Invalid { pointer: step(&pointer, "$id"), expected });
        }
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(Value::String(anchor)) = members.get(keyword)
                && self.anchors.insert(anchor, schema).is_some_and(|other| !std::ptr::eq(other, schema))
            {
                let expected = "a name that no other subschema has".to_owned();
                return Err(SchemaError::Invalid { pointer: step(&pointer, keyword), expected });
            }
        }
        for (keyword, value) in members {
            let below = step(&pointer, keyword);
            match value {
                _ if DATA.contains(&keyword.as_str()) => {}
                Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                    for (name, schema) in named {
                        self.walk(schema, step(&below, name))?;
                    }
                }
                _ => self.walk(value, below)?,
            }
        }
        self.places.push((pointer, members));
        Ok(())
    }

    fn target(&self, reference: &str) -> Option<&'a Value> {
        match reference.strip_prefix('#')? {
            "" => Some(self.root),
            pointer if pointer.starts_with('/') => self.root.pointer(&percent_decoded(pointer)?),
            anchor => self.anchors.get(anchor).copied(),
        }
    }

    /// Refuses references to nothing.
    fn resolve(&self) -> Result<(), SchemaError> {
        for (pointer, members) in &self.places {
            for keyword in ["$ref", "$dynamicRef"] {
                if let Some(Value::String(target)) = members.get(keyword)
                    && self.target(target).is_none()
                {
                    return Err(SchemaError::Dangling { pointer: step(pointer, keyword), target: target.clone() });
                }
            }
        }
        Ok(())
    }

    /// How many subschemas apply to the place that this one applies to, and how long their longest
    /// chain is. `known` holds none for what is being worked out: to meet that again is to go round in
    /// a circle.
    pub(super) fn cost(
        &self,
        members: &'a Map<String, Value>,
        pointer: &str,
        depth: usize,
        known: &mut Costs,
    ) -> Result<Cost, SchemaError> {
        let identity = std::ptr::from_ref(members);
        match known.get(&identity) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => return Err(SchemaError::Endless(pointer.to_owned())),
            None => {}
        }
        if depth > MAX_CHAIN {
            return Err(SchemaError::Explosive);
        }
        known.insert(identity, None);
        let mut total = Cost { applied: 1, chain: 1 };
        for (keyword, schema) in self.applied_in_place(members) {
            let Value::Object(schema) = schema else { continue };
            let below = self.cost(schema, &step(pointer, keyword), depth + 1, known)?;
            total.applied = total.applied.saturating_add(below.applied);
            total.chain = total.chain.max(below.chain + 1);
        }
        if total.applied > MAX_APPLIED || total.chain > MAX_CHAIN {
            return Err(SchemaError::Explosive);
        }
        known.insert(identity, Some(total));
        Ok(total)
    }

    /// The subschemas that apply to the same place of the input as this one.
    pub(super) fn applied_in_place(&self, members: &'a Map<String, Value>) -> Vec<(&'static str, &'a Value)> {
        let mut found = Vec::new();
        for keyword in ["$ref", "$dynamicRef"] {
            let target = members.get(keyword).and_then(Value::as_str).and_then(|target| self.target(target));
            found.extend(target.map(|schema| (keyword, schema)));
        }
        for keyword in IN_PLACE {
            let schemas: Vec<&'a Value> = match members.get(keyword) {
                Some(Value::Array(items)) => items.iter().collect(),
                Some(Value::Object(named)) if NAMED.contains(&keyword) => named.values().collect(),
                Some(schema) => vec![schema],
                None => Vec::new(),
            };
            found.extend(schemas.into_iter().map(|schema| (keyword, schema)));
        }
        found
    }
}

/// What was worked out of [`References::cost`]; none for what is being worked out.
pub(super) type Costs = BTreeMap<*const Map<String, Value>, Option<Cost>>;

/// What it takes to apply a schema to one place of the input.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    applied: u64,
    /// The longest chain of subschemas within one another, this one included.
    pub(super) chain: usize,
}

/// A fragment of a URI may be percent-encoded.
fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
            decoded.push(u8::try_from(value).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}
