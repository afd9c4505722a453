//! Lists for people and programs that look on: one page at a time, by cursor.

pub(crate) mod actions;
pub(crate) mod audit;
pub(crate) mod blobs;
pub(crate) mod connections;
pub(crate) mod events;
pub(crate) mod jobs;
pub(crate) mod records;
pub(crate) mod runs;
pub(crate) mod usage;
pub(crate) mod webhooks;

use patchbay_model::{Code, Failure};
use serde::Serialize;

const DEFAULT_LIMIT: u32 = 50;
const MOST: u32 = 200;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the next page; none on the last.
    pub next: Option<String>,
}

/// How many items a page shall have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size(u32);

impl Size {
    /// `invalid_request` unless it is 1 to 200. Default: 50.
    pub(crate) fn new(limit: Option<u32>) -> Result<Self, Failure> {
        match limit {
            None => Ok(Self(DEFAULT_LIMIT)),
            Some(limit) if (1..=MOST).contains(&limit) => Ok(Self(limit)),
            Some(_) => Err(Failure::new(Code::InvalidRequest, format!("`limit` is 1 to {MOST}"))),
        }
    }

    /// What to ask the database for: one more tells whether there is a next page.
    pub(crate) const fn and_one(self) -> u32 {
        self.0 + 1
    }

    /// Makes a page of what was asked for by [`Size::and_one`].
    pub(crate) fn page<T>(self, mut items: Vec<T>, cursor: impl Fn(&T) -> String) -> Page<T> {
        let size = self.0 as usize;
        let more = items.len() > size;
        items.truncate(size);
        let next = items.last().filter(|_| more).map(cursor);
        Page { items, next }
    }
}

pub(crate) fn not_found(what: &str) -> Failure {
    Failure::new(Code::NotFound, format!("there is no such {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_next() {
        let size = Size::new(Some(2)).unwrap();
        assert_eq!(size.page(vec![1, 2, 3], i32::to_string), Page { items: vec![1, 2], next: Some("2".to_owned()) });
        assert_eq!(size.page(vec![1, 2], i32::to_string), Page { items: vec![1, 2], next: None });
    }

    #[test]
    fn a_page_has_1_to_200_items() {
        assert_eq!(Size::new(None).unwrap().0, 50);
        for limit in [0, 201] {
            assert_eq!(Size::new(Some(limit)).unwrap_err().code, Code::InvalidRequest);
        }
    }
}
