//! How many runs a second the journal makes durable, beside the disk's fsync latency at the same time: without that
//! the first figure means nothing.
//!
//! `cargo test -p patchbay-storage --test throughput -- --ignored --nocapture`

use std::{
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use patchbay_model::{
    Clock as _, Digest, OrgId, RunId, SystemClock, SystemRandom, UsageId, WebhookId,
    event::Event,
    org::Org,
    run::{Basis, Figures, Run, RunKind, UsageRecord},
    webhook::{Webhook, WebhookStatus},
};
use patchbay_storage::{Database, DatabaseUrl, Journal, RunCommit};
use tokio::task::JoinSet;

const ORGS: usize = 8;

fn fsync_latency(folder: &Path) -> Duration {
    let mut file = std::fs::File::create(folder.join("fsync")).unwrap();
    let mut all: Vec<Duration> = (0..200)
        .map(|_| {
            file.seek(SeekFrom::Start(0)).unwrap();
            file.write_all(&[1; 8192]).unwrap();
            let begin = Instant::now();
            file.sync_data().unwrap();
            begin.elapsed()
        })
        .collect();
    all.sort();
    all[all.len() / 2]
}

fn run(org: OrgId, with_event: bool) -> RunCommit {
    let now = SystemClock.now();
    let run = Run {
        id: RunId::new(&SystemClock, &SystemRandom),
        org,
        plugin: "openai".parse().unwrap(),
        version: "1.0.0".to_owned(),
        digest: Digest([7; 32]),
        kind: RunKind::Proxy,
        operation: "POST /v1/chat/completions".to_owned(),
        error_code: None,
        error_detail: None,
        upstream_status: Some(200),
        figures: Figures {
            wall_us: 812,
            cpu_us: 95,
            peak_memory: 1_179_648,
            egress_sent: 512,
            egress_received: 900,
            host_calls: 6,
        },
        log: vec![],
        started_at: now,
        finished_at: now,
    };
    let usage = ["input_tokens", "output_tokens"]
        .map(|meter| UsageRecord {
            id: UsageId::new(&SystemClock, &SystemRandom),
            org,
            plugin: run.plugin.clone(),
            run: run.id,
            meter: meter.to_owned(),
            quantity: 42,
            basis: Basis::Reported,
            dedupe: None,
            at: now,
        })
        .to_vec();
    let events = with_event.then(|| Event {
        id: patchbay_model::EventId::new(&SystemClock, &SystemRandom),
        org,
        source: Some(run.plugin.clone()),
        kind: "openai.completed".to_owned(),
        subject: run.id.to_string(),
        data: serde_json::json!({ "model": "gpt", "tokens": 84 }),
        dedupe: Some(run.id.to_string()),
        run: Some(run.id),
        at: now,
    });
    RunCommit { run, usage, events: events.into_iter().collect(), plugin_changes: vec![], webhook: None }
}

fn webhook(org: OrgId) -> Webhook {
    let now = SystemClock.now();
    let id = WebhookId::new(&SystemClock, &SystemRandom);
    Webhook {
        id,
        org,
        installation: patchbay_model::InstallationId(uuid::Uuid::nil()),
        plugin: "stripe".parse().unwrap(),
        vendor_id: id.to_string(),
        kind: "invoice.paid".to_owned(),
        occurred_at: Some(now),
        method: "POST".to_owned(),
        url: "https://hub.example/hooks/x".to_owned(),
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("stripe-signature".to_owned(), "t".repeat(100)),
        ],
        body: vec![b'x'; 2_000],
        status: WebhookStatus::Pending,
        reason: None,
        attempts: 0,
        next_attempt_at: Some(now),
        received_at: now,
    }
}

#[derive(Clone, Copy)]
enum Load {
    Runs,
    RunsWithEvents,
    Webhooks,
}

async fn measure(
    journal: &Journal,
    orgs: &[OrgId],
    load: Load,
    callers: usize,
    each: usize,
) -> (f64, Duration, Duration) {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (journal, org) = (journal.clone(), orgs[caller % orgs.len()]);
        tasks.spawn(async move {
            let mut waits = Vec::with_capacity(each);
            for _ in 0..each {
                let begin = Instant::now();
                match load {
                    Load::Runs => drop(journal.commit(run(org, false)).await.unwrap()),
                    Load::RunsWithEvents => drop(journal.commit(run(org, true)).await.unwrap()),
                    Load::Webhooks => assert!(journal.receive(webhook(org)).await.unwrap()),
                }
                waits.push(begin.elapsed());
            }
            waits
        });
    }
    let mut waits: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let rate = waits.len() as f64 / begin.elapsed().as_secs_f64();
    waits.sort();
    (rate, waits[waits.len() / 2], waits[waits.len() * 99 / 100])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a check"]
async fn the_journal_makes_runs_durable() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("patchbay.db"))).await.unwrap();
    database.migrate().await.unwrap();
    let mut orgs = vec![];
    let mut tx = database.begin().await.unwrap();
    for _ in 0..ORGS {
        let org =
            Org { id: OrgId::new(&SystemClock, &SystemRandom), name: "o".to_owned(), created_at: SystemClock.now() };
        tx.hub().insert_org(&org).await.unwrap();
        orgs.push(org.id);
    }
    tx.commit().await.unwrap();
    let journal = Journal::start(database);
    for (name, load) in [
        ("runs with 2 usage records", Load::Runs),
        ("and an event", Load::RunsWithEvents),
        ("webhooks of 2 kB", Load::Webhooks),
    ] {
        for callers in [1, 16, 64, 256] {
            let fsync = fsync_latency(folder.path());
            let each = (16_000 / callers).min(2_000);
            let (rate, p50, p99) = measure(&journal, &orgs, load, callers, each).await;
            println!("{name}: {callers} callers: {rate:.0}/s, p50 {p50:?}, p99 {p99:?}, fsync p50 {fsync:?}");
        }
    }
    journal.shutdown().await;
}
