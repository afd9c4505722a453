//! Names, keys, and how much of everything there may be.

use std::collections::BTreeSet;

use super::Problem;
use crate::menu::{Menu, Survey};

const MOST_MENUS: usize = 100;
const MOST_SURVEYS: usize = 20;

/// The keys of a telephone.
pub(super) const KEYS: &str = "0123456789*#";

pub(super) fn check(menu: &Menu, found: &mut Vec<Problem>) {
    if menu.menus.is_empty() || menu.menus.len() > MOST_MENUS {
        found.push(Problem::new("/menus", format!("1 to {MOST_MENUS} menus")));
    }
    if menu.surveys.len() > MOST_SURVEYS {
        found.push(Problem::new("/surveys", format!("at most {MOST_SURVEYS} surveys")));
    }
    for (name, level) in &menu.menus {
        named(&format!("/menus/{}", escaped(name)), name, found);
        for key in level.options.keys() {
            if key.chars().count() != 1 || !key.chars().all(|key| KEYS.contains(key)) {
                let at = format!("/menus/{}/options/{}", escaped(name), escaped(key));
                found.push(Problem::new(at, "a key of a telephone: 0 to 9, * or #"));
            }
        }
        if level.options.is_empty() && level.fallback.is_none() {
            let at = format!("/menus/{}/options", escaped(name));
            found.push(Problem::new(at, "an option, or a fallback: nothing leads on from here"));
        }
    }
    for (name, survey) in &menu.surveys {
        let at = format!("/surveys/{}", escaped(name));
        named(&at, name, found);
        questions(&at, survey, found);
    }
}

fn questions(at: &str, survey: &Survey, found: &mut Vec<Problem>) {
    let mut ids = BTreeSet::new();
    for (index, question) in survey.questions.iter().enumerate() {
        if !ids.insert(question.id.as_str()) {
            found.push(Problem::new(
                format!("{at}/questions/{index}/id"),
                "an id that no other question of the survey has",
            ));
        }
        let keys: BTreeSet<char> = question.keys.chars().collect();
        if keys.is_empty() || keys.len() != question.keys.chars().count() || !keys.iter().all(|key| KEYS.contains(*key))
        {
            found
                .push(Problem::new(format!("{at}/questions/{index}/keys"), "keys of a telephone, each once, as 12345"));
        }
    }
}

fn named(at: &str, name: &str, found: &mut Vec<Problem>) {
    if !is_name(name) {
        found.push(Problem::new(at, "a name of a-z, 0-9, _ and -, at most 64 characters"));
    }
}

/// What menus and surveys may be called, and menus' ids.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// As a part of a JSON Pointer.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
