//! A first sync of very many contacts, and the delta after one percent of them was changed: how fast, with how much memory, and with
//! how many requests beyond those that it cannot do without.
//!
//! A tenth of the contacts first, in a hub of its own, then all of them: what grows with their number is seen beside each other.
//! Salesforce asks for no pause, so its rows are what the hub can do; HubSpot allows five searches a second.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use patchbay_model::Timestamp;
use patchbay_test_postgres::TestDatabase;
use serde_json::{Value, json};

use crate::{
    Places, Sizes,
    crm::{Crm, HUBSPOT_PAGE, SALESFORCE_PAGE},
    hub::{Hub, Start},
    scene::On,
};

/// How often it is looked how far a run has come.
const LOOK: Duration = Duration::from_millis(20);
/// With so many contacts the requests have to be near the least; of fewer, what a sync asks once for all weighs more.
const MANY: u64 = 100_000;
/// How many requests there may be for each hundred of the least.
const NEAR: u64 = 105;
/// When a sync that was switched on has to begin.
const BEGINS_IN: Duration = Duration::from_secs(60);
const HUBSPOT: &str = "api.hubapi.com";
const SALESFORCE: &str = "acme.my.salesforce.com";

#[derive(Clone, Copy)]
enum Vendor {
    HubSpot,
    Salesforce,
}

impl Vendor {
    const ALL: [Self; 2] = [Self::HubSpot, Self::Salesforce];

    const fn name(self) -> &'static str {
        match self {
            Self::HubSpot => "HubSpot",
            Self::Salesforce => "Salesforce",
        }
    }

    const fn plugin(self) -> &'static str {
        match self {
            Self::HubSpot => "hubspot",
            Self::Salesforce => "salesforce",
        }
    }

    const fn host(self) -> &'static str {
        match self {
            Self::HubSpot => HUBSPOT,
            Self::Salesforce => SALESFORCE,
        }
    }

    /// The fewest requests that read so many contacts.
    const fn least(self, contacts: u64) -> u64 {
        contacts.div_ceil(match self {
            Self::HubSpot => HUBSPOT_PAGE,
            Self::Salesforce => SALESFORCE_PAGE,
        })
    }

    /// The fewest of a delta. Salesforce tells what was deleted by a request of its own.
    const fn least_of_delta(self, contacts: u64) -> u64 {
        self.least(contacts)
            + match self {
                Self::HubSpot => 0,
                Self::Salesforce => 1,
            }
    }

    fn installation(self) -> Value {
        match self {
            Self::HubSpot => json!({ "config": {} }),
            Self::Salesforce => {
                let config = json!({ "login": "login", "instance_url": format!("https://{SALESFORCE}") });
                json!({ "config": config, "hosts": [SALESFORCE] })
            }
        }
    }
}

/// What was measured of a run.
struct Measured {
    took: Duration,
    asked: u64,
    most_kib: u64,
    counts: Value,
}

impl Measured {
    fn count(&self, name: &str) -> anyhow::Result<u64> {
        self.counts.get(name).and_then(Value::as_u64).with_context(|| format!("no {name}: {}", self.counts))
    }

    /// Records a second.
    fn rate(&self, records: u64) -> u128 {
        u128::from(records) * 1_000 / self.took.as_millis().max(1)
    }

    /// Requests, and how many that is of the least.
    fn calls(&self, least: u64) -> String {
        let tenths = (self.asked * 1_000).checked_div(least).unwrap_or_default();
        format!("{}, {}.{} %", self.asked, tenths / 10, tenths % 10)
    }
}

pub(crate) async fn run(places: &Places, sizes: &Sizes) -> anyhow::Result<String> {
    ensure!((1_000..10_000_000).contains(&sizes.contacts), "--contacts is 1,000 to 9,999,999");
    let mut text = format!(
        "Contacts of one organization, a tenth of {} and all of them, read for the first time by a hub that does nothing else; then \
         one percent of them is changed and the delta is read. Requests are those that came to the vendor, and what they are of the \
         least by which the API that it is read by gives so much: 200 contacts of a search, 2,000 of a query, and for Salesforce's delta one \
         for what was deleted. Memory is the hub's RSS before, and the most that it had meanwhile. HubSpot's limit of \
         five searches a second, which the plugin keeps to, is 1,000 contacts a second; Salesforce has no such limit.\n\n\
         | database | vendor | contacts | first sync | contacts/s | requests | memory before | most | delta | changes/s | requests | most |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|\n",
        sizes.contacts
    );
    for on in sizes.databases().into_iter().filter(|on| on.hubs() == 1) {
        for vendor in Vendor::ALL {
            for contacts in [sizes.contacts.div_ceil(10), sizes.contacts] {
                let row = syncs(on, vendor, places, contacts).await;
                text.push_str(&row.with_context(|| format!("{}, {}, {contacts}", on.name(), vendor.name()))?);
            }
        }
    }
    text.push('\n');
    Ok(text)
}

