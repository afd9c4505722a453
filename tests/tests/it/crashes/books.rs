//! The comparison of all that was acknowledged, told, delivered and left behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use patchbay_tests::Org;
use serde_json::{Value, json};

use super::{
    load::{Ledger, STEPS},
    scene::Scene,
    witness::{Witness, event_of},
};

const PAID: &str = "stripe.invoice.paid";
const TALLIED: &str = "worker.tallied";
const COUNTED: &str = "worker.counted";
const COMPLETED: &str = "job.completed";

/// Documents that are read at once.
const READ_AT_ONCE: usize = 500;

/// How much there was of everything.
pub struct Found {
    acknowledged: usize,
    webhooks: usize,
    calls: usize,
    /// Of which nobody knows whether they were made.
    unknown: usize,
    jobs: usize,
    steps: usize,
    events: usize,
    deliveries: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, webhooks, calls, unknown, jobs, steps, events, deliveries } = self;
        writeln!(
            out,
            "  {acknowledged} acknowledged: {webhooks} webhooks, {calls} calls, and jobs; {unknown} calls were lost"
        )?;
        writeln!(out, "  {jobs} jobs are done, and their {steps} steps have had their effects exactly once")?;
        let repeated = deliveries - events;
        write!(out, "  {events} events arrived, each under one id, in {deliveries} deliveries ({repeated} repeated)")
    }
}

/// Compares them.
///
/// # Panics
/// If they contradict each other.
pub async fn check(scene: &Scene, ledger: &Ledger, witness: &Witness) -> Found {
    let org = scene.org();
    only_of_these_types(witness);
    each_webhook_is_one_event(&org, ledger, witness).await;
    let tallied = each_call_was_made_once(ledger, witness);
    let counted = each_step_was_done_once(ledger, witness);
    let jobs = all_jobs_are_done(&org, ledger, witness, &counted).await;
    all_deliveries_were_taken(&org).await;
    each_event_has_one_id(scene, witness);
    documents_say_the_same(scene, &org, &tallied, &counted).await;
    Found {
        acknowledged: ledger.acknowledged(),
        webhooks: ledger.webhooks.len(),
        calls: ledger.calls.len(),
        unknown: ledger.unknown.len(),
        jobs,
        steps: witness.subjects(COUNTED).len() + witness.subjects(COMPLETED).len(),
        events: witness.events.len(),
        deliveries: witness.received.len(),
    }
}

fn once<'n>(names: Vec<&'n str>, what: &str) -> BTreeSet<&'n str> {
    let mut distinct = BTreeSet::new();
    for name in names {
        assert!(distinct.insert(name), "{what} twice: {name}");
    }
    distinct
}

/// No job failed, no delivery was given up, no endpoint was switched off.
fn only_of_these_types(witness: &Witness) {
    let of_others: Vec<_> = witness
        .events
        .iter()
        .filter(|event| ![PAID, TALLIED, COUNTED, COMPLETED].contains(&event["type"].as_str().unwrap()))
        .collect();
    assert!(of_others.is_empty(), "{of_others:#?}");
}

async fn each_webhook_is_one_event(org: &Org, ledger: &Ledger, witness: &Witness) {
    let sent: BTreeSet<&str> = ledger.webhooks.iter().map(String::as_str).collect();
    assert_eq!(once(witness.subjects(PAID), "a webhook's event"), sent);
    let listed = list(org, "/v1/webhooks").await;
    let undone: Vec<_> = listed.iter().filter(|webhook| webhook["status"] != "processed").collect();
    assert!(undone.is_empty(), "{undone:#?}");
    let ids = listed.iter().map(|webhook| webhook["vendor_id"].as_str().unwrap()).collect();
    let sent: BTreeSet<String> = sent.iter().map(|name| format!("evt_{name}")).collect();
    assert_eq!(once(ids, "a webhook"), sent.iter().map(String::as_str).collect::<BTreeSet<_>>());
}

/// Gives the names of those that were made.
fn each_call_was_made_once(ledger: &Ledger, witness: &Witness) -> BTreeSet<String> {
    let made = once(witness.subjects(TALLIED), "a call");
    for name in ledger.calls.iter().chain(ledger.later.keys()) {
        assert!(made.contains(name.as_str()), "{name} was acknowledged and not made");
    }
    for name in &made {
        let is_known = ledger.calls.contains(*name) || ledger.later.contains_key(*name);
        assert!(is_known || ledger.unknown.contains(*name), "nobody asked for {name}");
    }
    made.into_iter().map(str::to_owned).collect()
}

