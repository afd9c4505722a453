//! A first sync whose hub is killed again and again: in the end there is what a sync without a kill leaves, no kill costs more than
//! the page that was under way, and nothing is stuck. The same of what goes the other way: nothing is made twice, and nothing is
//! lost.
//!
//! `PATCHBAY_SYNC_KILLS` says how often the hub is killed, and `PATCHBAY_CRASH_SEED` repeats the choices of another time (not its
//! timing). On PostgreSQL a page that a kill broke off is taken up when its lease has ended, after half a minute.

mod edited;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Duration as Span;
use patchbay_model::{Clock as _, Random as _, SeededRandom, SystemClock, SystemRandom};
use patchbay_tests::{
    Fixture, HubSpot, Org, Salesforce, TestHub,
    hub::HubProcess,
    hubspot::{Kind, PORTAL},
    salesforce::{CLIENT, HOST, LOGIN, SECRET},
};
use serde_json::{Value, json};

pub use edited::{
    both_sides_of_hubspot_hold_the_same_whatever_is_edited_while_the_hub_is_killed,
    both_sides_of_salesforce_hold_the_same_whatever_is_edited_while_the_hub_is_killed,
};

use crate::salesforce::scene::{Scene, install};

/// Kills of an ordinary run of all tests.
const KILLS: u64 = 3;
/// So many pages are asked for between two kills at the least, so that one of them is done: eight crashes within one step of a job
/// are the job's end.
const LEAST: u64 = 2;
/// And so many more at the most.
const MORE: u64 = 3;
/// Pages for each kill, with some that are read while a kill is on its way, and behind the last kill.
const PAGES_A_KILL: u64 = 8;
/// How long after a page was asked for a kill comes at the latest, in looks: before its answer, while it is worked on, or after it.
const SPREAD: u64 = 60;
/// How often it is looked how many pages were asked for.
const LOOK: Duration = Duration::from_millis(1);
/// When somebody has to go on with what a kill broke off.
const TAKEN_UP_IN: Duration = Duration::from_secs(120);
/// When a run has to be done that nobody kills.
const DONE_IN: Duration = Duration::from_secs(900);
/// The test looks often, and is held back by nothing.
const RATES: &str = "[rate_limits]\norg = \"unlimited\"\nkey = \"unlimited\"\n";
/// Contacts that are written at once, so few that there are many writes.
const BATCH: u32 = 10;
/// Contacts on a page: the fewest that each vendor gives, so that there are many pages.
const HUBSPOT_PAGE: u32 = 100;
const SALESFORCE_PAGE: u32 = 200;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, and can be a whole number")))
}

fn any_seed() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes);
    u64::from_le_bytes(bytes) % 1_000_000
}

/// Not by a macro, whose text is shown of failed tests only.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whose contacts are read.
trait Source {
    const PLUGIN: &'static str;

    /// How many pages were asked for so far.
    fn asked(&self) -> u64;

    /// How many of them were refused because a hub that was killed has forgotten that it had just asked.
    fn refused(&self) -> u64;
}

impl Source for HubSpot {
    const PLUGIN: &'static str = "hubspot";

    fn asked(&self) -> u64 {
        self.count("POST /objects/contacts/search")
    }

    fn refused(&self) -> u64 {
        let violations = self.violations();
        assert!(violations.iter().all(|one| one == "more than five searches a second"), "{violations:?}");
        u64::try_from(violations.len()).unwrap()
    }
}

/// HubSpot, as far as it is written to.
struct Written<'a>(&'a HubSpot);

impl Source for Written<'_> {
    const PLUGIN: &'static str = HubSpot::PLUGIN;

    fn asked(&self) -> u64 {
        self.0.count("POST /objects/contacts/batch/upsert")
    }

    fn refused(&self) -> u64 {
        self.0.refused()
    }
}

impl Source for Salesforce {
    const PLUGIN: &'static str = "salesforce";

