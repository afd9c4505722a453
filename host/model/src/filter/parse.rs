//! From JSON to a filter, with every rule of the language.

use serde_json::{Map, Value};

use super::{
    All, Field, Filter, MAX_BYTES, MAX_CHOICES, MAX_CONDITIONS, MAX_DEPTH, MAX_FIELD_BYTES, MAX_TEXT_BYTES, Side, Term,
    Test, compare::Bound,
};
use crate::Violation;

/// Of a filter, which are no fields there.
const ANY: &str = "any";
const NOT: &str = "not";
const OPERATORS: &str = "`in`, `gt`, `gte`, `lt`, `lte`, `exists` or `not`";
const SCALAR: &str = "a string, a number, true, false or null";

pub(super) fn filter(value: &Value) -> Result<Filter, Vec<Violation>> {
    let Value::Object(source) = value else {
        return Err(vec![violation("", "an object, as in {\"status\": \"completed\"}; {} for everything")]);
    };
    if serde_json::to_vec(value).map_or(usize::MAX, |json| json.len()) > MAX_BYTES {
        return Err(vec![violation("", format!("a filter of at most {MAX_BYTES} bytes of JSON"))]);
    }
    let mut parser = Parser { conditions: 0, violations: Vec::new() };
    let root = parser.all(source, "", 0);
    if parser.conditions > MAX_CONDITIONS {
        parser.violations.insert(0, violation("", format!("at most {MAX_CONDITIONS} conditions")));
    }
    if parser.violations.is_empty() { Ok(Filter { source: source.clone(), root }) } else { Err(parser.violations) }
}

fn violation(pointer: impl Into<String>, expected: impl Into<String>) -> Violation {
    Violation { pointer: pointer.into(), expected: expected.into() }
}

fn step(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}

/// Goes on after what is wrong, so that somebody who mends a filter learns all of it at once.
struct Parser {
    conditions: usize,
    violations: Vec<Violation>,
}

impl Parser {
    fn refuse(&mut self, pointer: impl Into<String>, expected: impl Into<String>) {
        self.violations.push(violation(pointer, expected));
    }

    fn is_too_deep(&mut self, depth: usize, pointer: &str) -> bool {
        if depth > MAX_DEPTH {
            self.refuse(pointer, format!("`any` and `not` that nest at most {MAX_DEPTH} deep"));
        }
        depth > MAX_DEPTH
    }

    fn all(&mut self, members: &Map<String, Value>, at: &str, depth: usize) -> All {
        let mut terms = Vec::with_capacity(members.len());
        for (name, value) in members {
            let at = step(at, name);
            terms.extend(match name.as_str() {
                ANY => self.any(value, &at, depth + 1),
                NOT => self.not(value, &at, depth + 1),
                field => self.field(field, value, &at, depth),
            });
        }
        All(terms)
    }

    fn any(&mut self, value: &Value, at: &str, depth: usize) -> Option<Term> {
        if self.is_too_deep(depth, at) {
            return None;
        }
        let Some(choices) = value.as_array().filter(|choices| (1..=MAX_CHOICES).contains(&choices.len())) else {
            self.refuse(at, format!("a list of 1 to {MAX_CHOICES} filters (a field that is called `any` is `/any`)"));
            return None;
        };
        let mut all = Vec::with_capacity(choices.len());
        for (index, choice) in choices.iter().enumerate() {
            let at = step(at, &index.to_string());
            match choice {
                // `{}` would make the others pointless
                Value::Object(members) if !members.is_empty() => all.push(self.all(members, &at, depth)),
                _ => self.refuse(at, "a filter: an object with at least one member"),
            }
        }
        Some(Term::Any(all))
    }

    fn not(&mut self, value: &Value, at: &str, depth: usize) -> Option<Term> {
        if self.is_too_deep(depth, at) {
            return None;
        }
        match value {
            Value::Object(members) if !members.is_empty() => Some(Term::Not(self.all(members, at, depth))),
            _ => {
                self.refuse(
                    at,
                    "a filter: an object with at least one member (a field that is called `not` is `/not`)",
                );
                None
            }
        }
    }