/// Gives the jobs that count.
fn each_step_was_done_once(ledger: &Ledger, witness: &Witness) -> BTreeSet<String> {
    let mut counted: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for event in witness.events.iter().filter(|event| event["type"] == COUNTED) {
        let number = event["data"]["n"].as_u64().unwrap();
        counted.entry(event["subject"].as_str().unwrap().to_owned()).or_default().push(number);
    }
    let all: Vec<u64> = (1..=STEPS).collect();
    for (job, numbers) in &counted {
        assert_eq!(*numbers, all, "{job} counts in order, and nothing twice");
    }
    for job in &ledger.plans {
        assert!(counted.contains_key(job), "{job} was acknowledged and not done");
    }
    counted.into_keys().collect()
}

/// Gives how many there are.
async fn all_jobs_are_done(org: &Org, ledger: &Ledger, witness: &Witness, counted: &BTreeSet<String>) -> usize {
    let listed = list(org, "/v1/jobs").await;
    let undone: Vec<_> = listed.iter().filter(|job| job["status"] != "done").collect();
    assert!(undone.is_empty(), "{undone:#?}");
    assert_eq!(of_kind(&listed, "task"), counted.iter().map(String::as_str).collect::<BTreeSet<_>>());
    let actions = of_kind(&listed, "action");
    assert_eq!(once(witness.subjects(COMPLETED), "a job's end"), actions);
    for job in ledger.later.values() {
        assert!(actions.contains(job.as_str()), "{job} was acknowledged and is not there");
    }
    listed.len()
}

fn of_kind<'l>(jobs: &'l [Value], kind: &str) -> BTreeSet<&'l str> {
    jobs.iter().filter(|job| job["kind"] == kind).map(|job| job["id"].as_str().unwrap()).collect()
}

async fn all_deliveries_were_taken(org: &Org) {
    for status in ["pending", "exhausted", "cancelled", "skipped"] {
        let page = org.get(&format!("/v1/deliveries?status={status}")).await.expect(200).json();
        assert_eq!(page["items"], json!([]), "{status}");
    }
}

/// Each event came, always under the same id, with the same bytes, signed; and nothing came that is of no event.
fn each_event_has_one_id(scene: &Scene, witness: &Witness) {
    assert_eq!(witness.missing(), [""; 0]);
    let ids = once(witness.events.iter().map(|event| event["id"].as_str().unwrap()).collect(), "an event");
    let (mut of_event, mut of_delivery) = (BTreeMap::new(), BTreeMap::new());
    for one in &witness.received {
        assert!(one.is_signed_by(&scene.secret), "{}", one.id);
        let event = event_of(one);
        assert!(ids.contains(event.as_str()), "a delivery of no event: {}", String::from_utf8_lossy(&one.body));
        assert_eq!(*of_event.entry(event.clone()).or_insert(&one.id), &one.id, "the id of {event}");
        let first = of_delivery.entry(&one.id).or_insert((event.clone(), &one.body));
        assert_eq!(*first, (event, &one.body), "what comes under {}", one.id);
    }
}

/// A document's version counts how often it was written.
async fn documents_say_the_same(scene: &Scene, org: &Org, tallied: &BTreeSet<String>, counted: &BTreeSet<String>) {
    let totals: BTreeMap<String, u64> =
        tallied.iter().map(|name| (name.clone(), 1)).chain(counted.iter().map(|job| (job.clone(), STEPS))).collect();
    let numbers = counted.iter().flat_map(|job| (1..=STEPS).map(move |number| (format!("{job}-{number}"), 1)));
    let numbers: BTreeMap<String, u64> = numbers.collect();
    let database = scene.hub.database().await;
    let worker = "worker".parse().unwrap();
    for (collection, expected) in [("totals", totals), ("numbers", numbers)] {
        let ids: Vec<String> = expected.keys().cloned().collect();
        let mut found = BTreeMap::new();
        for ids in ids.chunks(READ_AT_ONCE) {
            let mut tx = database.read().await.unwrap();
            let documents = tx.org(org.id).records(&worker).get_many(collection, ids).await.unwrap();
            found.extend(documents.into_iter().map(|document| (document.id, document.version)));
        }
        assert_eq!(found, expected, "{collection}");
    }
    database.close().await;
}

/// The whole of a list that has the newest first.
async fn list(org: &Org, path: &str) -> Vec<Value> {
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let page = org.get(&format!("{path}?limit=200{before}")).await.expect(200).json();
        all.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { return all };
        before = format!("&before={next}");
    }
}
