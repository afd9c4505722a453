//! What an organization costs that has a plugin switched on: memory, and the latency of everybody's calls.

use std::{fmt::Write as _, sync::Arc};

use anyhow::Context as _;
use patchbay_hub::{HubConfig, NewApiKey};
use patchbay_model::{SystemClock, SystemRandom, org::Scope};
use patchbay_runtime::Compiler;
use patchbay_test_postgres::TestDatabase;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::{
    Places,
    client::{Call, Client},
    hub::Hub,
    stats::{Samples, ms},
};

const SIZES: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Orgs that are set up, or called, at once.
const AT_ONCE: usize = 8;
/// Calls that are timed at each size, over as many orgs as there are, at most [`CALLED`].
const CALLS: usize = 2_000;
const CALLED: usize = 200;

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let database = patchbay_test_postgres::database_that_keeps().await.context("this needs PostgreSQL's programs")?;
    let mut text = format!(
        "Each organization has the OpenAI connector switched on, a connection, and has made one call. Memory is RSS \
         after that; the latency is that of {CALLS} actions, one at a time, over {CALLED} of the organizations (or \
         all, where there are fewer).\n\n\
         | database | organizations | memory | per organization over the first | action p50 | p99 |\n\
         |---|---|---|---|---|---|\n"
    );
    sizes("SQLite", None, places, &mut text).await?;
    sizes("PostgreSQL", Some(&database), places, &mut text).await?;
    text.push('\n');
    Ok(text)
}

async fn sizes(name: &str, database: Option<&TestDatabase>, places: &Places, text: &mut String) -> anyhow::Result<()> {
    let url = database.map(TestDatabase::url);
    let hub = Arc::new(Hub::with_openai_on(url.as_deref(), places).await?);
    let mut keys = vec![SecretString::from(hub.key.clone())];
    crate::latency::batch(&hub.action(), 4, 2_000).await?;
    let mut first = None;
    for size in SIZES {
        let more = make(&hub, url.as_deref(), size - keys.len()).await?;
        set_up(&hub, &more).await?;
        keys.extend(more);
        let memory = hub.process.rss_kib()?;
        let (least, orgs) = *first.get_or_insert((memory, size));
        let each = memory.saturating_sub(least).checked_div((size - orgs) as u64);
        let each = each.map_or_else(|| "–".to_owned(), |kib| format!("{kib} KiB"));
        let samples = time(&hub, &keys).await?;
        let [half, most] = [50.0, 99.0].map(|percent| ms(samples.percentile(percent)));
        writeln!(text, "| {name} | {size} | {} MiB | {each} | {half} | {most} |", memory >> 10)?;
    }
    Ok(())
}

/// New orgs, by the use cases that the command line has, in this process.
async fn make(hub: &Hub, url: Option<&str>, count: usize) -> anyhow::Result<Vec<SecretString>> {
    let mut config = HubConfig::new(hub.data.clone(), Compiler::InProcess);
    config.database_url = url.map(str::parse).transpose()?;
    let beside = patchbay_hub::Hub::open(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let mut keys = Vec::with_capacity(count);
    for number in 0..count {
        let org = beside.create_org(&format!("org {number}")).await?;
        let new = NewApiKey { name: "bench".to_owned(), scopes: Scope::ALL.to_vec(), ..NewApiKey::default() };
        keys.push(beside.create_api_key(org.id, new).await?.1);
    }
    beside.shutdown().await;
    Ok(keys)
}

/// Switches the connector on for each, and calls it once.
async fn set_up(hub: &Arc<Hub>, keys: &[SecretString]) -> anyhow::Result<()> {
    let mut workers = Vec::new();
    for worker in 0..AT_ONCE {
        let hub = Arc::clone(hub);
        let keys: Vec<_> = keys.iter().skip(worker).step_by(AT_ONCE).cloned().collect();
        workers.push(tokio::spawn(async move {
            let mut client = Client::connect(hub.address).await?;
            for key in keys {
                let secret = key.expose_secret();
                hub.put_as(secret, "/v1/installations/openai", &json!({ "config": {} })).await?;
                let credentials = json!({ "credentials": { "secret_key": "sk-bench" } });
                hub.put_as(secret, "/v1/connections/openai", &credentials).await?;
                client.time(&of(&hub, &key)).await?;
            }
            anyhow::Ok(())
        }));
    }
    for worker in workers {
        worker.await??;
    }
    Ok(())
}

/// The action, as another org.
fn of(hub: &Hub, key: &SecretString) -> Call {
    Call { key: key.expose_secret().to_owned(), ..hub.action() }
}

async fn time(hub: &Hub, keys: &[SecretString]) -> anyhow::Result<Samples> {
    let every = keys.len().div_ceil(CALLED);
    let calls: Vec<_> = keys.iter().step_by(every).map(|key| of(hub, key)).collect();
    let mut client = Client::connect(hub.address).await?;
    for call in &calls {
        client.time(call).await?;
    }
    let mut samples = Samples::default();
    for call in calls.iter().cycle().take(CALLS) {
        samples.push(client.time(call).await?);
    }
    Ok(samples)
}
