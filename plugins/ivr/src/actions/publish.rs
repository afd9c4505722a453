//! Which version is answered on which numbers.
//!
//! What is published is the whole menu, ready to be walked through, in one document per number: so an answer reads one
//! document, and nothing that is saved or deleted later changes what callers hear.

use patchbay_sdk::records::Document;
use patchbay_sdk::{Call, Error, Violation, clock, records};
use patchbay_telephony::phone::Number;
use serde_json::json;

use super::read::numbers_of;
use crate::check;
use crate::config::Config;
use crate::resolve::resolve;
use crate::store::{self, MENUS, PUBLISHED, Past, StoredPublished, StoredVersion, VERSIONS};
use crate::types::{DeleteMenu, Deleted, PublishMenu, Published, RollBackMenu};

/// How many are remembered that were published before.
const MOST_PAST: usize = 20;

/// Versions that are deleted at a time.
const PAGE: u32 = 100;

pub(crate) fn publish_menu(call: Call<PublishMenu>) -> Result<Vec<Published>, Error> {
    let PublishMenu { id, version, numbers } = call.input;
    let numbers = read_numbers(&numbers)?;
    let (found, _) = store::wanted(&id, Some(version))?;
    let ready = Ready::of(found, &Config::load()?)?;
    numbers
        .iter()
        .map(|number| {
            let there = records::get::<StoredPublished>(PUBLISHED, number.as_str())?;
            // the same again is nothing new to come back from
            let (before, expected) = match there {
                Some(there) if there.data.menu == id && there.data.version == version => {
                    (there.data.before, there.version)
                }
                Some(there) => (remember(&there), there.version),
                None => (Vec::new(), 0),
            };
            ready.put(number, before, expected)
        })
        .collect()
}

pub(crate) fn roll_back_menu(call: Call<RollBackMenu>) -> Result<Vec<Published>, Error> {
    let RollBackMenu { id, numbers } = call.input;
    let numbers = if numbers.is_empty() {
        let all = numbers_of(&id)?;
        all.iter().filter_map(|published| Number::parse(&published.number, None).ok()).collect()
    } else {
        read_numbers(&numbers)?
    };
    if numbers.is_empty() {
        return Err(Error::NotFound(format!("{id:?} is published on no number; list-menus says which are")));
    }
    let config = Config::load()?;
    numbers.iter().map(|number| roll_back(&id, number, &config)).collect()
}

/// Puts back what was published on a number before; takes the menu off it if there was nothing.
fn roll_back(id: &str, number: &Number, config: &Config) -> Result<Published, Error> {
    let there = records::get::<StoredPublished>(PUBLISHED, number.as_str())?;
    let Some(mut there) = there.filter(|there| there.data.menu == id) else {
        return Err(Error::NotFound(format!("{id:?} is not published on {}", number.masked())));
    };
    // what was deleted since cannot come back
    while let Some(past) = there.data.before.pop() {
        if let Some(found) = store::version(&past.menu, past.version)? {
            return Ready::of(found, config)?.put(number, there.data.before, there.version);
        }
    }
    records::delete(PUBLISHED, number.as_str())?;
    Ok(Published { number: number.as_str().to_owned(), id: id.to_owned(), version: None })
}

pub(crate) fn delete_menu(call: Call<DeleteMenu>) -> Result<Deleted, Error> {
    let DeleteMenu { id, unpublish } = call.input;
    let latest = store::wanted(&id, None)?.1;
    let published = numbers_of(&id)?;
    if !unpublish && !published.is_empty() {
        let count = published.len();
        return Err(Error::Conflict(format!(
            "{id:?} is published on {count} numbers; set unpublish to take it off them"
        )));
    }
    let numbers: Vec<String> = published.into_iter().map(|published| published.number).collect();
    for number in &numbers {
        records::delete(PUBLISHED, number)?;
    }
    let mut after = None;
    loop {
        let page = records::query::<StoredVersion>(VERSIONS, &json!({"menu": id}), PAGE, after.as_deref())?;
        for document in &page.documents {
            records::delete(VERSIONS, &document.id)?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    store::note_deleted(&id, latest)?;
    records::delete(MENUS, &id)?;
    Ok(Deleted { id, versions: latest, numbers })
}

/// A version that may be published now.
struct Ready {
    version: StoredVersion,
    config: Config,
}

impl Ready {
    /// Looks at it once more: what is prohibited and where may be called can have changed since it was saved.
    fn of(version: StoredVersion, config: &Config) -> Result<Self, Error> {
        let resolved = resolve(&version.menu, version.version, &version.document);
        let problems = check::problems(&version.document, &resolved, config)?;
        if problems.is_empty() {
            return Ok(Self { version, config: config.clone() });
        }
        let mut violations = vec![Violation::new("/version", "a version with which nothing is wrong")];
        violations.extend(problems.iter().map(|problem| problem.violation("/menu")));
        Err(Error::Invalid(violations))
    }

    fn put(&self, number: &Number, before: Vec<Past>, expected: u64) -> Result<Published, Error> {
        let StoredVersion { menu, version, document, .. } = &self.version;
        let stored = StoredPublished {
            menu: menu.clone(),
            version: *version,
            published_at: clock::rfc3339(clock::now()),
            resolved: resolve(menu, *version, document),
            destinations: self.config.destinations.clone(),
            before,
        };
        records::put(PUBLISHED, number.as_str(), &stored, Some(expected))?;
        Ok(Published { number: number.as_str().to_owned(), id: menu.clone(), version: Some(*version) })
    }
}

fn remember(there: &Document<StoredPublished>) -> Vec<Past> {
    let StoredPublished { menu, version, published_at, before, .. } = &there.data;
    let mut before = before.clone();
    before.push(Past { menu: menu.clone(), version: *version, published_at: published_at.clone() });
    let forgotten = before.len().saturating_sub(MOST_PAST);
    before.drain(..forgotten);
    before
}

fn read_numbers(numbers: &[String]) -> Result<Vec<Number>, Error> {
    let mut read = Vec::new();
    let mut wrong = Vec::new();
    for (index, text) in numbers.iter().enumerate() {
        match Number::parse(text, None) {
            Ok(number) if read.contains(&number) => {
                wrong.push(Violation::new(format!("/numbers/{index}"), "a number that is not named before"));
            }
            Ok(number) => read.push(number),
            Err(invalid) => {
                wrong.push(Violation::new(
                    format!("/numbers/{index}"),
                    format!("a telephone number: what stands there {invalid}"),
                ));
            }
        }
    }
    if wrong.is_empty() { Ok(read) } else { Err(Error::Invalid(wrong)) }
}