    fn asked(&self) -> u64 {
        self.counts().queries
    }

    fn refused(&self) -> u64 {
        assert_eq!(self.violations(), Vec::<String>::new());
        0
    }
}

/// How often what is killed.
struct Plan {
    kills: u64,
    seed: u64,
}

impl Plan {
    fn new() -> Self {
        let kills = number("PATCHBAY_SYNC_KILLS").unwrap_or(KILLS);
        Self { kills, seed: number("PATCHBAY_CRASH_SEED").unwrap_or_else(any_seed) }
    }

    fn pages(&self) -> u64 {
        self.kills * PAGES_A_KILL + PAGES_A_KILL
    }

    fn contacts(&self, page: u32) -> u64 {
        self.pages() * u64::from(page)
    }
}

/// The package with pages of this size.
fn in_pages_of(plugin: &str, page: u32) -> Fixture {
    Fixture::plugin(plugin).edit(|manifest| {
        for sync in &mut manifest.syncs {
            sync.page = page;
        }
    })
}

fn database_of(hub: &TestHub) -> &'static str {
    if hub.postgres().is_some() { "PostgreSQL" } else { "SQLite" }
}

/// A process in place of the hub, and which database it has.
async fn process_at_hubspot(hub: TestHub, vendor: &HubSpot) -> (HubProcess, &'static str) {
    let database = database_of(&hub);
    let settings = format!("[upstreams]\n\"api.hubapi.com\" = \"{}\"\n{RATES}", vendor.url());
    (HubProcess::in_place_of(hub, &settings).await, database)
}

/// The same at Salesforce.
async fn process_at_salesforce(hub: TestHub, vendor: &Salesforce) -> (HubProcess, &'static str) {
    let database = database_of(&hub);
    let url = vendor.url();
    let settings = format!(
        "[upstreams]\n\"{LOGIN}\" = \"{url}\"\n\"{HOST}\" = \"{url}\"\n[egress]\nopen_upstreams = [\"{HOST}\"]\n\
         [oauth.salesforce]\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n{RATES}"
    );
    (HubProcess::in_place_of(hub, &settings).await, database)
}

pub async fn a_first_sync_of_hubspot_comes_to_its_end_however_often_the_hub_is_killed() {
    let plan = Plan::new();
    let vendor = HubSpot::start(Arc::new(SystemClock)).await;
    vendor.edit(PORTAL, |portal, now| {
        for index in 0..plan.contacts(HUBSPOT_PAGE) {
            let (email, phone) = (format!("{index}@example.com"), format!("+1415{index:07}"));
            let properties = [("email", email.as_str()), ("firstname", "Ada"), ("phone", phone.as_str())];
            // as long ago as most of what an account has
            portal.create(Kind::Contacts, &properties, now - 86_400_000);
        }
    });
    let hub = TestHub::setup().upstream("api.hubapi.com", &vendor.url()).start().await;
    let orgs = [hub.org("killed").await, hub.org("spared").await];
    let _ = orgs[0].upload(in_pages_of("hubspot", HUBSPOT_PAGE).pack()).await.expect(201);
    for org in &orgs {
        let _ = org.install("hubspot", json!({})).await.expect(200);
        let _ = org.connect("hubspot", "access_token", &vendor.token(PORTAL)).await.expect(200);
    }
    let (hub, database) = process_at_hubspot(hub, &vendor).await;
    killing(&plan, &vendor, hub, &orgs, database).await;
}

