//! The queue of jobs: a backlog that drains, how fast from its beginning to its end, what it leaves behind for the vacuum, and
//! whom it delays.
//!
//! First the queue alone: jobs that do nothing are claimed, and settled with their run rows by the journal, as the hub does it.
//! Two organizations have the backlog; a third one asks for something now and then. Two hubs are two of what a hub has of the
//! queue (claims, journal, connections), here in one process. Then jobs as hubs do them, each a call into a plugin that
//! writes documents and publishes an event; two hubs are two processes there.

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use patchbay_model::{Clock as _, OrgId, SystemClock, SystemRandom, org::Org};
use patchbay_storage::{Database, DatabaseUrl, RunCommit};
use patchbay_test_postgres::TestDatabase;
use tokio::task::JoinSet;

use crate::{
    Places, Sizes, facts,
    hub_jobs::by_hubs,
    queue::{CLAIMED_AT_ONCE, Node, PLUGIN, Tally, WORKERS, job},
    rows,
    scene::On,
    stats::{Samples, ms},
};

/// Jobs that one commit of the journal makes.
const MADE_AT_ONCE: u64 = 1_000;
/// How often the quiet organization asks for something, and for how long before the backlog is there.
const ASKS: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_secs(4);
/// How often it is looked how the queue stands.
const LOOK: Duration = Duration::from_secs(1);
/// Parts of the drain of which the rates are told.
const PARTS: u64 = 10;

const DEAD: &str = "SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables
                    WHERE relname IN ('job_queue', 'job_lane')";
const SIZE: &str = "SELECT pg_total_relation_size('job_queue')";

/// How the queue stood at some time of the drain.
struct Look {
    at: Duration,
    done: u64,
    dead: i64,
    bytes: u64,
}

/// What holds the queue, to look at from outside.
enum Kept {
    File(PathBuf),
    Server(TestDatabase),
}

impl Kept {
    /// Rows that wait for the vacuum, and bytes: of the queue on a server, of everything in a file.
    async fn look(&self) -> (i64, u64) {
        match self {
            Self::File(path) => (0, fs::metadata(path).map(|file| file.len()).unwrap_or_default()),
            Self::Server(server) => {
                (server.number(DEAD).await, u64::try_from(server.number(SIZE).await).unwrap_or_default())
            }
        }
    }
}

pub(crate) async fn run(places: &Places, sizes: &Sizes) -> anyhow::Result<String> {
    let mut text = format!(
        "A backlog of {} jobs that do nothing, of two organizations, drained by claims of {CLAIMED_AT_ONCE}; each job leaves its run. \
         Dead rows and size are those of the queue's tables; SQLite has none, and the size is that of the whole file with all jobs \
         and runs. A third organization has a job every {} ms: the last columns are how long it waits, before and while.\n\n\
         | database | made | drained | most dead rows | largest | another's wait p50 / p95 idle | under the backlog | fsync |\n\
         |---|---|---|---|---|---|---|---|\n",
        sizes.jobs,
        ASKS.as_millis()
    );
    let mut parts = String::new();
    for on in sizes.databases() {
        let (row, over_time) = drain(on, sizes.jobs).await.with_context(|| on.name())?;
        text.push_str(&row);
        parts.push_str(&over_time);
    }
    writeln!(
        text,
        "\nThe same over time: jobs per second, dead rows and size at the end of each tenth of the drain.\n\n\
         | database | | 10 % | 20 % | 30 % | 40 % | 50 % | 60 % | 70 % | 80 % | 90 % | 100 % |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|\n{parts}"
    )?;
    writeln!(
        text,
        "{} jobs that hubs do: each a call into a plugin, which writes two documents and publishes an event, all in one transaction \
         with the job's end.\n\n\
         | database | jobs/s | fsync |\n|---|---|---|",
        sizes.hub_jobs
    )?;
    for on in sizes.databases() {
        text.push_str(&by_hubs(places, on, sizes.hub_jobs).await.with_context(|| on.name())?);
    }
    Ok(text)
}

async fn org(database: &Database, name: &str) -> anyhow::Result<OrgId> {
    let id = OrgId::new(&SystemClock, &SystemRandom);
    let mut tx = database.begin().await?;
    tx.hub().insert_org(&Org { id, name: name.to_owned(), created_at: SystemClock.now() }).await?;
    tx.commit().await?;
    Ok(id)
}