/// A row of the table.
async fn syncs(on: On, vendor: Vendor, places: &Places, contacts: u64) -> anyhow::Result<String> {
    let crm = Crm::start(contacts).await?;
    let server = on.server().await?;
    let url = server.as_ref().map(TestDatabase::url);
    let packages = [places.plugins.join(format!("{}.wasm", vendor.plugin()))];
    let vendors = [(vendor.host(), crm.address)];
    let more = match vendor {
        Vendor::HubSpot => String::new(),
        Vendor::Salesforce => format!("[egress]\nopen_upstreams = [\"{SALESFORCE}\"]\n"),
    };
    let start =
        Start { database: url.as_deref(), packages: &packages, vendors: &vendors, more: &more, ..Start::default() };
    let hub = Hub::start_with(places, &start).await?;
    hub.put(&format!("/v1/installations/{}", vendor.plugin()), &vendor.installation()).await?;
    let token = json!({ "credentials": { "access_token": "token-of-the-bench" } });
    hub.put(&format!("/v1/connections/{}", vendor.plugin()), &token).await?;
    let before = hub.process.rss_kib()?;

    let settings = json!({ "enabled": true, "every_s": 86_400, "direction": "in" });
    let first = measured(&hub, vendor, &crm, Some(&settings)).await?;
    ensure!(first.count("created")? == contacts, "not all are here: {}", first.counts);
    crm.change();
    let delta = measured(&hub, vendor, &crm, None).await?;
    let changed = crm.changed();
    ensure!(delta.count("updated")? == changed, "not all changes are here: {}", delta.counts);
    let (least, least_of_delta) = (vendor.least(contacts), vendor.least_of_delta(changed));
    if contacts >= MANY {
        let near = |asked: u64, least: u64| asked * 100 <= least * NEAR;
        ensure!(near(first.asked, least), "{} requests of a first sync, and the least are {least}", first.asked);
        let (asked, least) = (first.asked + delta.asked, least + least_of_delta);
        ensure!(near(asked, least), "{asked} requests of both, and the least are {least}");
    }

    let mut row = String::new();
    writeln!(
        row,
        "| {} | {} | {contacts} | {:.1} s | **{}** | {} | {} MiB | {} MiB | {:.2} s | **{}** | {} | {} MiB |",
        on.name(),
        vendor.name(),
        first.took.as_secs_f64(),
        first.rate(contacts),
        first.calls(least),
        before >> 10,
        first.most_kib >> 10,
        delta.took.as_secs_f64(),
        delta.rate(changed),
        delta.calls(least_of_delta),
        delta.most_kib >> 10,
    )?;
    Ok(row)
}

/// Has a run done: the first one by these settings, which switch the sync on, or else a delta that is asked for.
async fn measured(hub: &Hub, vendor: Vendor, crm: &Crm, settings: Option<&Value>) -> anyhow::Result<Measured> {
    let path = format!("/v1/installations/{}/syncs/contact", vendor.plugin());
    crm.asked();
    hub.process.forget_peak()?;
    let id = match settings {
        Some(settings) => {
            hub.put(&path, settings).await?;
            first_run(hub, &path).await?
        }
        None => {
            let asked = json!({ "mode": "delta" });
            let (status, run) = hub.send("POST", &format!("{path}/runs"), Some(&asked)).await?;
            ensure!((200..300).contains(&status), "POST {path}/runs: {status} {run}");
            run.get("id").and_then(Value::as_str).context("no id")?.to_owned()
        }
    };
    loop {
        let (_, run) = hub.send("GET", &format!("/v1/sync-runs/{id}"), None).await?;
        match run.get("status").and_then(Value::as_str) {
            Some("completed") => {
                let took = (time(&run, "ended_at")? - time(&run, "started_at")?).to_std()?;
                let counts = run.get("counts").cloned().unwrap_or_default();
                return Ok(Measured { took, asked: crm.asked(), most_kib: hub.process.peak_rss_kib()?, counts });
            }
            Some("queued" | "running") => tokio::time::sleep(LOOK).await,
            _ => bail!("the run came to nothing: {run}"),
        }
    }
}

/// The id of the run that the hub asks for by itself, a few seconds after a sync was switched on.
async fn first_run(hub: &Hub, path: &str) -> anyhow::Result<String> {
    let begun = Instant::now();
    while begun.elapsed() < BEGINS_IN {
        let (_, sync) = hub.send("GET", path, None).await?;
        let id = |run: &str| sync.pointer(&format!("/{run}/id")).and_then(Value::as_str).map(str::to_owned);
        if let Some(id) = id("open_run").or_else(|| id("last_run")) {
            return Ok(id);
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("the sync does not begin")
}

fn time(run: &Value, name: &str) -> anyhow::Result<Timestamp> {
    let text = run.get(name).and_then(Value::as_str).with_context(|| format!("no {name}: {run}"))?;
    Ok(text.parse()?)
}
