//! What the org has, and what is noted of who asks.

use std::collections::{BTreeMap, VecDeque};

use chrono::Duration;
use patchbay_model::Timestamp;
use serde_json::{Map, Value};

use super::oauth::Oauth;
use crate::openai::Captured;

/// How the next API request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The org's requests of the day are used up.
    DayUsedUp,
    /// Too many requests run at once.
    Crowded,
    /// This status with a page for people, and nothing is done.
    Status(u16),
    /// What was asked for is done, and the connection breaks before the answer; waits for a request that changes something.
    LostAnswer,
    /// The first record of a collection is locked; waits for one.
    Locked,
}

/// API requests by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub all: u64,
    /// Queries and their pages.
    pub queries: u64,
    /// Lists of what was deleted.
    pub deleted: u64,
    /// Collections that read.
    pub reads: u64,
    /// Requests that write.
    pub writes: u64,
}

/// A record.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) object: String,
    pub(super) id: String,
    pub(super) fields: Map<String, Value>,
    pub(super) created_at: Timestamp,
    pub(super) stamp: Timestamp,
    pub(super) deleted_at: Option<Timestamp>,
    /// Into which one it was merged.
    pub(super) master: Option<String>,
}

/// A query that is open.
#[derive(Debug, Clone)]
pub(super) struct Locator {
    pub(super) ids: Vec<String>,
    pub(super) fields: Vec<String>,
    pub(super) opened_at: Timestamp,
}

pub(super) struct State {
    pub(super) now: Timestamp,
    pub(super) skew: Duration,
    pub(super) rows: BTreeMap<String, Row>,
    pub(super) locators: BTreeMap<String, Locator>,
    pub(super) oauth: Oauth,
    pub(super) faults: VecDeque<Fault>,
    pub(super) limit: u64,
    pub(super) has_external_id: bool,
    /// What the next query gives as the address of its next page.
    pub(super) astray: Option<String>,
    /// Up to when the list of deletions was emptied.
    pub(super) purged_until: Option<Timestamp>,
    pub(super) counts: Counts,
    pub(super) captured: Vec<Captured>,
    pub(super) violations: Vec<String>,
    pub(super) sequence: u64,
}

impl State {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            now,
            skew: Duration::zero(),
            rows: BTreeMap::new(),
            locators: BTreeMap::new(),
            oauth: Oauth::default(),
            faults: VecDeque::new(),
            limit: 100_000,
            has_external_id: true,
            astray: None,
            purged_until: None,
            counts: Counts::default(),
            captured: Vec::new(),
            violations: Vec::new(),
            sequence: 0,
        }
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// An id in 18 characters.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        whole(&format!("{prefix}{:012}", self.next()))
    }

    /// A record that is there.
    pub(super) fn live(&self, id: &str) -> Option<&Row> {
        self.rows.get(&whole(id)).filter(|row| row.deleted_at.is_none())
    }

    pub(super) fn live_mut(&mut self, id: &str) -> Option<&mut Row> {
        self.rows.get_mut(&whole(id)).filter(|row| row.deleted_at.is_none())
    }

    pub(super) fn violation(&mut self, text: impl Into<String>) {
        self.violations.push(text.into());
    }

    /// The next fault, if it is this one.
    pub(super) fn takes(&mut self, fault: Fault) -> bool {
        let is_next = self.faults.front() == Some(&fault);
        if is_next {
            self.faults.pop_front();
        }
        is_next
    }
}

/// An id of fifteen characters with the three more that say which of its letters are capitals, five of them each; any other text as it is.
pub(super) fn whole(id: &str) -> String {
    const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    if id.len() != 15 {
        return id.to_owned();
    }
    let check = |five: &[u8]| {
        let capitals = five.iter().rev().fold(0, |bits, byte| bits << 1 | usize::from(byte.is_ascii_uppercase()));
        char::from(CHECKS[capitals])
    };
    id.chars().chain(id.as_bytes().chunks(5).map(check)).collect()
}

/// Why something is refused: status, code, message, fields.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) fields: Vec<String>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new() }
    }

    pub(super) fn of_field(code: &'static str, field: &str, message: &str) -> Self {
        Self { fields: vec![field.to_owned()], ..Self::new(400, code, message) }
    }
}

/// An answer: status and body.
pub(super) type Answer = Result<(u16, Value), Refusal>;
