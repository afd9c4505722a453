//! Whatever people and programs do on both sides while pages are read, whatever fails and whenever the hub ends: when it rests, both
//! sides hold the same.
//!
//! The order of things comes from a seed, which is printed; `PATCHBAY_SEED` asks for one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use patchbay_tests::salesforce::{EXTERNAL, Fault};
use serde_json::{Value, json};

use super::scene::Scene;

const STEPS: usize = 60;
/// After each so many steps the hub ends, with what waits and what is under way.
const ENDS_EACH: usize = 25;

/// xorshift64: enough for an order.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<T: Clone>(&mut self, some: &[T]) -> Option<T> {
        if some.is_empty() { None } else { Some(some[self.roll(some.len())].clone()) }
    }
}

/// What both sides have to agree on, by e-mail address.
type Agreed = BTreeMap<String, (Value, Value)>;

fn there(scene: &Scene) -> Agreed {
    let value = |fields: &serde_json::Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
    let all = scene.vendor.all("Contact");
    all.values()
        .map(|fields| {
            let email = fields["Email"].as_str().unwrap_or_default().to_owned();
            (email, (value(fields, "LastName"), value(fields, "Title")))
        })
        .collect()
}

async fn here(scene: &Scene) -> Agreed {
    let records = scene.records("contact").await;
    records
        .iter()
        .map(|record| {
            let data = &record["data"];
            let email = data["email"].as_str().unwrap_or_default().to_owned();
            (email, (data["last_name"].clone(), data["title"].clone()))
        })
        .collect()
}

/// One thing that somebody does, or that goes wrong.
async fn step(scene: &Scene, dice: &mut Dice, number: usize) {
    let all = scene.vendor.all("Contact");
    let ids: Vec<String> = all.keys().cloned().collect();
    // what somebody else made here stays when it goes there, so it does not go in this test
    let made_there = |fields: &serde_json::Map<String, Value>| fields.get(EXTERNAL).is_none_or(Value::is_null);
    let own: Vec<String> = all.iter().filter(|(_, fields)| made_there(fields)).map(|(id, _)| id.clone()).collect();
    match dice.roll(13) {
        0 | 1 => {
            let fields = json!({"LastName": format!("There {number}"), "Email": format!("there{number}@example.com")});
            scene.vendor.add("Contact", &fields);
        }
        2..=4 => {
            if let Some(id) = dice.pick(&ids) {
                scene.vendor.edit(&id, &json!({"Title": format!("by there {number}")}));
                if dice.roll(2) == 0 {
                    let (status, _) = scene.vendor.send_message(&scene.hook, &[&id]).await;
                    assert_eq!(status, 200);
                }
            }
        }
        5 => {
            if let Some(id) = dice.pick(&own) {
                scene.vendor.remove(&id);
            }
        }
        6 => {
            if let (Some(one), Some(other)) = (dice.pick(&ids), dice.pick(&own))
                && one != other
            {
                scene.vendor.merge(&one, &other);
            }
        }
        7 => {
            let data = json!({"last_name": format!("Here {number}"), "email": format!("here{number}@example.com")});
            scene.write("contact", &format!("scribe:{number}"), data).await;
        }
        8 | 9 => {
            if let Some(record) = dice.pick(&scene.records("contact").await) {
                let mut data = record["data"].clone();
                data["title"] = json!(format!("by here {number}"));
                let id = record["id"].as_str().unwrap();
                let input = json!({"op": "put", "object": "contact", "id": id, "data": data});
                let written = scene.org.act("scribe", "run", &input).await;
                // it may have gone since it was read
                let is_there = scene.org.get(&format!("/v1/records/contact/{id}")).await.status == 200;
                assert!(written.status == 200 || !is_there, "{}", written.text());
            }
        }
        10 => {
            if let Some(record) = dice.pick(&scene.records("contact").await) {
                let input = json!({"op": "delete", "object": "contact", "id": record["id"], "data": {}});
                let _ = scene.org.act("scribe", "run", &input).await.expect(200);
            }
        }
        11 => {
            let faults = [Fault::Crowded, Fault::Status(503), Fault::LostAnswer, Fault::Locked];
            scene.vendor.fail(dice.pick(&faults));
        }
        _ => {
            scene.vendor.forget_queries();
            scene.clock.advance(Duration::minutes(1));
        }
    }
    if dice.roll(3) == 0 {
        scene.work().await;
        scene.clock.advance(Duration::seconds(7));
    }
}

/// The hub ends as an operator ends it, and another one goes on with what it has left.
async fn restarted(mut scene: Scene) -> Scene {
    let before = scene.hub.url.clone();
    let hub = scene.hub.restart().await;
    scene.org = scene.org.at(&hub);
    scene.hook = scene.hook.replace(&before, &hub.url);
    scene.hub = hub;
    scene
}

pub async fn both_sides_hold_the_same_when_it_rests() {
    let seed = std::env::var("PATCHBAY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5a1e_5f0c_e000_0007);
    println!("PATCHBAY_SEED={seed}");
    let mut dice = Dice(seed);
    let mut scene = Scene::connected().await;
    scene.vendor.import(
        "Contact",
        (0..40).map(
            |number| json!({"LastName": format!("First {number}"), "Email": format!("first{number}@example.com")}),
        ),
    );
    scene.sync("contact", json!({"every_s": 60, "push_deletes": true})).await;
    for number in 0..STEPS {
        step(&scene, &mut dice, number).await;
        if number % ENDS_EACH == ENDS_EACH - 1 {
            scene = restarted(scene).await;
        }
    }
    // faults that wait for something that does not come are over
    scene.clock.advance(Duration::minutes(20));
    for mode in ["delta", "full", "delta"] {
        scene.completed("contact", mode).await;
        scene.clock.advance(Duration::minutes(3));
        scene.work().await;
    }
    let agree = async || there(&scene) == here(&scene).await;
    scene.until(agree).await;
    let links: BTreeSet<String> = scene.vendor.all("Contact").into_keys().collect();
    let linked: BTreeSet<String> = scene
        .records("contact")
        .await
        .iter()
        .filter_map(|record| record["data"]["external_ids"]["salesforce"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(linked, links);
    // at rest nothing is written, and nothing is asked but what a delta asks
    let before = scene.vendor.counts();
    scene.clock.advance(Duration::minutes(3));
    let run = scene.completed("contact", "delta").await;
    let after = scene.vendor.counts();
    assert_eq!(after.writes, before.writes, "an echo: {run:#}");
    assert!(after.all - before.all <= 8, "{} requests for deltas of nothing", after.all - before.all);
    scene.assert_well_behaved();
}
