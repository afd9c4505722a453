//! Which documents somebody wants: one small language for the content of events, for records, and for whatever comes
//! next. `docs/guides/filters.md` teaches it.
//!
//! A filter is a JSON object, so that it needs no grammar and no escaping, and goes into a body, a manifest or a query
//! parameter as it is. All of its members must hold; `any` is for alternatives, `not` for the contrary. It only compares
//! values with constants: each match costs what the filter and the values it names are long, whoever wrote it.
//!
//! Rejected: JSONPath and JMESPath (expressions without a bound on their cost, in a text inside of JSON), CEL (a
//! language to learn, and an interpreter to trust), and the operators of a database (theirs, and then theirs for ever).

mod compare;
mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

use crate::{Violation, failure::at};
use compare::{Bound, equal};

/// The longest filter, in bytes of JSON.
pub const MAX_BYTES: usize = 16 << 10;
/// The most conditions in one, those within `any` and `not` counted too.
pub const MAX_CONDITIONS: usize = 50;
/// How deeply `any` and `not` may nest.
pub const MAX_DEPTH: usize = 5;
/// The most values of one `in`, and alternatives of one `any`.
pub const MAX_CHOICES: usize = 100;
/// The longest name of a field, in bytes.
pub const MAX_FIELD_BYTES: usize = 256;
/// The longest text that is compared with, in bytes.
pub const MAX_TEXT_BYTES: usize = 1_024;

/// A checked filter. `{}` lets everything through, and is the default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    source: Map<String, Value>,
    root: All,
}

/// All of these must hold.
#[derive(Debug, Clone, Default, PartialEq)]
struct All(Vec<Term>);

#[derive(Debug, Clone, PartialEq)]
enum Term {
    /// What a field must be.
    Field(Field, Vec<Test>),
    /// One of these must hold.
    Any(Vec<All>),
    /// This must not hold.
    Not(All),
}

/// The place of a value in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    name: String,
    tokens: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// It equals one of these.
    In(Vec<Value>),
    /// It is there, and is not null.
    Exists(bool),
    /// It is beyond this bound, on one of these sides.
    Range(Side, Bound),
    /// All of these hold, or not.
    Not(Vec<Test>),
}

/// On which side of a bound a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Side {
    const fn holds(self, value_to_bound: Ordering) -> bool {
        match self {
            Self::Gt => value_to_bound.is_gt(),
            Self::Gte => value_to_bound.is_ge(),
            Self::Lt => value_to_bound.is_lt(),
            Self::Lte => value_to_bound.is_le(),
        }
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// All that is wrong with it: the place as a JSON Pointer into the filter, and what would be right there.
    pub fn parse(value: &Value) -> Result<Self, Vec<Violation>> {
        parse::filter(value)
    }

    /// As [`Filter::parse`], for a filter that is a part of a larger input: places begin with `pointer`.
    ///
    /// # Errors
    /// As there.
    pub fn parse_at(pointer: &str, value: &Value) -> Result<Self, Vec<Violation>> {
        Self::parse(value).map_err(|violations| at(pointer, violations))
    }

    /// True if the document is one of those that are wanted.
    #[must_use]
    pub fn matches(&self, document: &Value) -> bool {
        self.root.matches(document)
    }

    /// True if it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.0.is_empty()
    }

    /// The filter as it was written.
    #[must_use]
    pub const fn as_json(&self) -> &Map<String, Value> {
        &self.source
    }

    /// Fields that must equal one of these values in whatever matches: what an index can look for.
    #[must_use]
    pub fn required(&self) -> Vec<(&Field, &[Value])> {
        let mut required = Vec::new();
        for term in &self.root.0 {
            if let Term::Field(field, tests) = term {
                required.extend(tests.iter().filter_map(Test::values).map(|values| (field, values)));
            }
        }
        required
    }

    /// Every field that it names, each as often as it does.
    #[must_use]
    pub fn fields(&self) -> Vec<&Field> {
        let mut fields = Vec::new();
        self.root.fields(&mut fields);
        fields
    }
}

impl All {
    fn matches(&self, document: &Value) -> bool {
        self.0.iter().all(|term| match term {
            Term::Field(field, tests) => {
                let value = field.of(document);
                tests.iter().all(|test| test.holds(value))
            }
            Term::Any(choices) => choices.iter().any(|choice| choice.matches(document)),
            Term::Not(filter) => !filter.matches(document),
        })
    }

    fn fields<'a>(&'a self, fields: &mut Vec<&'a Field>) {
        for term in &self.0 {
            match term {
                Term::Field(field, _) => fields.push(field),
                Term::Any(choices) => choices.iter().for_each(|choice| choice.fields(fields)),
                Term::Not(filter) => filter.fields(fields),
            }
        }
    }
}

impl Field {
    /// As it was written: with dots, or as a JSON Pointer.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its place with dots between the names, however it was written.
    #[must_use]
    pub fn dotted(&self) -> String {
        self.tokens.join(".")
    }

    /// The value there; null for one that is missing.
    fn of<'d>(&self, document: &'d Value) -> &'d Value {
        static NULL: Value = Value::Null;
        let found = self.tokens.iter().try_fold(document, |value, token| match value {
            Value::Object(members) => members.get(token),
            Value::Array(items) => index(token).and_then(|index| items.get(index)),
            _ => None,
        });
        found.unwrap_or(&NULL)
    }
}

/// A place in a list, written as JSON Pointers write it.
fn index(token: &str) -> Option<usize> {
    let plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = token.len() > 1 && token.starts_with('0');
    if plain && !leading_zero { token.parse().ok() } else { None }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::In(wanted) => wanted.iter().any(|wanted| equal(wanted, value)),
            Self::Exists(wanted) => value.is_null() != *wanted,
            Self::Range(side, bound) => bound.compare(value).is_some_and(|order| side.holds(order)),
            Self::Not(tests) => !tests.iter().all(|test| test.holds(value)),
        }
    }

    fn values(&self) -> Option<&[Value]> {
        match self {
            Self::In(values) => Some(values),
            Self::Exists(_) | Self::Range(..) | Self::Not(_) => None,
        }
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Value::deserialize(deserializer)?).map_err(|violations| match violations.first() {
            Some(Violation { pointer, expected }) => D::Error::custom(format!("at {pointer:?}: {expected}")),
            None => D::Error::custom("a filter"),
        })
    }
}