pub async fn a_first_sync_of_salesforce_comes_to_its_end_however_often_the_hub_is_killed() {
    let plan = Plan::new();
    let scene = Scene::start_at(SystemClock.now()).await;
    let spared = scene.hub.org("spared").await;
    let _ = install(&spared).await;
    for org in [&scene.org, &spared] {
        let _ = scene.consent(org).await.expect(200);
    }
    let _ = scene.org.upload(in_pages_of("salesforce", SALESFORCE_PAGE).version("0.1.1").pack()).await.expect(201);
    let Scene { hub, org, vendor, .. } = scene;
    vendor.set_skew(-Span::days(1));
    let contacts = (0..plan.contacts(SALESFORCE_PAGE)).map(|index| {
        json!({"LastName": format!("Row {index}"), "Email": format!("{index}@example.com"), "Phone": format!("+1415{index:07}")})
    });
    let _ = vendor.import("Contact", contacts);
    vendor.set_skew(Span::zero());
    let (hub, database) = process_at_salesforce(hub, &vendor).await;
    killing(&plan, &vendor, hub, &[org, spared], database).await;
}

pub async fn what_was_here_before_is_made_at_hubspot_once_however_often_the_hub_is_killed() {
    let plan = Plan::new();
    let (writes, contacts) = (plan.pages(), plan.contacts(BATCH));
    let vendor = HubSpot::start(Arc::new(SystemClock)).await;
    let hub = TestHub::setup().upstream("api.hubapi.com", &vendor.url()).start().await;
    let org = hub.org("killed").await;
    let in_batches = Fixture::plugin("hubspot").edit(|manifest| {
        for sync in &mut manifest.syncs {
            sync.batch = BATCH;
        }
    });
    for (plugin, package) in [("hubspot", in_batches), ("scribe", Fixture::load("scribe"))] {
        let _ = org.upload(package.pack()).await.expect(201);
        let _ = org.install(plugin, json!({})).await.expect(200);
    }
    let _ = org.connect("hubspot", "access_token", &vendor.token(PORTAL)).await.expect(200);
    let data = json!({"email": "#@example.com", "first_name": "Number #"});
    let input = json!({"op": "many", "object": "contact", "id": contacts.to_string(), "data": data});
    let _ = org.act("scribe", "run", &input).await.expect(200);
    let (hub, database) = process_at_hubspot(hub, &vendor).await;

    say(&format!("to hubspot from {database}: {} kills, PATCHBAY_CRASH_SEED={}", plan.kills, plan.seed));
    let begun = Instant::now();
    let written = Written(&vendor);
    let mut killing = Killing { hub, source: &written, dice: SeededRandom::new(plan.seed) };
    let run = killing.begin(&org, "both").await;
    for kill in 1..=plan.kills {
        killing.kill(kill).await;
    }
    let run = killing.completed(&org, &run).await;
    let (took, asked, refused) = (begun.elapsed(), killing.source.asked(), killing.source.refused());
    say(&format!(
        "to hubspot from {database}: {contacts} contacts, {} kills in {took:.0?}; {asked} writes where {writes} are the least",
        plan.kills,
    ));
    // what a killed hub has made is found by the next one, and then not made anew
    assert!(asked <= writes + plan.kills + refused, "{asked} writes, where {writes} are the least");

    // each is there once, as it was made here
    let expected: BTreeSet<_> =
        (0..contacts).map(|index| (format!("{index}@example.com"), format!("Number {index}"))).collect();
    let made = || {
        vendor.edit(PORTAL, |portal, _| {
            let ids = portal.ids(Kind::Contacts);
            let told = ids.into_iter().map(|id| {
                let properties = portal.get(Kind::Contacts, id).unwrap();
                (id.to_string(), (properties["email"].clone(), properties["firstname"].clone()))
            });
            told.collect::<BTreeMap<_, _>>()
        })
    };
    let there = made();
    assert_eq!(u64::try_from(there.len()).unwrap(), contacts, "made twice, or lost");
    assert_eq!(there.values().cloned().collect::<BTreeSet<_>>(), expected);
    // and each record knows its own
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let here: BTreeMap<_, _> = killing
        .records(&org)
        .await
        .into_values()
        .map(|(_, data)| (text(&data["external_ids"]["hubspot"]), (text(&data["email"]), text(&data["first_name"]))))
        .collect();
    assert!(here == there, "records and contacts are not linked as they should be");
    killing.nothing_is_stuck(&org, contacts).await;
    assert_eq!((&run["counts"]["failed"], &run["counts"]["created"]), (&json!(0), &json!(0)), "{run:#}");

    // and neither side has anything to write then
    let before = vendor.count("/batch/upsert") + vendor.count("/batch/update");
    let all = killing.ask(&org, "full").await;
    let all = killing.completed(&org, &all).await;
    assert_eq!((&all["counts"]["pushed"], &all["counts"]["created"]), (&json!(0), &json!(0)), "{all:#}");
    assert_eq!(vendor.count("/batch/upsert") + vendor.count("/batch/update"), before);
    assert!(made() == there);
}

