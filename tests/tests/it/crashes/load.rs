//! What is asked of the hub while it is killed, and what it has acknowledged of it.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_model::{Random as _, SeededRandom};
use patchbay_tests::{
    Org, StripeSender,
    stripe::vector::{SECRET, TIME},
};
use serde_json::json;

/// Steps of a job that counts.
pub const STEPS: u64 = 4;
/// How much is asked in a round.
const WISHES: usize = 60;
/// A crash comes after at least so many acknowledgements: eight crashes within one step of a job are the job's end, so a round
/// has to leave time for a step.
const LEAST: u32 = 10;
/// And before the load is over.
const MOST: u32 = 50;

/// Choices that a seed gives.
pub struct Dice(SeededRandom);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(SeededRandom::new(seed))
    }

    fn below(&self, bound: u32) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes) % bound
    }

    /// After how many acknowledgements the hub is killed.
    pub fn kill_after(&self) -> usize {
        usize::try_from(LEAST + self.below(MOST - LEAST + 1)).unwrap()
    }

    fn kind(&self) -> Kind {
        match self.below(10) {
            0..=3 => Kind::Webhook,
            4..=5 => Kind::Call,
            6..=7 => Kind::Later,
            _ => Kind::Plan,
        }
    }
}

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A vendor's webhook, which is published as an event. What is not acknowledged a vendor sends again.
    Webhook,
    /// A call that writes a document and publishes an event.
    Call,
    /// The same, which nobody waits for: a job does it.
    Later,
    /// A call that plans a job of several steps.
    Plan,
}

/// Something that is asked.
#[derive(Debug, Clone)]
pub struct Wish {
    pub kind: Kind,
    pub name: String,
}

/// What became of it, as far as who asked knows.
pub enum Answer {
    /// It was acknowledged: with the id of a job, if that does it.
    Acknowledged(String),
    /// The hub went away meanwhile.
    Lost,
    /// The hub was gone before.
    NotAsked,
}

impl Wish {
    /// Asks for it.
    ///
    /// # Panics
    /// If the hub refuses it: it is asked for nothing that it may not do, and for no more than it has room for.
    pub async fn ask(&self, org: &Org, hook: &str) -> Answer {
        let act = |text: String| org.call("POST", "/v1/actions/worker/run").json(&json!({"text": text}));
        let (call, status) = match self.kind {
            Kind::Webhook => {
                let body = StripeSender::event_about(&self.name, &format!("evt_{}", self.name), "invoice.paid", TIME);
                (StripeSender::new(SECRET).post(org, hook, body), 200)
            }
            Kind::Call => (act(format!("tally {}", self.name)), 200),
            Kind::Later => (act(format!("tally {}", self.name)).header("prefer", "respond-async"), 202),
            Kind::Plan => (act(format!("plan count {STEPS}")), 200),
        };
        let Some(reply) = call.try_send().await else { return Answer::Lost };
        let told = reply.expect(status).json();
        let job = match self.kind {
            Kind::Webhook | Kind::Call => "",
            Kind::Later => told["id"].as_str().unwrap(),
            Kind::Plan => told["output"]["result"].as_str().unwrap(),
        };
        Answer::Acknowledged(job.to_owned())
    }
}

/// Who asks keeps this.
#[derive(Default)]
pub struct Ledger {
    /// Webhooks that were acknowledged, in the end all.
    pub webhooks: BTreeSet<String>,
    /// Calls that were answered.
    pub calls: BTreeSet<String>,
    /// Calls that were accepted, with their jobs.
    pub later: BTreeMap<String, String>,
    /// Jobs that were planned.
    pub plans: BTreeSet<String>,
    /// Calls that were neither: each may have been made once, or not at all.
    pub unknown: BTreeSet<String>,
    /// Webhooks that are to be sent again.
    pub again: Vec<Wish>,
}

impl Ledger {
    /// What is asked in a round: what was not acknowledged before and has to be, and new things.
    pub fn wishes(&mut self, round: u64, dice: &Dice) -> Vec<Wish> {
        let mut wishes = std::mem::take(&mut self.again);
        for number in wishes.len()..WISHES {
            wishes.push(Wish { kind: dice.kind(), name: format!("r{round}-{number}") });
        }
        wishes
    }

    pub fn note(&mut self, wish: Wish, answer: Answer) {
        match (answer, wish.kind) {
            (Answer::Acknowledged(_), Kind::Webhook) => {
                self.webhooks.insert(wish.name);
            }
            (Answer::Acknowledged(_), Kind::Call) => {
                self.calls.insert(wish.name);
            }
            (Answer::Acknowledged(job), Kind::Later) => {
                self.later.insert(wish.name, job);
            }
            (Answer::Acknowledged(job), Kind::Plan) => {
                self.plans.insert(job);
            }
            (Answer::Lost | Answer::NotAsked, Kind::Webhook) => self.again.push(wish),
            (Answer::Lost, _) => {
                self.unknown.insert(wish.name);
            }
            (Answer::NotAsked, _) => {}
        }
    }

    /// How much was acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.webhooks.len() + self.calls.len() + self.later.len() + self.plans.len()
    }
}
