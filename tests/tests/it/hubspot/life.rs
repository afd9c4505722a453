//! What happens to a connection, and what goes from one side to the other.

use chrono::Duration;
use patchbay_tests::hubspot::{Kind, PORTAL};
use serde_json::{Value, json};

use super::scene::{SECRET, Scene};

/// The requests that read contacts.
const SEARCHES: &str = "POST /objects/contacts/search";
const WRITES: [&str; 2] = ["POST /objects/contacts/batch/upsert", "POST /objects/contacts/batch/update"];

pub async fn a_connection_lives_from_consent_to_revocation_and_leaves_no_token() {
    let scene = Scene::start(json!({})).await;
    scene.authorize(&scene.acme).await;
    let org = &scene.acme.org;
    let shown = org.get("/v1/connections/hubspot").await.expect(200).json();
    assert_eq!(shown["oauth"]["state"], "connected", "{shown}");
    assert!(shown.to_string().contains(&PORTAL.to_string()), "the account is HubSpot's own number: {shown}");
    let nothing = json!({});
    let test = || org.act("hubspot", "test-connection", &nothing);
    assert_eq!(test().await.expect(200).json()["output"]["portal_id"], PORTAL);
    // renewed before the half hour is over, by one request however many ask
    scene.clock.advance(Duration::minutes(29));
    let replies = futures::future::join_all((0..20).map(|_| test())).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(scene.hubspot.count("oauth refresh_token"), 1);
    // uninstalled in HubSpot, and connected again
    scene.hubspot.uninstall(PORTAL);
    test().await.expect_problem("reauthorization_needed");
    scene.authorize(&scene.acme).await;
    assert_eq!(test().await.status, 200);
    // disconnected here
    let _ = org.call("DELETE", "/v1/connections/hubspot").send().await;
    scene.settle().await;
    org.wait_for(std::time::Duration::from_secs(60), || async {
        scene.clock.advance(Duration::seconds(30));
        scene.hub.hub.work_due_jobs().await.unwrap();
        scene.hubspot.good_tokens().is_empty().then_some(())
    })
    .await;
    for (path, bytes) in scene.hub.kept().await {
        for secret in scene.hubspot.secrets() {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
        }
    }
    scene.assert_well_behaved();
}

pub async fn contacts_go_both_ways_and_nothing_comes_back_as_an_echo() {
    let scene = Scene::in_step(json!({}), &[]).await;
    let there = scene.hubspot.edit(PORTAL, |portal, now| {
        let ada =
            [("email", "Ada@Example.com"), ("firstname", "Ada"), ("lastname", "Lovelace"), ("phone", "+15550100")];
        portal.create(Kind::Contacts, &ada, now)
    });
    scene.switch_on(&scene.acme, "contact", json!({})).await;
    scene.run(&scene.acme, "contact", "full").await;
    let ada = scene.record_of(&scene.acme, "contact", there).await.unwrap();
    assert_eq!(
        (&ada["email"], &ada["name"], &ada["phone"]),
        (&json!("ada@example.com"), &json!("Ada Lovelace"), &json!("+15550100"))
    );
    let link = ada["extra"]["hubspot"]["url"].as_str().unwrap();
    assert_eq!(link, format!("https://app.hubspot.com/contacts/{PORTAL}/record/0-1/{there}"));
    // made here, and joined with what is there by the address
    scene.hubspot.edit(PORTAL, |portal, now| portal.create(Kind::Contacts, &[("email", "grace@example.com")], now));
    scene.put(&scene.acme, "contact", "scribe:1", json!({"email": "bob@example.com", "first_name": "Bob"})).await;
    scene.put(&scene.acme, "contact", "scribe:2", json!({"email": "grace@example.com", "first_name": "Grace"})).await;
    scene.settle().await;
    let names = scene.hubspot.edit(PORTAL, |portal, _| {
        let mut names: Vec<(String, String)> = Vec::new();
        for id in portal.ids(Kind::Contacts) {
            let properties = portal.get(Kind::Contacts, id).unwrap();
            let text = |name: &str| properties.get(name).cloned().unwrap_or_default();
            names.push((text("email").to_lowercase(), text("firstname")));
        }
        names.sort();
        names
    });
    let expected = [("ada@example.com", "Ada"), ("bob@example.com", "Bob"), ("grace@example.com", "Grace")];
    assert_eq!(names, expected.map(|(email, name)| (email.to_owned(), name.to_owned())), "one of each");
    // what we wrote comes back by delta and by webhook, with what only HubSpot knows, and is not written again on either side
    scene.hubspot.reset_counts();
    let mut before = Vec::new();
    for _ in 0..2 {
        scene.clock.advance(Duration::minutes(5));
        scene.run(&scene.acme, "contact", "delta").await;
        scene.send_webhooks(&scene.acme, PORTAL).await;
        before.push(scene.records(&scene.acme, "contact").await);
    }
    assert_eq!(before[0], before[1]);
    assert!(before[0].iter().all(|(_, data)| data["source_created_at"].is_string() && data["name"].is_string()));
    for write in WRITES {
        assert_eq!(scene.hubspot.count(write), 0, "an echo: {:?}", scene.hubspot.counts());
    }
    // a person's change is told by webhook, without a run
    scene.hubspot.edit(PORTAL, |portal, now| portal.set(Kind::Contacts, there, &[("lastname", "King")], now));
    scene.send_webhooks(&scene.acme, PORTAL).await;
    assert_eq!(scene.record_of(&scene.acme, "contact", there).await.unwrap()["last_name"], "King");
    assert_eq!(scene.hubspot.count("POST /objects/contacts/batch/upsert"), 0);
    scene.assert_well_behaved();
}