/// Kills the hub while the contacts of the first organization are read for the first time, then has those of the second one read in
/// peace, and compares.
async fn killing<S: Source>(plan: &Plan, source: &S, hub: HubProcess, orgs: &[Org; 2], database: &str) {
    say(&format!("{} on {database}: {} kills, PATCHBAY_CRASH_SEED={}", S::PLUGIN, plan.kills, plan.seed));
    let (begun, pages) = (Instant::now(), plan.pages());
    let mut killing = Killing { hub, source, dice: SeededRandom::new(plan.seed) };
    let run = killing.begin(&orgs[0], "in").await;
    for kill in 1..=plan.kills {
        killing.kill(kill).await;
    }
    let killed = killing.completed(&orgs[0], &run).await;
    let (took, asked, refused) = (begun.elapsed(), source.asked(), source.refused());
    let repeated = asked.checked_sub(pages).expect("each page was asked for once at the least");
    say(&format!(
        "{} on {database}: {} contacts, {} kills in {took:.0?}; {asked} pages were asked for where {pages} are the least: {repeated} \
         repeated, {refused} of them because they came too early",
        S::PLUGIN,
        killed["counts"]["created"],
        plan.kills,
    ));
    assert!(repeated <= plan.kills + refused, "{repeated} pages were repeated, and {} kills made", plan.kills);

    let run = killing.begin(&orgs[1], "in").await;
    let spared = killing.completed(&orgs[1], &run).await;
    assert_eq!(source.asked() - asked, pages, "what nobody kills repeats nothing");
    assert_eq!(killed["counts"], spared["counts"], "no page was counted twice, and none is missing");
    let there = killing.records(&orgs[0]).await;
    assert_eq!(u64::try_from(there.len()).unwrap(), killed["counts"]["created"].as_u64().unwrap());
    assert!(there == killing.records(&orgs[1]).await, "records, their versions or their links differ");
    for org in orgs {
        killing.nothing_is_stuck(org, killed["counts"]["created"].as_u64().unwrap()).await;
    }

    // and the first delta finds nothing that was missed
    let delta = killing.ask(&orgs[0], "delta").await;
    let delta = killing.completed(&orgs[0], &delta).await;
    let counts = &delta["counts"];
    for count in ["created", "updated", "deleted", "merged", "pushed", "failed"] {
        assert_eq!(counts[count], 0, "{delta:#}");
    }
}

struct Killing<'a, S> {
    hub: HubProcess,
    source: &'a S,
    dice: SeededRandom,
}

