//! Who is calling: how soon a contact is found by its telephone number, while somebody's telephone rings.
//!
//! First among a tenth of the contacts, then among all of them: a look-up that is a range of an index takes as long either time.

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use patchbay_model::{
    OrgId,
    object::{ObjectChange, StandardObject},
};
use patchbay_storage::{Database, DatabaseUrl, Journal, RunCommit};
use patchbay_test_postgres::TestDatabase;
use serde_json::{Value, json};

use crate::{
    Places, Sizes,
    client::{Call, Client},
    hub::Hub,
    rows,
    scene::On,
    stats::{Samples, ms},
};

/// Records that one run writes.
const OF_ONE_RUN: u64 = 1_000;
/// Look-ups of one row, by all connections together.
const LOOKS: u64 = 4_000;
/// So many contacts share a switchboard's number.
const SHARED: u64 = 200;
/// A number far from the next one, so that the look-ups are all over the index: coprime to any power of ten.
const STRIDE: u64 = 7_919;

/// Whose number is asked for.
#[derive(Clone, Copy)]
enum Asked {
    /// That of one contact, another one each time.
    One,
    /// One that nobody has, another one each time.
    Nobody,
    /// The one that many have, of whom the first 50 are given.
    Many,
}

impl Asked {
    const ALL: [Self; 3] = [Self::One, Self::Nobody, Self::Many];

    const fn name(self) -> &'static str {
        match self {
            Self::One => "one contact's",
            Self::Nobody => "nobody's",
            Self::Many => "200 contacts', a page of 50",
        }
    }

    /// The number of the `turn`-th look-up among so many contacts.
    fn number(self, turn: u64, contacts: u64) -> String {
        match self {
            Self::One => number_of(SHARED + turn.wrapping_mul(STRIDE) % (contacts - SHARED)),
            Self::Nobody => number_of(9_000_000 + turn % 999_999),
            Self::Many => number_of(0),
        }
    }

    /// How many contacts the first page has.
    const fn found(self) -> usize {
        match self {
            Self::One => 1,
            Self::Nobody => 0,
            Self::Many => 50,
        }
    }
}

/// The number of a contact; the first ones share one.
fn number_of(contact: u64) -> String {
    let digits = if contact < SHARED { 0 } else { contact };
    format!("+1555{digits:07}")
}

pub(crate) async fn run(places: &Places, sizes: &Sizes) -> anyhow::Result<String> {
    ensure!((10_000..9_000_000).contains(&sizes.contacts), "--contacts is 10,000 to 8,999,999");
    let mut text = format!(
        "`GET /v1/records/contact?phone=…` among the contacts of one organization, as the journal left them, {LOOKS} look-ups \
         for each row: authentication, rate limits and the whole record in the answer are part of it.\n\n\
         | database | contacts | number asked for | concurrency | p50 | p99 |\n\
         |---|---|---|---|---|---|\n"
    );
    for on in sizes.databases().into_iter().filter(|on| on.hubs() == 1) {
        look_up(on, places, sizes.contacts, &mut text).await.with_context(|| on.name())?;
    }
    text.push('\n');
    Ok(text)
}

async fn look_up(on: On, places: &Places, count: u64, text: &mut String) -> anyhow::Result<()> {
    let server = on.server().await?;
    let url = server.as_ref().map(TestDatabase::url);
    let hub = Hub::with_openai_on(url.as_deref(), places).await?;
    let url = match &url {
        Some(url) => url.parse()?,
        None => DatabaseUrl::sqlite(hub.data.join("patchbay.db")),
    };
    let mut filled = 0;
    for contacts in [count.div_ceil(10), count] {
        fill(&url, filled..contacts).await?;
        filled = contacts;
        for asked in Asked::ALL {
            is_found(&hub, asked, contacts).await?;
            for concurrency in [1, 16] {
                // a hub and a database that have just begun are not what this is about; the numbers are others than those
                looks(&hub, asked, concurrency, contacts, 0).await?;
                let samples = looks(&hub, asked, concurrency, contacts, LOOKS).await?;
                let [half, most] = [50.0, 99.0].map(|percent| ms(samples.percentile(percent)));
                writeln!(
                    text,
                    "| {} | {contacts} | {} | {concurrency} | {half} | **{most}** |",
                    on.name(),
                    asked.name()
                )?;
            }
        }
    }
    Ok(())
}

