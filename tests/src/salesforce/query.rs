//! Queries: who is meant, in order, page by page.

use std::cmp::Ordering;

use chrono::{DateTime, Duration};
use serde_json::{Value, json};

use super::{
    fields, records,
    soql::{self, Condition, Literal},
    store::{Answer, Locator, Refusal, Row, State, whole},
};

/// How long a query stays open.
const OPEN: Duration = Duration::days(2);
/// Open queries of one user.
const MOST_OPEN: usize = 10;

pub(super) fn run(state: &mut State, text: &str, all: bool, batch: usize) -> Answer {
    let query = soql::parse(text)?;
    if fields::of(state, &query.object).is_none() {
        let text = format!("sObject type '{}' is not supported.", query.object);
        return Err(Refusal::new(400, "INVALID_TYPE", text));
    }
    let mut found: Vec<&Row> = Vec::new();
    for row in state.rows.values().filter(|row| row.object == query.object && (all || row.deleted_at.is_none())) {
        let meant = match &query.condition {
            None => true,
            Some(condition) => holds(state, row, condition)?,
        };
        if meant {
            found.push(row);
        }
    }
    if query.by_stamp {
        found.sort_by(|one, other| (one.stamp, &one.id).cmp(&(other.stamp, &other.id)));
    }
    found.truncate(query.limit.unwrap_or(usize::MAX));
    // unknown fields are refused, also where nothing is found
    for name in &query.fields {
        let first = name.split('.').next().unwrap_or_default();
        let known = fields::find(state, &query.object, first).is_some()
            || fields::find(state, &query.object, &format!("{first}Id")).is_some();
        if !known {
            let text = format!("No such column '{name}' on entity '{}'", query.object);
            return Err(Refusal::new(400, "INVALID_FIELD", text));
        }
    }
    let ids: Vec<String> = found.iter().map(|row| row.id.clone()).collect();
    let locator = Locator { ids, fields: query.fields, opened_at: state.now };
    let name = format!("01g{:012}AAA", state.next());
    page(state, &name, locator, 0, batch)
}

pub(super) fn more(state: &mut State, at: &str, batch: usize) -> Answer {
    let gone = || Refusal::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
    let (name, from) = at.rsplit_once('-').ok_or_else(gone)?;
    let from: usize = from.parse().map_err(|_| gone())?;
    let locator = state.locators.get(name).cloned().ok_or_else(gone)?;
    if state.now - locator.opened_at > OPEN || from > locator.ids.len() {
        return Err(gone());
    }
    page(state, name, locator, from, batch)
}

fn page(state: &mut State, name: &str, locator: Locator, from: usize, batch: usize) -> Answer {
    let to = locator.ids.len().min(from + batch);
    let mut shown = Vec::new();
    for id in &locator.ids[from..to] {
        // values are those of now, also of a record that went meanwhile
        if let Some(row) = state.rows.get(id) {
            shown.push(records::shown(state, row, &locator.fields)?);
        }
    }
    let total = locator.ids.len();
    let mut answer = json!({"totalSize": total, "done": to == total, "records": shown});
    if to < total {
        let next = || format!("/services/data/v68.0/query/{name}-{to}");
        answer["nextRecordsUrl"] = json!(state.astray.take().unwrap_or_else(next));
        state.locators.insert(name.to_owned(), locator);
        while state.locators.len() > MOST_OPEN {
            state.locators.pop_first();
        }
    } else {
        state.locators.remove(name);
    }
    Ok((200, answer))
}

fn holds(state: &State, row: &Row, condition: &Condition) -> Result<bool, Refusal> {
    Ok(match condition {
        Condition::All(several) => {
            for one in several {
                if !holds(state, row, one)? {
                    return Ok(false);
                }
            }
            true
        }
        Condition::Any(several) => {
            for one in several {
                if holds(state, row, one)? {
                    return Ok(true);
                }
            }
            false
        }
        Condition::Like(field, pattern) => records::value(state, row, field)?
            .as_str()
            .is_some_and(|text| is_like(&text.to_lowercase(), &pattern.to_lowercase())),
        Condition::In(field, values) => {
            let own = records::value(state, row, field)?;
            values.iter().any(|value| own.as_str().is_some_and(|own| same_text(field, own, value)))
        }
        Condition::Compares(field, sign, literal) => {
            let own = records::value(state, row, field)?;
            compare(field, &own, sign, literal)?
        }
    })
}

/// Ids tell capitals from small letters; texts do not.
fn same_text(field: &str, own: &str, value: &str) -> bool {
    if field.ends_with("Id") { own == whole(value) } else { own.eq_ignore_ascii_case(value) }
}

fn compare(field: &str, own: &Value, sign: &str, literal: &Literal) -> Result<bool, Refusal> {
    let order = match literal {
        Literal::Null => return Ok((sign == "=") == own.is_null()),
        _ if own.is_null() => return Ok(sign == "!="),
        Literal::Text(text) => {
            let own = own.as_str().unwrap_or_default();
            if same_text(field, own, text) { Ordering::Equal } else { own.cmp(&whole(text)) }
        }
        Literal::Bare(word) => bare(own, word).ok_or_else(|| {
            let text = format!("value of filter criterion for field '{field}' must not be {word}");
            Refusal::new(400, "INVALID_FIELD", text)
        })?,
    };
    Ok(match sign {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn bare(own: &Value, word: &str) -> Option<Ordering> {
    match own {
        Value::String(text) => {
            let own = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3f%z").ok()?;
            Some(own.cmp(&DateTime::parse_from_rfc3339(word).ok()?))
        }
        Value::Bool(own) => Some(own.cmp(&word.parse::<bool>().ok()?)),
        Value::Number(own) => own.as_f64()?.partial_cmp(&word.parse::<f64>().ok()?),
        _ => None,
    }
}

/// `%` is any text.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('%');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_its_digits_in_order_to_the_end() {
        assert!(is_like("(415) 555-0100", "%1%5%5%5%5%0%1%0%0"));
        assert!(!is_like("(415) 555-0101", "%1%5%5%5%5%0%1%0%0"));
        assert!(is_like("abc", "a%") && is_like("abc", "abc") && !is_like("abc", "ab"));
    }
}