impl<S: Source> Killing<'_, S> {
    fn path() -> String {
        format!("/v1/installations/{}/syncs/contact", S::PLUGIN)
    }

    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.dice.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    }

    /// Switches the sync on, and gives the id of its first run, which the hub asks for by itself.
    async fn begin(&self, org: &Org, direction: &str) -> String {
        let org = self.hub.see(org);
        let settings = json!({"enabled": true, "every_s": 86_400, "direction": direction});
        let _ = org.call("PUT", &Self::path()).json(&settings).send().await.expect(200);
        let first = || async {
            let sync = org.get(&Self::path()).await.expect(200).json();
            let run = ["open_run", "last_run"].iter().find_map(|run| sync[run]["id"].as_str());
            run.map(str::to_owned)
        };
        org.wait_for(TAKEN_UP_IN, first).await
    }

    /// Asks for a run, and gives its id.
    async fn ask(&self, org: &Org, mode: &str) -> String {
        let call = self.hub.see(org).call("POST", &format!("{}/runs", Self::path()));
        let asked = call.json(&json!({"mode": mode})).send().await;
        assert!(matches!(asked.status, 200..=202), "{}", asked.text());
        asked.json()["id"].as_str().unwrap().to_owned()
    }

    /// Lets some pages be asked for, or writes, and kills the hub in the middle of the last of them, or soon after it.
    async fn kill(&mut self, kill: u64) {
        let before = self.source.asked();
        if !self.goes_on(TAKEN_UP_IN).await {
            panic!("kill {kill}: {} pages asked for, and before {before}:\n{}", self.source.asked(), self.hub.log());
        }
        self.end().await;
    }

    /// Lets some pages be asked for, or writes; false if they are not in time.
    async fn goes_on(&self, within: Duration) -> bool {
        let target = self.source.asked() + LEAST + self.below(MORE + 1);
        let mut looks = tokio::time::interval(LOOK);
        let reached = async {
            while self.source.asked() < target {
                looks.tick().await;
            }
        };
        tokio::time::timeout(within, reached).await.is_ok()
    }

    /// Kills the hub at some moment, and starts it again.
    async fn end(&mut self) {
        let mut looks = tokio::time::interval(LOOK);
        for _ in 0..self.below(SPREAD) {
            looks.tick().await;
        }
        self.hub.kill().await;
        self.hub.start_again().await;
    }

    /// The run, once it is completed.
    async fn completed(&self, org: &Org, run: &str) -> Value {
        let org = self.hub.see(org);
        let ended = || async {
            let run = org.get(&format!("/v1/sync-runs/{run}")).await.expect(200).json();
            matches!(run["status"].as_str(), Some("completed" | "failed" | "cancelled")).then_some(run)
        };
        let run = org.wait_for(DONE_IN, ended).await;
        assert_eq!(run["status"], "completed", "{run:#}\n{}", self.hub.log());
        run
    }

    /// Version and data of each contact, by its id.
    async fn records(&self, org: &Org) -> BTreeMap<String, (Value, Value)> {
        let org = self.hub.see(org);
        let (mut all, mut after) = (BTreeMap::new(), String::new());
        loop {
            let page = org.get(&format!("/v1/records/contact?limit=1000{after}")).await.expect(200).json();
            for one in page["items"].as_array().unwrap() {
                let id = one["id"].as_str().unwrap().to_owned();
                all.insert(id, (one["version"].clone(), one["data"].clone()));
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    /// No job waits, runs or has failed, there was one run, and each contact is linked.
    async fn nothing_is_stuck(&self, org: &Org, contacts: u64) {
        let org = self.hub.see(org);
        let at_rest = || async {
            for status in ["queued", "running"] {
                let page = org.get(&format!("/v1/jobs?status={status}&limit=1")).await.expect(200).json();
                if !page["items"].as_array().unwrap().is_empty() {
                    return None;
                }
            }
            Some(())
        };
        org.wait_for(TAKEN_UP_IN, at_rest).await;
        let failed = org.get("/v1/jobs?status=failed&limit=1").await.expect(200).json();
        assert_eq!(failed["items"], json!([]));
        let runs = org.get(&format!("{}/runs", Self::path())).await.expect(200).json();
        assert_eq!(runs["items"].as_array().unwrap().len(), 1, "{runs:#}");
        let sync = org.get(&Self::path()).await.expect(200).json();
        assert_eq!((&sync["linked"], &sync["open_run"]), (&json!(contacts), &Value::Null), "{sync:#}");
    }
}