pub async fn what_is_deleted_and_merged_is_found_with_and_without_webhooks() {
    let scene = Scene::in_step(json!({}), &[]).await;
    let ids: Vec<u64> = (0..6)
        .map(|index| {
            let email = format!("{index}@example.com");
            scene.hubspot.edit(PORTAL, |portal, now| portal.create(Kind::Contacts, &[("email", email.as_str())], now))
        })
        .collect();
    scene.switch_on(&scene.acme, "contact", json!({})).await;
    scene.run(&scene.acme, "contact", "full").await;
    assert_eq!(scene.records(&scene.acme, "contact").await.len(), 6);
    let _ = scene.hubspot.webhooks(PORTAL);
    // told
    scene.hubspot.edit(PORTAL, |portal, now| {
        portal.delete(Kind::Contacts, ids[0], now);
        portal.merge(Kind::Contacts, ids[1], ids[2], now);
        portal.purge(Kind::Contacts, ids[5], now);
    });
    scene.send_webhooks(&scene.acme, PORTAL).await;
    let left: Vec<u64> = vec![ids[1], ids[3], ids[4]];
    assert_eq!(linked(&scene).await, left);
    // not told: found by the sweep of the next hour and by the survivor
    scene.hubspot.edit(PORTAL, |portal, now| {
        portal.delete(Kind::Contacts, ids[3], now);
        portal.merge(Kind::Contacts, ids[1], ids[4], now);
    });
    scene.clock.advance(Duration::minutes(61));
    scene.run(&scene.acme, "contact", "delta").await;
    assert_eq!(linked(&scene).await, [ids[1]]);
    // and what a sweep cannot see, because it was purged, by reading all
    scene.hubspot.edit(PORTAL, |portal, now| portal.purge(Kind::Contacts, ids[1], now));
    scene.run(&scene.acme, "contact", "full").await;
    assert!(linked(&scene).await.is_empty());
    scene.assert_well_behaved();
}

pub async fn contacts_that_become_one_under_another_id_are_one_record_that_was_there() {
    let scene = Scene::in_step(json!({}), &[]).await;
    let ids: Vec<u64> = (0..4)
        .map(|index| {
            let email = format!("{index}@example.com");
            scene.hubspot.edit(PORTAL, |portal, now| portal.create(Kind::Contacts, &[("email", email.as_str())], now))
        })
        .collect();
    scene.switch_on(&scene.acme, "contact", json!({})).await;
    scene.run(&scene.acme, "contact", "full").await;
    let _ = scene.hubspot.webhooks(PORTAL);
    let before = scene.records(&scene.acme, "contact").await;
    let had = |id: &str| before.iter().any(|(record, _)| record == id);
    let merge = |one: usize, other: usize| {
        scene.hubspot.edit(PORTAL, |portal, now| portal.merge_anew(Kind::Contacts, ids[one], ids[other], now)).unwrap()
    };
    // told
    let first = merge(0, 1);
    scene.send_webhooks(&scene.acme, PORTAL).await;
    assert_eq!(linked(&scene).await, [ids[2], ids[3], first]);
    // not told
    scene.clock.advance(Duration::minutes(5));
    let second = merge(2, 3);
    let _ = scene.hubspot.webhooks(PORTAL);
    scene.clock.advance(Duration::minutes(5));
    scene.run(&scene.acme, "contact", "delta").await;
    assert_eq!(linked(&scene).await, [first, second]);
    let after = scene.records(&scene.acme, "contact").await;
    assert!(after.iter().all(|(id, _)| had(id)), "what refers to a record still finds it: {before:?} {after:?}");
    scene.assert_well_behaved();
}