    fn field(&mut self, name: &str, value: &Value, at: &str, depth: usize) -> Option<Term> {
        let Some(tokens) = tokens(name) else {
            self.refuse(
                at,
                format!(
                    "a field of at most {MAX_FIELD_BYTES} bytes: names with dots between them, as in `customer.email`, or \
                     a JSON Pointer"
                ),
            );
            return None;
        };
        let tests = self.condition(value, at, depth)?;
        Some(Term::Field(Field { name: name.to_owned(), tokens }, tests))
    }

    /// What a field must be: all of the tests.
    fn condition(&mut self, value: &Value, at: &str, depth: usize) -> Option<Vec<Test>> {
        let operators = match value {
            Value::Object(operators) if !operators.is_empty() => operators,
            Value::Object(_) => {
                self.refuse(at, format!("{SCALAR}, or an object with {OPERATORS}"));
                return None;
            }
            Value::Array(_) => {
                self.refuse(at, format!("{SCALAR}; {{\"in\": [..]}} for one of several"));
                return None;
            }
            scalar => {
                self.conditions += 1;
                return self.scalar(scalar, at).map(|value| vec![Test::In(vec![value])]);
            }
        };
        let mut tests = Vec::with_capacity(operators.len());
        for (operator, operand) in operators {
            let at = step(at, operator);
            self.conditions += 1;
            tests.extend(self.test(operator, operand, &at, depth));
        }
        let mut bounds = tests.iter().filter_map(|test| match test {
            Test::Range(_, bound) => Some(bound),
            _ => None,
        });
        if let Some(first) = bounds.next()
            && bounds.any(|bound| !bound.is_like(first))
        {
            self.refuse(at, "bounds of one kind: numbers, times in RFC 3339, or other text");
        }
        Some(tests)
    }

    fn test(&mut self, operator: &str, operand: &Value, at: &str, depth: usize) -> Option<Test> {
        match operator {
            "in" => self.choices(operand, at),
            "gt" => self.range(Side::Gt, operand, at),
            "gte" => self.range(Side::Gte, operand, at),
            "lt" => self.range(Side::Lt, operand, at),
            "lte" => self.range(Side::Lte, operand, at),
            "exists" => match operand {
                Value::Bool(wanted) => Some(Test::Exists(*wanted)),
                _ => {
                    self.refuse(at, "true or false");
                    None
                }
            },
            NOT if self.is_too_deep(depth + 1, at) => None,
            NOT => self.condition(operand, at, depth + 1).map(Test::Not),
            _ => {
                self.refuse(at, format!("one of {OPERATORS}"));
                None
            }
        }
    }

    fn choices(&mut self, operand: &Value, at: &str) -> Option<Test> {
        let Some(values) = operand.as_array().filter(|values| (1..=MAX_CHOICES).contains(&values.len())) else {
            self.refuse(at, format!("a list of 1 to {MAX_CHOICES} values, each {SCALAR}"));
            return None;
        };
        let place = |index: usize| step(at, &index.to_string());
        let values = values.iter().enumerate().filter_map(|(index, value)| self.scalar(value, &place(index))).collect();
        Some(Test::In(values))
    }

    fn range(&mut self, side: Side, operand: &Value, at: &str) -> Option<Test> {
        let operand = self.scalar(operand, at)?;
        let bound = Bound::of(&operand);
        if bound.is_none() {
            self.refuse(at, "a number, a time in RFC 3339, or other text");
        }
        bound.map(|bound| Test::Range(side, bound))
    }

    fn scalar(&mut self, value: &Value, at: &str) -> Option<Value> {
        match value {
            Value::Array(_) | Value::Object(_) => self.refuse(at, SCALAR),
            Value::String(text) if text.len() > MAX_TEXT_BYTES => {
                self.refuse(at, format!("text of at most {MAX_TEXT_BYTES} bytes"));
            }
            scalar => return Some(scalar.clone()),
        }
        None
    }
}

/// The names on the way to a field. None if it is no field.
fn tokens(name: &str) -> Option<Vec<String>> {
    if name.len() > MAX_FIELD_BYTES {
        return None;
    }
    if let Some(pointer) = name.strip_prefix('/') {
        return Some(pointer.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect());
    }
    let tokens: Vec<String> = name.split('.').map(str::to_owned).collect();
    (!tokens.iter().any(String::is_empty)).then_some(tokens)
}
