//! Who is on the line, for prompts that call them by name.
//!
//! Names are those of the organization's own contacts, as its CRM's sync keeps them. They are looked for once in a request, by an
//! index, and only where a prompt is heard that needs them. Whatever keeps a name from being had is no failure: nobody has the
//! number, several people share it, the storage is away or slow, what would be said is prohibited. The prompt has other words for
//! that, and a caller hears those.
//!
//! Rejected: to ask the CRM's connector. It reads the same contacts, and would have to be named by each menu, switched on, and
//! called, while somebody waits on the line.

use std::cell::OnceCell;

use patchbay_sdk::{Error, log, objects, records};
use patchbay_telephony::phone::Party;
use serde::Deserialize;
use serde_json::json;

use crate::check::check_prompt;
use crate::menu::Prompt;
use crate::types::{CallFacts, Direction};
use crate::xml;

/// People of one number that are looked at. A number that more have is nobody's own.
const MOST_PEOPLE: u32 = 10;
/// The longest name that is said, in characters.
const MOST_NAME: usize = 100;

/// Something that may be known of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    Name,
    FirstName,
    LastName,
    Company,
}

/// A part of a text for callers who are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    Text(&'t str),
    Fact(Fact),
}

/// What may stand in braces.
pub(crate) const FACTS: &str = "{caller.name}, {caller.first_name}, {caller.last_name} or {caller.company}";

/// Reads a text for callers who are known.
///
/// # Errors
/// What stands in braces and is none of [`FACTS`], or the brace without its other one.
pub(crate) fn parts(text: &str) -> Result<Vec<Part<'_>>, &str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, found) = rest.split_at(at);
        let end = found.find('}').map_or(found.len(), |end| end + 1);
        let (place, after) = found.split_at(end);
        let fact = match place {
            "{caller.name}" => Fact::Name,
            "{caller.first_name}" => Fact::FirstName,
            "{caller.last_name}" => Fact::LastName,
            "{caller.company}" => Fact::Company,
            _ => return Err(place),
        };
        parts.extend((!before.is_empty()).then_some(Part::Text(before)));
        parts.push(Part::Fact(fact));
        rest = after;
    }
    parts.extend((!rest.is_empty()).then_some(Part::Text(rest)));
    Ok(parts)
}

/// What is read of a contact.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Person {
    name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    company_name: Option<String>,
}

impl Person {
    fn fact(&self, fact: Fact) -> Option<String> {
        match fact {
            Fact::Name => {
                let parts = [&self.first_name, &self.last_name].map(|part| part.as_deref().and_then(spoken));
                let joined = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
                self.name.as_deref().and_then(spoken).or_else(|| spoken(&joined))
            }
            Fact::FirstName => self.first_name.as_deref().and_then(spoken),
            Fact::LastName => self.last_name.as_deref().and_then(spoken),
            Fact::Company => self.company_name.as_deref().and_then(spoken),
        }
    }

    /// The text with what is known; none if something that it says is not.
    fn filled(&self, parts: &[Part<'_>]) -> Option<String> {
        let said = |part: &Part<'_>| match part {
            Part::Text(text) => Some((*text).to_owned()),
            Part::Fact(fact) => self.fact(*fact),
        };
        parts.iter().map(said).collect()
    }
}

/// A name as it is said: in one line, none that is no word or goes on and on. Who typed it into the CRM, or sent it there by a form,
/// is not known.
fn spoken(name: &str) -> Option<String> {
    // the longest text that is looked at, however much blank is in it
    let words = name.chars().take(10 * MOST_NAME).collect::<String>();
    let words = words.split(|it: char| it.is_whitespace() || it.is_control()).filter(|word| !word.is_empty());
    let said = words.collect::<Vec<_>>().join(" ");
    let is_name = said.chars().any(char::is_alphabetic) && said.chars().all(xml::is_speakable);
    (is_name && said.chars().count() <= MOST_NAME).then_some(said)
}

/// Whoever is at the other end of a call.
#[derive(Debug)]
pub(crate) struct Caller {
    /// E.164; none of one who is not shown, and where nobody can be looked for.
    number: Option<String>,
    people: OnceCell<Vec<Person>>,
}