/// HubSpot's ids of the contacts here.
async fn linked(scene: &Scene) -> Vec<u64> {
    let records = scene.records(&scene.acme, "contact").await;
    let ids = records.iter().filter_map(|(_, data)| data["external_ids"]["hubspot"].as_str());
    let mut ids: Vec<u64> = ids.map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

pub async fn webhooks_of_another_account_or_another_hand_open_nothing() {
    let scene = Scene::in_step(json!({}), &["contact"]).await;
    scene.settle().await;
    let id =
        scene.hubspot.edit(PORTAL, |portal, now| portal.create(Kind::Contacts, &[("email", "a@example.com")], now));
    let told = scene.hubspot.webhooks(PORTAL).pop().unwrap();
    scene.send(&scene.acme, &told.to_string(), "another-secret").await.expect_problem("webhook_refused");
    let mut foreign = told.clone();
    foreign[0]["portalId"] = json!(PORTAL + 1);
    scene.hubspot.reset_counts();
    assert_eq!(scene.send(&scene.acme, &foreign.to_string(), SECRET).await.status, 200);
    scene.settle().await;
    assert_eq!(scene.hubspot.count("/objects/contacts/batch/read"), 0, "{:?}", scene.hubspot.counts());
    assert_eq!(scene.record_of(&scene.acme, "contact", id).await, None);
    for _ in 0..3 {
        assert_eq!(scene.send(&scene.acme, &told.to_string(), SECRET).await.status, 200);
    }
    scene.settle().await;
    assert!(scene.record_of(&scene.acme, "contact", id).await.is_some());
    assert_eq!(scene.hubspot.count("/objects/contacts/batch/read"), 1, "taken in once: {:?}", scene.hubspot.counts());
    scene.assert_well_behaved();
}

pub async fn calls_are_told_to_hubspot_and_who_is_unknown_is_asked_for() {
    let scene = Scene::in_step(json!({}), &["contact", "deal"]).await;
    let (ada, deal) = scene.hubspot.edit(PORTAL, |portal, now| {
        let ada = portal.create(Kind::Contacts, &[("email", "ada@example.com"), ("phone", "+15550100")], now);
        let deal = portal.create(Kind::Deals, &[("dealname", "100 seats"), ("amount", "12000")], now);
        portal.associate((Kind::Deals, deal), (Kind::Contacts, ada), 3);
        (ada, deal)
    });
    scene.run(&scene.acme, "contact", "full").await;
    scene.run(&scene.acme, "deal", "full").await;
    let record = scene.record_of(&scene.acme, "deal", deal).await.unwrap();
    assert_eq!(
        (&record["status"], &record["amount"]),
        (&json!("open"), &json!({"amount": 1_200_000, "currency": "EUR"}))
    );
    scene.switch_on(&scene.acme, "call", json!({"direction": "out"})).await;
    scene.settle().await;
    let call = |from: &str, status: &str| {
        json!({
            "direction": "inbound", "status": status, "from": from, "to": "+15550199", "started_at": "2026-10-31T23:00:00Z",
            "duration_s": 61, "outcome": "left voicemail", "summary": "Wants 100 seats",
        })
    };
    scene.put(&scene.acme, "call", "scribe:7", call("+15550100", "in-progress")).await;
    scene.settle().await;
    assert!(scene.hubspot.edit(PORTAL, |portal, _| portal.ids(Kind::Calls)).is_empty(), "it has not ended");
    scene.put(&scene.acme, "call", "scribe:7", call("+15550100", "completed")).await;
    scene.put(&scene.acme, "call", "scribe:8", call("+15550111", "completed")).await;
    scene.settle().await;
    let (calls, told) = scene.hubspot.edit(PORTAL, |portal, _| {
        let calls = portal.ids(Kind::Calls);
        let told = calls.iter().map(|id| {
            let properties = portal.get(Kind::Calls, *id).unwrap().clone();
            (
                properties,
                portal.associated(Kind::Calls, *id, Kind::Contacts),
                portal.associated(Kind::Calls, *id, Kind::Deals),
            )
        });
        (calls.clone(), told.collect::<Vec<_>>())
    });
    assert_eq!(calls.len(), 2);
    let (first, contacts, deals) =
        told.iter().find(|(properties, ..)| properties["hs_call_from_number"] == "+15550100").unwrap();
    assert_eq!((first["hs_call_duration"].as_str(), first["hs_call_body"].as_str()), ("61000", "Wants 100 seats"));
    assert_eq!(first["hs_call_disposition"], "b2cf5968-551e-4856-9783-52b3da59a7d0");
    assert_eq!((contacts.as_slice(), deals.as_slice()), ([(ada, 194)].as_slice(), [(deal, 206)].as_slice()));
    let events = scene.acme.org.get("/v1/events?type=hubspot.*&limit=50").await.expect(200).json();
    let events = events["items"].as_array().unwrap();
    assert_eq!((events.len(), &events[0]["data"]["number"]), (1, &json!("+15550111")));
    scene.assert_well_behaved();
}

pub async fn two_organizations_with_one_account_see_their_own() {
    let scene = Scene::in_step(json!({}), &["contact"]).await;
    let other = scene.tenant("other", json!({})).await;
    scene.connect(&other, PORTAL).await;
    scene.switch_on(&other, "contact", json!({})).await;
    // a record of the same id in both: two contacts, and each its own
    scene.put(&scene.acme, "contact", "scribe:1", json!({"first_name": "Of acme"})).await;
    scene.put(&other, "contact", "scribe:1", json!({"first_name": "Of other"})).await;
    scene.settle().await;
    scene.run(&other, "contact", "delta").await;
    let names = scene.hubspot.edit(PORTAL, |portal, _| {
        let ids = portal.ids(Kind::Contacts);
        let mut names: Vec<String> =
            ids.iter().map(|id| portal.get(Kind::Contacts, *id).unwrap()["firstname"].clone()).collect();
        names.sort();
        names
    });
    assert_eq!(names, ["Of acme", "Of other"]);
    let name =
        |records: &[(String, Value)]| records.iter().find(|(id, _)| id == "scribe:1").unwrap().1["first_name"].clone();
    assert_eq!(name(&scene.records(&scene.acme, "contact").await), "Of acme");
    assert_eq!(name(&scene.records(&other, "contact").await), "Of other");
    scene.assert_well_behaved();
}

pub async fn what_is_asked_before_a_write_counts_for_the_run_that_goes_on() {
    let scene = Scene::in_step(json!({}), &[]).await;
    scene.hubspot.edit(PORTAL, |portal, now| {
        for index in 0..1_400 {
            let email = format!("{index}@example.com");
            portal.create(Kind::Contacts, &[("email", email.as_str())], now - 86_400_000);
        }
    });
    scene.switch_on(&scene.acme, "contact", json!({})).await;
    let path = "/v1/installations/hubspot/syncs/contact/runs";
    let asked = scene.acme.org.call("POST", path).json(&json!({"mode": "full"})).send().await.json();
    let id = asked["id"].as_str().unwrap();
    // its first pages: HubSpot wants to be left alone before the others
    scene.hub.hub.work_due_jobs().await.unwrap();
    scene.put(&scene.acme, "contact", "scribe:1", json!({"email": "ada@example.com", "first_name": "Ada"})).await;
    scene.settle().await;
    let run = scene.acme.org.get(&format!("/v1/sync-runs/{id}")).await.expect(200).json();
    assert_eq!((&run["status"], &run["counts"]["pushed"]), (&json!("completed"), &json!(1)), "{run}");
    let runs = scene.acme.org.get("/v1/runs?plugin=hubspot&status=succeeded&limit=200").await.expect(200).json();
    let of_the_sync = |run: &&Value| run["kind"] == "job" && run["operation"] == "contact";
    let calls = runs["items"].as_array().unwrap().iter().filter(of_the_sync).count();
    assert_eq!(run["counts"]["calls"], json!(calls), "{run}");
    scene.assert_well_behaved();
}

pub async fn a_first_sync_takes_no_more_requests_than_it_must_and_its_delta_neither() {
    const ALL: usize = 4_000;
    let scene = Scene::in_step(json!({}), &[]).await;
    scene.hubspot.edit(PORTAL, |portal, now| {
        for index in 0..ALL {
            let email = format!("{index}@example.com");
            // as after an import: many at once, and long ago
            let made = now - 86_400_000 + u64::try_from(index / 100).unwrap();
            portal.create(Kind::Contacts, &[("email", email.as_str())], made);
        }
    });
    scene.switch_on(&scene.acme, "contact", json!({"direction": "in"})).await;
    scene.run(&scene.acme, "contact", "full").await;
    assert_eq!(scene.records(&scene.acme, "contact").await.len(), ALL);
    let least = u64::try_from(ALL.div_ceil(200)).unwrap();
    let asked = scene.hubspot.count(SEARCHES);
    assert!(asked <= least + least / 20, "{asked} searches where {least} are the least");
    // changes of which many share a millisecond
    scene.clock.advance(Duration::minutes(10));
    scene.hubspot.edit(PORTAL, |portal, now| {
        for id in portal.ids(Kind::Contacts).into_iter().take(1_000) {
            portal.set(Kind::Contacts, id, &[("firstname", "Changed")], now + id % 10);
        }
    });
    scene.clock.advance(Duration::minutes(1));
    scene.hubspot.reset_counts();
    scene.run(&scene.acme, "contact", "delta").await;
    let changed = scene.records(&scene.acme, "contact").await;
    assert_eq!(changed.iter().filter(|(_, data)| data["first_name"] == "Changed").count(), 1_000);
    let asked = scene.hubspot.count(SEARCHES);
    assert_eq!(asked, 5, "a thousand rows are five pages, a hundred of them in each millisecond as batches make them");
    scene.assert_well_behaved();
}
