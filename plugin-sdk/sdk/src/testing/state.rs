//! Everything that a mock host holds, and how a thread finds it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use serde_json::Value;

use super::entitlements::Entitled;
use super::exchange::{Exchange, Reply, Sent};
use super::manifest::ManifestFacts;
use super::peers::Scripted;
use super::syncs::Hints;
use crate::Headers;
use crate::blobs::Blob;
use crate::clock::Timestamp;
use crate::installation::Account;
use crate::log::Level;
use crate::records::Document;
use crate::usage::Basis;

/// One entry of usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The meter's name.
    pub meter: String,
    /// How much.
    pub quantity: u64,
    /// How it is known.
    pub basis: Basis,
    /// What makes a repeat harmless.
    pub id: Option<String>,
}

/// What a meter was said to come to while an answer flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grows {
    /// The meter's name.
    pub meter: String,
    /// That of the meter by which it grows.
    pub by: String,
    /// From the answer's beginning on.
    pub begun: u64,
    /// For each unit.
    pub each: u64,
}

/// One published event.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Its type.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Its facts.
    pub data: Value,
    /// The connector's own id of it.
    pub id: Option<String>,
}

/// One job that was planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Enqueued {
    /// Its id.
    pub id: String,
    /// What kind of job it is.
    pub kind: String,
    /// What it is made with.
    pub payload: Value,
    /// How long it waits at least, in milliseconds.
    pub delay_ms: u64,
    /// What makes a repeat harmless while it waits.
    pub key: Option<String>,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The message.
    pub message: String,
    /// Structured fields.
    pub fields: Vec<(String, String)>,
}

/// Documents by collection and id.
pub(crate) type Records = BTreeMap<(String, String), Document<String>>;

/// One answer that is kept.
#[derive(Debug, Clone)]
pub(crate) struct KeptAnswer {
    pub(crate) headers: Headers,
    pub(crate) bytes: Vec<u8>,
    pub(crate) kept_at: Timestamp,
    pub(crate) max_age_ms: u64,
}

/// One value of the key-value store.
#[derive(Debug)]
pub(crate) struct KvEntry {
    pub(crate) value: Vec<u8>,
    pub(crate) version: u64,
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) manifest: Option<ManifestFacts>,
    pub(crate) expected: VecDeque<(Exchange, Reply)>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) config: Value,
    pub(crate) account: Option<Account>,
    pub(crate) secrets: BTreeMap<String, Vec<String>>,
    pub(crate) webhook_url: String,
    pub(crate) now: Timestamp,
    pub(crate) random: u64,
    pub(crate) records: Records,
    /// As they were when the running call began.
    pub(crate) committed: Option<Records>,
    pub(crate) kv: BTreeMap<String, KvEntry>,
    pub(crate) blobs: BTreeMap<String, (Blob, Vec<u8>)>,
    /// Answers by key, in the order in which they were last used.
    pub(crate) answers: Vec<(Vec<u8>, KeptAnswer)>,
    pub(crate) events: Vec<Published>,
    /// Those that wait: a job that was done is taken out.
    pub(crate) jobs: Vec<Enqueued>,
    /// How many were planned.
    pub(crate) job_count: usize,
    /// How many the running call planned.
    pub(crate) planned: usize,
    pub(crate) usage: Vec<Used>,
    pub(crate) grows: Vec<Grows>,
    pub(crate) entitled: Entitled,
    pub(crate) peers: Scripted,
    pub(crate) hints: Hints,
    /// The hub's storage cannot be reached.
    pub(crate) away: bool,
    pub(crate) log: Vec<LogLine>,
}

impl State {
    pub(crate) fn new(manifest: Option<ManifestFacts>) -> Self {
        Self {
            manifest,
            expected: VecDeque::new(),
            sent: Vec::new(),
            config: Value::Object(serde_json::Map::new()),
            account: None,
            secrets: BTreeMap::new(),
            webhook_url: "https://hub.example.com/hooks/test".to_owned(),
            // 2026-11-01T00:00:00Z: a fixed day, so that a test says what time it is or does not care.
            now: 1_793_491_200_000,
            random: 0,
            records: Records::new(),
            committed: None,
            kv: BTreeMap::new(),
            blobs: BTreeMap::new(),
            answers: Vec::new(),
            events: Vec::new(),
            jobs: Vec::new(),
            job_count: 0,
            planned: 0,
            usage: Vec::new(),
            grows: Vec::new(),
            entitled: Entitled::default(),
            peers: Scripted::default(),
            hints: Hints::default(),
            away: false,
            log: Vec::new(),
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<RefCell<State>>>> = const { RefCell::new(None) };
}

pub(crate) fn install(state: &Rc<RefCell<State>>) {
    let before = CURRENT.with(|current| current.replace(Some(Rc::clone(state))));
    assert!(before.is_none(), "this thread has a MockHost already; one test needs one");
}

pub(crate) fn uninstall() {
    CURRENT.with(|current| current.replace(None));
}

/// Borrows the state of this thread's host. Never held while connector code runs.
pub(crate) fn with<T>(act: impl FnOnce(&mut State) -> T) -> T {
    let state = CURRENT.with(|current| current.borrow().clone());
    match state {
        Some(state) => act(&mut state.borrow_mut()),
        None => panic!("no hub on this thread: make a patchbay_sdk::testing::MockHost before calling connector code"),
    }
}