fn call(hub: &Hub, number: &str) -> Call {
    let path = format!("/v1/records/contact?phone={}", number.replace('+', "%2B"));
    Call { address: hub.address, path, key: hub.key.clone(), body: Bytes::new() }
}

/// The answers are what they should be, before it is measured how soon they come.
async fn is_found(hub: &Hub, asked: Asked, contacts: u64) -> anyhow::Result<()> {
    for turn in 0..5 {
        let number = asked.number(turn, contacts);
        let (status, page) = hub.send("GET", &call(hub, &number).path, None).await?;
        let items = page.get("items").and_then(Value::as_array).with_context(|| format!("{status} {page}"))?;
        ensure!(items.len() == asked.found(), "{number}: {page}");
        let is_theirs = |item: &Value| item.pointer("/data/phone").and_then(Value::as_str) == Some(number.as_str());
        ensure!(items.iter().all(is_theirs), "{number}: {page}");
    }
    Ok(())
}

/// `from`: the turn of the first one.
async fn looks(hub: &Hub, asked: Asked, concurrency: u64, contacts: u64, from: u64) -> anyhow::Result<Samples> {
    let workers = (0..concurrency).map(|worker| {
        let calls = (worker..LOOKS).step_by(usize::try_from(concurrency).unwrap_or(1));
        let calls: Vec<Call> = calls.map(|turn| call(hub, &asked.number(from + turn, contacts))).collect();
        let address = hub.address;
        tokio::spawn(async move {
            let mut client = Client::connect(address).await?;
            let mut samples = Samples::default();
            for call in &calls {
                samples.push(client.time(call).await?);
            }
            anyhow::Ok(samples)
        })
    });
    let mut all = Samples::default();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await??);
    }
    Ok(all)
}

/// As runs leave them: by the journal, with their index and their events.
async fn fill(url: &DatabaseUrl, contacts: std::ops::Range<u64>) -> anyhow::Result<()> {
    let database = Database::open(url).await?;
    let org = database.read().await?.hub().orgs(None, 1).await?.first().context("no organization")?.id;
    let journal = Journal::start(database.clone());
    let mut next = contacts.start;
    while next < contacts.end {
        let end = contacts.end.min(next + OF_ONE_RUN);
        journal.commit(commit(org, next..end)?).await?;
        next = end;
    }
    journal.shutdown().await;
    database.close().await;
    Ok(())
}

fn commit(org: OrgId, contacts: std::ops::Range<u64>) -> anyhow::Result<RunCommit> {
    let commit = rows::commit(org, "openai")?;
    let object_changes = contacts.map(|contact| ObjectChange {
        object: StandardObject::Contact,
        id: format!("openai:{contact}"),
        data: Some(contact_data(contact)),
        expected: Some(0),
    });
    Ok(RunCommit { object_changes: object_changes.collect(), ..commit })
}

/// About as much as a CRM knows of somebody.
fn contact_data(contact: u64) -> Value {
    json!({
        "name": format!("Ada Lovelace {contact}"),
        "first_name": "Ada",
        "last_name": format!("Lovelace {contact}"),
        "email": format!("ada.{contact}@example.com"),
        "phone": number_of(contact),
        "title": "Head of engines",
        "company_id": format!("openai:company-{}", contact / 10),
        "company_name": "Example",
        "status": "customer",
        "lead_source": "fair",
        "owner": { "id": "7", "name": "Grace Hopper", "email": "grace@example.com" },
        "address": { "line1": "1 Main Street", "city": "Springfield", "postal_code": "12345", "country": "US" },
        "external_ids": { "openai": contact.to_string() },
        "extra": { "openai": { "url": format!("https://app.example.com/contacts/{contact}") } },
    })
}
