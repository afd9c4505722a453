//! Records of which a field has one of some values: to find who is the same before a second one is made.
//!
//! Salesforce keeps telephone numbers as people typed them. So a number is looked for by its digits, in order, whatever stands
//! between them, and what is found is compared here.

use patchbay_sdk::Error;
use patchbay_sdk::sync::{Change, Page};
use serde_json::{Map, Value};

use super::changed::with_pause;
use super::item::{Fields, at};
use super::{MOST_CHANGES, Resource};
use crate::api::{Found, Org, Records};
use crate::{pace, soql};

/// What the fields and the condition may come to in the address of a request, which ends at 16 KiB, in bytes.
const LONGEST_ADDRESS: usize = 15_000;
/// What a condition may come to at most, in bytes; what is escaped in an address grows threefold.
const LONGEST_CONDITION: usize = 3_500;
/// Of a number, so many of its last digits have to be there; a national number has the most of an international one's.
const FEWEST_DIGITS: usize = 7;

pub(super) fn read(
    org: &Org,
    resource: Resource,
    fields: &Fields,
    (field, values): (&str, &[String]),
    limit: u32,
) -> Result<Page, Error> {
    if !soql::is_field(field) {
        return Err(Error::invalid("/field", "a field of Salesforce, as in Email"));
    }
    let mut with_field = fields.all().to_vec();
    with_field.push(field.to_owned());
    let fields = Fields::new(&with_field)?;
    let (mut records, pause_ms) = find(org, resource, &fields, &[field], values)?;
    records.truncate(usize::try_from(limit).unwrap_or(MOST_CHANGES));
    let changes =
        records.iter().map(|record| fields.item(org, record).map(Change::Found)).collect::<Result<Vec<_>, Error>>()?;
    Ok(with_pause(Page::of(changes), pause_ms))
}

/// Records of which one of the fields has one of the values, at most 2,000.
///
/// # Errors
/// As [`crate::api::send`].
pub(crate) fn find(
    org: &Org,
    resource: Resource,
    fields: &Fields,
    by: &[&str],
    values: &[String],
) -> Result<Found, Error> {
    let mut found: Vec<Map<String, Value>> = Vec::new();
    let mut pause_ms = None;
    for condition in conditions(by, values, room(fields)) {
        let statement = format!(
            "SELECT {} FROM {} WHERE {condition} ORDER BY SystemModstamp, Id LIMIT 2000",
            fields.list(),
            resource.name()
        );
        let answer = org.query(&statement, false, 2000)?;
        pause_ms = pace::longer(pause_ms, answer.pause_ms());
        let read: Records = answer.read()?;
        let is_meant = |record: &Map<String, Value>| {
            by.iter().any(|field| {
                let own = at(record, field).and_then(Value::as_str).unwrap_or_default();
                values.iter().any(|value| has(own, value))
            })
        };
        for record in read.records.into_iter().filter(is_meant) {
            if found.len() < MOST_CHANGES && !found.iter().any(|known| known.get("Id") == record.get("Id")) {
                found.push(record);
            }
        }
    }
    Ok((found, pause_ms))
}

/// How long a condition may be beside these fields, in bytes.
fn room(fields: &Fields) -> usize {
    // of a list of names only the commas are escaped
    let listed = fields.list().len() + 2 * fields.all().len();
    (LONGEST_ADDRESS.saturating_sub(listed) / 3).min(LONGEST_CONDITION)
}

/// The conditions, each short enough for one request: no longer than so many bytes, if it is of more than one value.
fn conditions(by: &[&str], values: &[String], longest: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut now = String::new();
    for value in values {
        for field in by {
            let one = match number(value) {
                Some(digits) => format!("{field} LIKE {}", soql::number_pattern(national(digits))),
                None => format!("{field} = {}", soql::literal(value)),
            };
            if !now.is_empty() && now.len() + one.len() > longest {
                all.push(std::mem::take(&mut now));
            }
            if !now.is_empty() {
                now.push_str(" OR ");
            }
            now.push_str(&one);
        }
    }
    if !now.is_empty() {
        all.push(now);
    }
    all
}

/// The digits of a number in E.164.
fn number(value: &str) -> Option<&str> {
    let digits = value.strip_prefix('+')?;
    (digits.len() >= FEWEST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// The end of a number that stands there however it is written: without the country, and what comes before a national one.
fn national(digits: &str) -> &str {
    let from = digits.len().saturating_sub(9).max(usize::from(digits.len() > FEWEST_DIGITS));
    digits.get(from..).unwrap_or(digits)
}

/// True if a field's text is the value, as Salesforce compares texts and people compare numbers.
pub(crate) fn has(own: &str, value: &str) -> bool {
    let Some(digits) = number(value) else { return own.to_lowercase() == value.to_lowercase() };
    let own: String = own.chars().filter(char::is_ascii_digit).collect();
    // what is dialled before a national or an international number
    let bare = own.trim_start_matches('0');
    bare == digits
        || (!own.starts_with("00")
            && bare.len() >= FEWEST_DIGITS
            && bare.len() + 4 > digits.len()
            && digits.ends_with(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for own in ["+14155550100", "(415) 555-0100", "415.555.0100", "1-415-555-0100", "001 415 555 0100"] {
            assert!(has(own, "+14155550100"), "{own}");
        }
        for own in ["(415) 555-0101", "555-0100", "+494155550100", "", "0049 4155550100"] {
            assert!(!has(own, "+14155550100"), "{own}");
        }
        assert!(has("030 1234567", "+49301234567"));
        assert!(has("ADA@example.com", "ada@example.com") && has("MÜLLER GmbH", "Müller gmbh"));
    }

    #[test]
    fn what_is_asked_fits_into_an_address_and_stays_in_its_quotes() {
        let many: Vec<String> =
            (0..100).map(|number| format!("somebody-{number:03}@a-rather-long-name.example.com")).collect();
        // ` OR ` comes between
        for longest in [1_000, LONGEST_CONDITION] {
            let all = conditions(&["Email"], &many, longest);
            assert!(all.len() > 1 && all.iter().all(|one| one.len() <= longest + 4), "{}", all.len());
        }
        let one = |by: &str, value: &str| conditions(&[by], &[value.to_owned()], 0);
        assert_eq!(one("Email", "o'b@example.com"), [r"Email = 'o\'b@example.com'"]);
        assert_eq!(one("Phone", "+14155550100"), ["Phone LIKE '%1%5%5%5%5%0%1%0%0'"]);
        assert!(conditions(&["Email"], &[], LONGEST_CONDITION).is_empty());
    }

    #[test]
    fn many_fields_leave_less_room_for_the_condition() {
        let fields = |number: usize| {
            let names: Vec<String> =
                (0..number).map(|number| format!("A_field_with_a_long_name_{number:03}__c")).collect();
            Fields::new(&names).unwrap_or_else(|error| unreachable!("{error}"))
        };
        assert_eq!(room(&fields(3)), LONGEST_CONDITION);
        let wide = fields(300);
        assert!(room(&wide) < 2_000 && wide.list().len() + 2 * wide.all().len() + 3 * room(&wide) <= LONGEST_ADDRESS);
        assert_eq!(room(&fields(490)), 0);
    }
}
