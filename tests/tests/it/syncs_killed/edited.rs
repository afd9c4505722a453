//! People go on working on both sides while a first sync is read, the vendor has bad days, and the hub is killed again and again: when
//! it rests, both sides hold the same.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::Duration as Span;
use patchbay_model::{Clock as _, SeededRandom, SystemClock};
use patchbay_tests::{
    Fixture, HubSpot, Org, Salesforce, TestHub,
    hub::HubProcess,
    hubspot::{self, Kind, PORTAL},
    salesforce,
};
use serde_json::{Map, Value, json};

use super::{
    HUBSPOT_PAGE, Killing, Plan, SALESFORCE_PAGE, Source, in_pages_of, process_at_hubspot, process_at_salesforce, say,
};
use crate::salesforce::scene::Scene;

/// What is done at the vendor before each kill.
const EDITS: u64 = 12;

/// On PostgreSQL what a kill broke off is taken up when its lease has ended, after half a minute.
const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(40);

/// How addresses of contacts begin that were made here: nobody there deletes those.
const MADE_HERE: &str = "here";

/// By the vendor's id: address, and the two fields that are edited, one on each side.
type Agreed = BTreeMap<String, [String; 3]>;

/// Whose people edit, delete and merge contacts.
trait Busy: Source {
    /// Fields of a record here that stand for what [`Busy::there`] gives.
    const FIELDS: [&'static str; 3];

    /// One thing that somebody does there; `choice` says what, `one` and `other` to whom.
    fn edit(&self, number: u64, choice: u64, one: u64, other: u64);

    /// The next request meets a limit, or is answered to nobody.
    fn fail(&self, choice: u64);

    fn there(&self) -> Agreed;
}

fn nth<T: Clone>(all: &[T], number: u64) -> T {
    all[usize::try_from(number).unwrap() % all.len()].clone()
}

impl Busy for HubSpot {
    const FIELDS: [&'static str; 3] = ["email", "first_name", "last_name"];

    fn edit(&self, number: u64, choice: u64, one: u64, other: u64) {
        self.edit(PORTAL, |portal, now| {
            let is_theirs = |id: &u64| {
                let email = portal.get(Kind::Contacts, *id).and_then(|fields| fields.get("email"));
                email.is_none_or(|email| !email.starts_with(MADE_HERE))
            };
            let ids: Vec<u64> = portal.ids(Kind::Contacts).into_iter().filter(is_theirs).collect();
            let (one, other) = (nth(&ids, one), nth(&ids, other));
            let (email, name) = (format!("there{number}@example.com"), format!("There {number}"));
            match choice {
                0..=2 => {
                    portal.create(Kind::Contacts, &[("email", &email), ("firstname", "New")], now);
                }
                3 => {
                    portal.delete(Kind::Contacts, one, now);
                }
                4 if one != other => {
                    portal.merge(Kind::Contacts, one, other, now);
                }
                _ => {
                    portal.set(Kind::Contacts, one, &[("lastname", &name)], now);
                }
            }
        });
    }

    fn fail(&self, choice: u64) {
        let faults = [
            hubspot::Fault::Limited("SECONDLY"),
            hubspot::Fault::Limited("TEN_SECONDLY_ROLLING"),
            hubspot::Fault::Status(502, None),
            hubspot::Fault::DoneAndLost,
        ];
        Self::fail(self, [nth(&faults, choice)]);
    }

    fn there(&self) -> Agreed {
        self.edit(PORTAL, |portal, _| {
            let contacts = portal.ids(Kind::Contacts).into_iter().map(|id| {
                let fields = portal.get(Kind::Contacts, id).unwrap();
                let own = ["email", "firstname", "lastname"].map(|name| fields.get(name).cloned().unwrap_or_default());
                (id.to_string(), own)
            });
            contacts.collect()
        })
    }
}

impl Busy for Salesforce {
    const FIELDS: [&'static str; 3] = ["email", "first_name", "last_name"];

    fn edit(&self, number: u64, choice: u64, one: u64, other: u64) {
        let is_theirs = |fields: &Map<String, Value>| {
            fields.get("Email").and_then(Value::as_str).is_none_or(|email| !email.starts_with(MADE_HERE))
        };
        let all = self.all("Contact").into_iter().filter(|(_, fields)| is_theirs(fields));
        let ids: Vec<String> = all.map(|(id, _)| id).collect();
        let (one, other) = (nth(&ids, one), nth(&ids, other));
        let (email, name) = (format!("there{number}@example.com"), format!("There {number}"));
        match choice {
            0..=2 => {
                self.add("Contact", &json!({"FirstName": "New", "LastName": "Nobody", "Email": email}));
            }
            3 => self.remove(&one),
            4 if one != other => self.merge(&one, &other),
            _ => Self::edit(self, &one, &json!({"LastName": name})),
        }
    }

    fn fail(&self, choice: u64) {
        let faults = [
            salesforce::Fault::Crowded,
            salesforce::Fault::Status(503),
            salesforce::Fault::LostAnswer,
            salesforce::Fault::Locked,
        ];
        Self::fail(self, [nth(&faults, choice)]);
    }

    fn there(&self) -> Agreed {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let contacts = self.all("Contact").into_iter();
        contacts.map(|(id, all)| (id, ["Email", "FirstName", "LastName"].map(|name| text(all.get(name))))).collect()
    }
}

pub async fn both_sides_of_hubspot_hold_the_same_whatever_is_edited_while_the_hub_is_killed() {
    let plan = Plan::new();
    let vendor = HubSpot::start(Arc::new(SystemClock)).await;
    vendor.edit(PORTAL, |portal, now| {
        for index in 0..plan.contacts(HUBSPOT_PAGE) {
            let email = format!("{index}@example.com");
            portal.create(Kind::Contacts, &[("email", &email), ("firstname", "Ada")], now - 86_400_000);
        }
    });
    let hub = TestHub::setup().upstream("api.hubapi.com", &vendor.url()).start().await;
    let org = hub.org("killed").await;
    for (plugin, package) in [("hubspot", in_pages_of("hubspot", HUBSPOT_PAGE)), ("scribe", Fixture::load("scribe"))] {
        let _ = org.upload(package.pack()).await.expect(201);
        let _ = org.install(plugin, json!({})).await.expect(200);
    }
    let _ = org.connect("hubspot", "access_token", &vendor.token(PORTAL)).await.expect(200);
    let (hub, database) = process_at_hubspot(hub, &vendor).await;
    busy(&plan, &vendor, hub, &org, database).await;
}

pub async fn both_sides_of_salesforce_hold_the_same_whatever_is_edited_while_the_hub_is_killed() {
    let plan = Plan::new();
    let scene = Scene::start_at(SystemClock.now()).await;
    let _ = scene.consent(&scene.org).await.expect(200);
    let _ = scene.org.upload(in_pages_of("salesforce", SALESFORCE_PAGE).version("0.1.1").pack()).await.expect(201);
    let Scene { hub, org, vendor, .. } = scene;
    vendor.set_skew(-Span::days(1));
    let contacts = (0..plan.contacts(SALESFORCE_PAGE))
        .map(|index| json!({"FirstName": "Ada", "LastName": "Nobody", "Email": format!("{index}@example.com")}));
    let _ = vendor.import("Contact", contacts);
    vendor.set_skew(Span::zero());
    let (hub, database) = process_at_salesforce(hub, &vendor).await;
    busy(&plan, &vendor, hub, &org, database).await;
}

async fn busy<S: Busy>(plan: &Plan, vendor: &S, hub: HubProcess, org: &Org, database: &str) {
    say(&format!("{} on {database}, edited: {} kills, PATCHBAY_CRASH_SEED={}", S::PLUGIN, plan.kills, plan.seed));
    let mut killing = Killing { hub, source: vendor, dice: SeededRandom::new(plan.seed) };
    let run = killing.begin(org, "both").await;
    for kill in 1..=plan.kills {
        for index in 0..EDITS {
            let choices = [8, u64::MAX, u64::MAX].map(|sides| killing.below(sides));
            vendor.edit(kill * EDITS + index, choices[0], choices[1], choices[2]);
        }
        work_here(&killing, org, kill).await;
        vendor.fail(killing.below(4));
        // what is read may be at its end before the last kill: what waits to be written is killed then, or what rests
        killing.goes_on(LONGER_THAN_A_LEASE).await;
        killing.end().await;
    }
    let _ = killing.completed(org, &run).await;
    for mode in ["full", "delta"] {
        let run = killing.ask(org, mode).await;
        let _ = killing.completed(org, &run).await;
    }

    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut here = Agreed::new();
    for (record, (_, data)) in killing.records(org).await {
        let own = S::FIELDS.map(|name| text(&data[name]));
        match data["external_ids"][S::PLUGIN].as_str() {
            Some(id) => assert_eq!(here.insert(id.to_owned(), own), None, "two records of one contact: {record}"),
            None => assert!(!own[0].starts_with(MADE_HERE), "it did not come there: {record} {data}"),
        }
    }
    let there = vendor.there();
    let differ: Vec<_> = here.iter().filter(|(id, own)| there.get(*id) != Some(*own)).take(5).collect();
    let missing: Vec<_> = there.iter().filter(|(id, _)| !here.contains_key(*id)).take(5).collect();
    assert!(differ.is_empty() && missing.is_empty(), "differ: {differ:#?}, not here: {missing:#?}");
    let made = there.values().filter(|[email, ..]| email.starts_with(MADE_HERE)).count();
    assert_eq!(u64::try_from(made).unwrap(), plan.kills, "each that was made here is there once");
}

/// Somebody makes a contact here, and somebody gives another one another name.
async fn work_here<S: Busy>(killing: &Killing<'_, S>, org: &Org, kill: u64) {
    let all: Vec<(String, Value)> = killing.records(org).await.into_iter().map(|(id, (_, data))| (id, data)).collect();
    let mut writes = vec![(
        format!("scribe:{kill}"),
        json!({"email": format!("{MADE_HERE}{kill}@example.com"), "first_name": "Made", "last_name": "Here"}),
    )];
    let known: Vec<_> = all.into_iter().filter(|(id, _)| !id.starts_with("scribe:")).collect();
    if !known.is_empty() {
        let (id, mut data) = nth(&known, killing.below(u64::MAX));
        data["first_name"] = json!(format!("By here {kill}"));
        writes.push((id, data));
    }
    let org = killing.hub.see(org);
    for (id, data) in writes {
        let input = json!({"op": "put", "object": "contact", "id": id, "data": data});
        let _ = org.act("scribe", "run", &input).await.expect(200);
    }
}
