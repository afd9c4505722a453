//! A large export: how fast its rows are written, and that memory does not grow with them.
//!
//! A tenth of the rows is exported first, then all of them: what is constant is the same for both.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use patchbay_model::{
    OrgId, SystemClock, SystemRandom, UsageId,
    run::{Basis, UsageRecord},
};
use patchbay_storage::{Database, DatabaseUrl, Journal, RunCommit};
use patchbay_test_postgres::TestDatabase;
use serde_json::{Value, json};

use crate::{Places, Sizes, facts, hub::Hub, rows, scene::On};

/// Records of one run, which are committed together.
const OF_ONE_RUN: u64 = 1_000;
/// How often it is looked how far an export has come.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) async fn run(places: &Places, sizes: &Sizes) -> anyhow::Result<String> {
    let mut text = format!(
        "Usage records of one organization, a tenth of {} and all of them, exported by a hub that does nothing else. Memory is \
         the hub's RSS before, and the most that it had while it exported.\n\n\
         | database | rows | format | time | rows/s | file | memory before | most memory | fsync |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        sizes.rows
    );
    for on in sizes.databases().into_iter().filter(|on| on.hubs() == 1) {
        exports(on, places, sizes.rows, &mut text).await.with_context(|| on.name())?;
    }
    Ok(text)
}

async fn exports(on: On, places: &Places, count: u64, text: &mut String) -> anyhow::Result<()> {
    let server = on.server().await?;
    let url = server.as_ref().map(TestDatabase::url);
    let hub = Hub::with_openai_on(url.as_deref(), places).await?;
    let url = match &url {
        Some(url) => url.parse()?,
        None => DatabaseUrl::sqlite(hub.data.join("patchbay.db")),
    };
    let mut filled = 0;
    for rows in [count.div_ceil(10), count] {
        fill(&url, rows - filled).await?;
        filled = rows;
        for format in ["csv", "jsonl"] {
            let before = hub.process.rss_kib()?;
            hub.process.forget_peak()?;
            let begun = Instant::now();
            let export = export(&hub, format, rows).await?;
            let took = begun.elapsed();
            let most = hub.process.peak_rss_kib()?;
            #[expect(clippy::cast_precision_loss, reason = "a million")]
            let rate = rows as f64 / took.as_secs_f64();
            let size = export.get("size").and_then(Value::as_u64).context("no size")?;
            writeln!(
                text,
                "| {} | {rows} | {format} | {:.1} s | **{rate:.0}** | {} MiB | {} MiB | {} MiB | {} |",
                on.name(),
                took.as_secs_f64(),
                size >> 20,
                before >> 10,
                most >> 10,
                facts::fsync()?
            )?;
        }
    }
    Ok(())
}

async fn export(hub: &Hub, format: &str, rows: u64) -> anyhow::Result<Value> {
    let asked = json!({ "what": "usage", "format": format });
    let (status, made) = hub.send("POST", "/v1/exports", Some(&asked)).await?;
    ensure!(status == 202, "POST /v1/exports: {status} {made}");
    let id = made.get("id").and_then(Value::as_str).context("no id")?.to_owned();
    loop {
        let (_, export) = hub.send("GET", &format!("/v1/exports/{id}"), None).await?;
        match export.get("status").and_then(Value::as_str) {
            Some("done") => {
                ensure!(export.get("rows").and_then(Value::as_u64) == Some(rows), "not all rows: {export}");
                return Ok(export);
            }
            Some("queued" | "running") => tokio::time::sleep(LOOK).await,
            _ => bail!("the export came to nothing: {export}"),
        }
    }
}

/// As runs leave them: by the journal.
async fn fill(url: &DatabaseUrl, count: u64) -> anyhow::Result<()> {
    let database = Database::open(url).await?;
    let org = database.read().await?.hub().orgs(None, 1).await?.first().context("no organization")?.id;
    let journal = Journal::start(database.clone());
    let mut left = count;
    while left > 0 {
        let portion = left.min(OF_ONE_RUN);
        journal.commit(commit(org, portion)?).await?;
        left -= portion;
    }
    journal.shutdown().await;
    database.close().await;
    Ok(())
}

fn commit(org: OrgId, count: u64) -> anyhow::Result<RunCommit> {
    let commit = rows::commit(org, "openai")?;
    let usage = (0..count).map(|number| UsageRecord {
        id: UsageId::new(&SystemClock, &SystemRandom),
        org,
        plugin: commit.run.plugin.clone(),
        run: commit.run.id,
        meter: "input_tokens".to_owned(),
        quantity: number,
        basis: Basis::Reported,
        dedupe: None,
        at: commit.run.finished_at,
        counts: None,
    });
    Ok(RunCommit { usage: usage.collect(), ..commit })
}