async fn drain(on: On, count: u64) -> anyhow::Result<(String, String)> {
    let folder = tempfile::tempdir_in("target")?;
    let (kept, url) = match on.server().await? {
        Some(server) => {
            let url: DatabaseUrl = server.url().parse()?;
            (Kept::Server(server), url)
        }
        None => {
            let path = folder.path().join("bench.db");
            (Kept::File(path.clone()), DatabaseUrl::sqlite(path))
        }
    };
    let mut nodes = Vec::new();
    for _ in 0..on.hubs() {
        nodes.push(Node::open(&url).await?);
    }
    let node = Arc::clone(nodes.first().context("at least one node")?);
    let (one, two) = (org(&node.database, "one").await?, org(&node.database, "two").await?);
    let quiet = org(&node.database, "quiet").await?;

    let idle = {
        let tally = Arc::new(Tally::default());
        let workers = start(&nodes, &tally, quiet);
        ask(&node, quiet, &tally, IDLE, u64::MAX).await?;
        finish(workers, &tally).await?;
        tally.take_waited()
    };
    let begun = Instant::now();
    for number in 0..count.div_ceil(MADE_AT_ONCE) {
        let org = if number % 2 == 0 { one } else { two };
        let portion = MADE_AT_ONCE.min(count - number * MADE_AT_ONCE);
        let jobs: Vec<_> =
            (0..portion).map(|_| job(PLUGIN, "nothing", r#"{"number":1}"#)).collect::<anyhow::Result<_>>()?;
        node.journal.commit(RunCommit { jobs, ..rows::commit(org, PLUGIN)? }).await?;
    }
    let made = begun.elapsed();

    let tally = Arc::new(Tally::default());
    let begun = Instant::now();
    let mut workers = start(&nodes, &tally, quiet);
    let watching = watch(&kept, &tally, &mut workers, begun, count);
    // it ends with the backlog; a drain takes as long as it takes
    let asking = ask(&node, quiet, &tally, Duration::from_secs(24 * 3_600), count);
    let (looks, ()) = tokio::try_join!(watching, asking)?;
    let drained = looks.last().map(|look| look.at).unwrap_or_default();
    finish(workers, &tally).await?;
    let busy = tally.take_waited();
    for node in nodes {
        node.close().await;
    }
    let dead = looks.iter().map(|look| look.dead).max().unwrap_or_default();
    let largest = looks.iter().map(|look| look.bytes).max().unwrap_or_default();
    let row = format!(
        "| {} | {}/s | **{}/s** | {} | {} MiB | {} | {} | {} |\n",
        on.name(),
        rate(count, made),
        rate(count, drained),
        if on == On::Sqlite { "–".to_owned() } else { dead.to_string() },
        largest >> 20,
        percentiles(&idle),
        percentiles(&busy),
        facts::fsync()?
    );
    Ok((row, over_time(on, &looks, count)))
}

type Workers = JoinSet<anyhow::Result<()>>;

fn start(nodes: &[Arc<Node>], tally: &Arc<Tally>, quiet: OrgId) -> Workers {
    let mut workers = JoinSet::new();
    for node in nodes {
        for _ in 0..WORKERS {
            workers.spawn(Arc::clone(node).work(Arc::clone(tally), quiet));
        }
    }
    workers
}

async fn finish(mut workers: Workers, tally: &Tally) -> anyhow::Result<()> {
    tally.stop.store(true, Ordering::SeqCst);
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Looks at the queue until so many are done. A worker that fails ends it.
async fn watch(
    kept: &Kept,
    tally: &Tally,
    workers: &mut Workers,
    begun: Instant,
    count: u64,
) -> anyhow::Result<Vec<Look>> {
    let mut looks = Vec::new();
    let mut next = begun;
    loop {
        let done = tally.done.load(Ordering::SeqCst).min(count);
        if done >= count || Instant::now() >= next {
            next = Instant::now() + LOOK;
            let at = begun.elapsed();
            let (dead, bytes) = kept.look().await;
            looks.push(Look { at, done, dead, bytes });
        }
        if done >= count {
            return Ok(looks);
        }
        if let Some(ended) = workers.try_join_next() {
            ended??;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One job of the quiet organization after the other, for a time or until so many of the others are done.
async fn ask(node: &Node, org: OrgId, tally: &Tally, during: Duration, count: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < during && tally.done.load(Ordering::SeqCst) < count {
        let mut tx = node.database.begin().await?;
        tx.org(org).jobs().enqueue(&[job(PLUGIN, "nothing", "{}")?]).await?;
        tx.commit().await?;
        tokio::time::sleep(ASKS).await;
    }
    Ok(())
}

/// A row for the rates, and one for what the queue left behind.
fn over_time(on: On, looks: &[Look], count: u64) -> String {
    let (mut rates, mut left) = (String::new(), String::new());
    let mut before = (Duration::ZERO, 0);
    for part in 1..=PARTS {
        let wanted = count * part / PARTS;
        let Some(look) = looks.iter().find(|look| look.done >= wanted) else { break };
        if look.done > before.1 {
            let _ = write!(rates, " {}/s |", rate(look.done - before.1, look.at.saturating_sub(before.0)));
        } else {
            // less than a look was between them
            rates.push_str(" ″ |");
        }
        let dead = if on == On::Sqlite { String::new() } else { format!("{} dead, ", look.dead) };
        let _ = write!(left, " {dead}{} MiB |", look.bytes >> 20);
        before = (look.at, look.done);
    }
    format!("| {} | jobs |{rates}\n| | left |{left}\n", on.name())
}

/// So many a second, for people.
pub(crate) fn rate(count: u64, took: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "numbers far below 2^52")]
    let rate = count as f64 / took.as_secs_f64().max(1e-6);
    format!("{rate:.0}")
}

fn percentiles(samples: &Samples) -> String {
    format!("{} / {}", ms(samples.percentile(50.0)), ms(samples.percentile(95.0)))
}