impl Caller {
    /// `is_reachable`: the hub's storage is there, as far as that is known.
    pub(crate) fn of(call: &CallFacts, is_reachable: bool) -> Self {
        let theirs = match call.direction {
            Direction::Inbound => &call.from,
            Direction::Outbound => &call.to,
        };
        let theirs = Party::read(theirs);
        let number = theirs.number().filter(|_| is_reachable).map(|number| number.as_str().to_owned());
        Self { number, people: OnceCell::new() }
    }

    /// What is said to them of a text for callers who are known; none if they are not, or if it may not be said.
    pub(crate) fn greeted(&self, text: &str, prohibited: &[String]) -> Option<String> {
        let parts = parts(text).ok()?;
        let mut all = self.people().iter().map(|person| person.filled(&parts));
        let said = all.next()??;
        // of several people only what is the same of each: the same person by two CRMs
        let is_same = all.all(|other| other.as_deref() == Some(said.as_str()));
        let mut wrong = Vec::new();
        check_prompt("", &Prompt::say(said.as_str()), prohibited, &mut wrong);
        (is_same && wrong.is_empty()).then_some(said)
    }

    fn people(&self) -> &[Person] {
        self.people.get_or_init(|| {
            let Some(number) = &self.number else { return Vec::new() };
            look_up(number).unwrap_or_else(|error| {
                log::warn(
                    "who is calling is not looked up: what is said to everybody is heard",
                    &[("error", &error.to_string())],
                );
                Vec::new()
            })
        })
    }
}

fn look_up(number: &str) -> Result<Vec<Person>, Error> {
    let page = records::query::<Person>(objects::CONTACT, &json!({ "phone": number }), MOST_PEOPLE, None)?;
    match page.next {
        Some(_) => Ok(Vec::new()),
        None => Ok(page.documents.into_iter().map(|found| found.data).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_with_its_places() {
        let known = "Hello {caller.first_name}, how is {caller.company}?";
        let expected = [
            Part::Text("Hello "),
            Part::Fact(Fact::FirstName),
            Part::Text(", how is "),
            Part::Fact(Fact::Company),
            Part::Text("?"),
        ];
        assert_eq!(parts(known).unwrap(), expected);
        assert_eq!(parts("{caller.name}{caller.last_name}").unwrap().len(), 2);
        assert_eq!(parts("Hello.").unwrap(), [Part::Text("Hello.")]);
        for (text, place) in [
            ("Hello {caller.email}", "{caller.email}"),
            ("Hello {caller.name", "{caller.name"),
            ("Hello caller.name}", "}"),
            ("{{caller.name}}", "{{caller.name}"),
            ("{}", "{}"),
        ] {
            assert_eq!(parts(text), Err(place), "{text}");
        }
    }

    #[test]
    fn a_name_is_said_in_one_line_or_not_at_all() {
        for (name, said) in [
            ("Ada", "Ada"),
            (" Ada \n Lovelace\u{7}", "Ada Lovelace"),
            ("O'Brien & Sons <Ltd>", "O'Brien & Sons <Ltd>"),
            ("Ægir Þór", "Ægir Þór"),
            ("明子", "明子"),
        ] {
            assert_eq!(spoken(name).as_deref(), Some(said), "{name:?}");
        }
        let long = "a".repeat(MOST_NAME + 1);
        for name in ["", "  ", "+1 415 555 0100", "***", "Ada\u{fffe}", &long] {
            assert_eq!(spoken(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_whole_name_is_made_of_its_parts_where_there_is_none() {
        let person = |name: Option<&str>, first: Option<&str>, last: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let (name, first_name, last_name) = (owned(name), owned(first), owned(last));
            Person { name, first_name, last_name, company_name: None }.fact(Fact::Name)
        };
        assert_eq!(person(Some("Countess Ada"), Some("Ada"), None).as_deref(), Some("Countess Ada"));
        assert_eq!(person(None, Some("Ada"), Some("Lovelace")).as_deref(), Some("Ada Lovelace"));
        assert_eq!(person(Some("  "), None, Some("Lovelace")).as_deref(), Some("Lovelace"));
        assert_eq!(person(None, None, None), None);
    }
}
