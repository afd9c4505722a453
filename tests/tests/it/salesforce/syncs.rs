//! Records that come in and go out: first run, deltas, messages, deletions, merges, calls.

use chrono::Duration;
use patchbay_tests::salesforce::{EXTERNAL, Fault};
use serde_json::{Value, json};

use super::scene::Scene;

fn contact(number: usize) -> Value {
    json!({
        "FirstName": "Row", "LastName": format!("{number:05}"), "Email": format!("row{number}@example.com"),
        "Phone": format!("+1415555{number:04}"),
    })
}

pub async fn records_come_by_a_first_run_by_deltas_and_by_messages_and_go_back_without_an_echo() {
    let scene = Scene::connected().await;
    let ids = scene.vendor.import("Contact", (0..2_300).map(contact));
    scene.sync("contact", json!({})).await;
    let run = scene.completed("contact", "full").await;
    assert_eq!(run["counts"]["created"], 2_300, "{run:#}");
    assert_eq!(scene.records("contact").await.len(), 2_300);
    // two pages, and nothing else
    assert_eq!(scene.vendor.counts().queries, 2);
    let ada = scene.linked("contact", &ids[7]).await.unwrap();
    assert_eq!((&ada["data"]["email"], &ada["data"]["first_name"]), (&json!("row7@example.com"), &json!("Row")));
    assert!(ada["data"]["extra"]["salesforce"]["url"].as_str().unwrap().ends_with(&ids[7]), "{ada:#}");
    // a delta: one changed, one is new
    scene.clock.advance(Duration::minutes(10));
    scene.vendor.edit(&ids[7], &json!({"Title": "Countess"}));
    let new = scene.vendor.add("Contact", &json!({"LastName": "Hopper", "Email": "grace@example.com"}));
    scene.completed("contact", "delta").await;
    assert_eq!(scene.linked("contact", &ids[7]).await.unwrap()["data"]["title"], "Countess");
    assert!(scene.linked("contact", &new).await.is_some());
    // an Outbound Message makes it sooner, and an empty one of another org does nothing
    scene.vendor.edit(&ids[8], &json!({"Title": "Admiral"}));
    assert_ne!(scene.vendor.send_message_of("00D000000000002EAA", &scene.hook, &[&ids[8]]).await.0, 200);
    let (status, body) = scene.vendor.send_message(&scene.hook, &[&ids[8]]).await;
    assert!(status == 200 && body.contains("<Ack>true</Ack>"), "{status} {body}");
    scene.until(async || scene.linked("contact", &ids[8]).await.unwrap()["data"]["title"] == "Admiral").await;
    // and back: what somebody else writes here goes there, once
    let record = scene.linked("contact", &ids[8]).await.unwrap();
    let mut data = record["data"].clone();
    data["title"] = json!("Rear admiral");
    let before = scene.vendor.counts().writes;
    scene.write("contact", record["id"].as_str().unwrap(), data).await;
    scene.until(async || scene.vendor.record(&ids[8]).unwrap()["Title"] == "Rear admiral").await;
    scene.write("contact", "scribe:new", json!({"name": "Edsger Dijkstra", "email": "edsger@example.com"})).await;
    let made = async || {
        scene.vendor.all("Contact").values().any(|fields| fields.get("Email") == Some(&json!("edsger@example.com")))
    };
    scene.until(made).await;
    let all = scene.vendor.all("Contact");
    let edsger: Vec<_> =
        all.values().filter(|fields| fields.get("Email") == Some(&json!("edsger@example.com"))).collect();
    assert_eq!(
        (edsger.len(), &edsger[0]["LastName"], &edsger[0][EXTERNAL]),
        (1, &json!("Dijkstra"), &json!("scribe:new"))
    );
    assert_eq!(scene.vendor.counts().writes, before + 2);
    // what we wrote comes back, changes nothing and is not written again
    scene.clock.advance(Duration::minutes(1));
    let echo = scene.completed("contact", "delta").await;
    assert_eq!((&echo["counts"]["created"], &echo["counts"]["pushed"]), (&json!(0), &json!(0)), "{echo:#}");
    scene.work().await;
    assert_eq!(scene.vendor.counts().writes, before + 2, "no echo");
    scene.assert_well_behaved();
}

pub async fn what_is_deleted_or_merged_there_goes_here() {
    let scene = Scene::connected().await;
    let ids = scene.vendor.import("Contact", (0..5).map(contact));
    scene.sync("contact", json!({})).await;
    scene.completed("contact", "full").await;
    scene.clock.advance(Duration::minutes(10));
    scene.vendor.remove(&ids[0]);
    scene.vendor.merge(&ids[1], &ids[2]);
    // the window of deletions ends with the last whole minute
    scene.clock.advance(Duration::minutes(2));
    scene.completed("contact", "delta").await;
    let left: Vec<Option<Value>> = {
        let mut left = Vec::new();
        for id in &ids {
            left.push(scene.linked("contact", id).await);
        }
        left
    };
    assert_eq!(left.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, true, true]);
    // a message about one that is gone is as good
    scene.vendor.remove(&ids[3]);
    assert_eq!(scene.vendor.send_message(&scene.hook, &[&ids[3]]).await.0, 200);
    scene.until(async || scene.linked("contact", &ids[3]).await.is_none()).await;
    // deletions that nobody can tell any more are found all the same: the delta begins anew and reads all
    scene.vendor.remove(&ids[4]);
    scene.clock.advance(Duration::minutes(10));
    scene.vendor.purge();
    let run = scene.completed("contact", "delta").await;
    assert_eq!(run["mode"], "delta", "{run:#}");
    assert!(scene.linked("contact", &ids[4]).await.is_none());
    assert!(scene.linked("contact", &ids[1]).await.is_some());
    // and the next one is a delta again
    scene.clock.advance(Duration::minutes(10));
    let run = scene.completed("contact", "delta").await;
    assert_eq!(run["counts"]["failed"], 0, "{run:#}");
    scene.assert_well_behaved();
}

pub async fn a_next_page_that_leads_elsewhere_is_not_asked_for_and_nothing_is_lost() {
    let scene = Scene::connected().await;
    // with one stamp, all of them
    scene.vendor.import("Contact", (0..2_300).map(contact));
    scene.sync("contact", json!({})).await;
    scene.vendor.lead_astray("https://evil.example/services/data/v68.0/query/01g000000000001-2000");
    let run = scene.completed("contact", "full").await;
    assert_eq!((&run["counts"]["created"], &run["counts"]["failed"]), (&json!(2_300), &json!(0)), "{run:#}");
    assert_eq!(scene.records("contact").await.len(), 2_300);
    assert_eq!(scene.vendor.counts().queries, 2);
    scene.assert_well_behaved();
}

pub async fn pages_go_on_whatever_becomes_of_a_query_and_of_the_limits() {
    let scene = Scene::connected().await;
    scene.vendor.set_skew(Duration::minutes(3));
    scene.vendor.import("Contact", (0..4_500).map(contact));
    scene.sync("contact", json!({})).await;
    scene.vendor.fail([Fault::Crowded, Fault::Status(503)]);
    let path = "/v1/installations/salesforce/syncs/contact/runs";
    let asked = scene.org.call("POST", path).json(&json!({"mode": "full"})).send().await;
    assert!((200..300).contains(&asked.status), "{}", asked.text());
    scene.until(async || scene.records("contact").await.len() >= 2_000).await;
    scene.vendor.forget_queries();
    scene.until(async || scene.records("contact").await.len() == 4_500).await;
    // one that changes while the last page is read is not lost, although the clocks differ
    let last = scene.vendor.add("Contact", &json!({"LastName": "Late", "Email": "late@example.com"}));
    // the first may still be the run of all, whose pages were read before
    for _ in 0..2 {
        scene.completed("contact", "delta").await;
    }
    assert!(scene.linked("contact", &last).await.is_some());
    scene.assert_well_behaved();
}

pub async fn the_last_of_a_days_requests_is_left_to_others() {
    let scene = Scene::connected().await;
    scene.sync("contact", json!({})).await;
    scene.completed("contact", "full").await;
    scene.clock.advance(Duration::minutes(10));
    scene.vendor.import("Contact", (0..4_500).map(contact));
    for _ in 0..40 {
        let _ = scene.act("limits", json!({})).await.expect(200);
    }
    let before = scene.vendor.counts().all;
    // with the first page there are 95 of a hundred used up
    scene.vendor.set_limit(before + 3);
    let path = "/v1/installations/salesforce/syncs/contact/runs";
    let asked = scene.org.call("POST", path).json(&json!({"mode": "delta"})).send().await;
    assert!((200..300).contains(&asked.status), "{}", asked.text());
    scene.until(async || scene.records("contact").await.len() == 2_000).await;
    for _ in 0..5 {
        scene.clock.advance(Duration::minutes(5));
        scene.work().await;
    }
    assert_eq!(scene.vendor.counts().all, before + 1, "it rests for an hour");
    scene.vendor.set_limit(100_000);
    scene.clock.advance(Duration::hours(1));
    scene.until(async || scene.records("contact").await.len() == 4_500).await;
    scene.assert_well_behaved();
}

pub async fn accounts_and_opportunities_refer_to_each_other_on_both_sides() {
    let scene = Scene::connected().await;
    let account = scene.vendor.add("Account", &json!({"Name": "Example", "NumberOfEmployees": 12}));
    let fields = json!({"LastName": "Lovelace", "Email": "ada@example.com", "AccountId": account});
    let ada = scene.vendor.add("Contact", &fields);
    let deal = json!({"Name": "100 seats", "StageName": "Proposal", "CloseDate": "2026-12-01", "Amount": 12_000.5, "AccountId": account});
    let deal = scene.vendor.add("Opportunity", &deal);
    for object in ["company", "contact", "deal"] {
        scene.sync(object, json!({})).await;
        scene.completed(object, "full").await;
    }
    let company = scene.linked("company", &account).await.unwrap();
    assert_eq!(company["data"]["employees"], 12);
    assert_eq!(scene.linked("contact", &ada).await.unwrap()["data"]["company_id"], company["id"]);
    let found = scene.linked("deal", &deal).await.unwrap();
    let facts = (&found["data"]["status"], &found["data"]["amount"], &found["data"]["company_id"]);
    assert_eq!(facts, (&json!("open"), &json!({"amount": 1_200_050, "currency": "USD"}), &company["id"]));
    scene.clock.advance(Duration::minutes(10));
    scene.vendor.edit(&deal, &json!({"StageName": "Closed Won"}));
    scene.completed("deal", "delta").await;
    assert_eq!(scene.linked("deal", &deal).await.unwrap()["data"]["status"], "won");
    scene.assert_well_behaved();
}

pub async fn a_call_that_ends_is_logged_once_with_whom_it_was() {
    let scene = Scene::connected().await;
    let ada = scene.vendor.add("Contact", &json!({"LastName": "Lovelace", "Phone": "(415) 555-0100"}));
    scene.sync("contact", json!({})).await;
    scene.completed("contact", "full").await;
    scene.sync("call", json!({"direction": "out"})).await;
    let call = |status: &str| {
        json!({
            "direction": "inbound", "status": status, "from": "+14155550100", "to": "+13125550188", "duration_s": 61,
            "started_at": "2026-11-01T00:00:00Z", "summary": "Asked for a quote.", "outcome": "quote wanted",
        })
    };
    scene.write("call", "scribe:1", call("in-progress")).await;
    scene.work().await;
    scene.vendor.fail([Fault::LostAnswer]);
    scene.write("call", "scribe:1", call("completed")).await;
    scene
        .until(async || {
            scene.org.get("/v1/installations/salesforce/syncs/call").await.expect(200).json()["linked"] == 1
        })
        .await;
    let tasks = scene.vendor.all("Task");
    assert_eq!(tasks.len(), 1, "an answer was lost, and there is one all the same: {tasks:#?}");
    let task = tasks.values().next().unwrap();
    let expected = [
        ("TaskSubtype", json!("Call")),
        ("Status", json!("Completed")),
        ("CallType", json!("Inbound")),
        ("CallDurationInSeconds", json!(61)),
        ("CallDisposition", json!("quote wanted")),
        ("Description", json!("Asked for a quote.")),
        ("ActivityDate", json!("2026-11-01")),
        ("WhoId", json!(ada)),
    ];
    for (field, value) in expected {
        assert_eq!(task.get(field), Some(&value), "{field}: {task:#?}");
    }
    // the recording is there later than the call
    let recording =
        json!({"status": "available", "call_id": "scribe:1", "url": "https://recordings.example.com/1.mp3"});
    scene.write("recording", "scribe:r1", recording).await;
    let comment = "Asked for a quote.\nRecording: https://recordings.example.com/1.mp3";
    scene.until(async || scene.vendor.all("Task").values().all(|task| task["Description"] == comment)).await;
    // and a new summary does not take it away
    let mut again = call("completed");
    again["summary"] = json!("Wants ten.");
    scene.write("call", "scribe:1", again).await;
    let comment = "Wants ten.\nRecording: https://recordings.example.com/1.mp3";
    scene.until(async || scene.vendor.all("Task").values().all(|task| task["Description"] == comment)).await;
    assert_eq!(scene.vendor.all("Task").len(), 1);
    scene.assert_well_behaved();
}

pub async fn a_call_hangs_on_its_contact_and_on_the_open_deal_of_that() {
    let scene = Scene::connected().await;
    let ada = scene.vendor.add("Contact", &json!({"LastName": "Lovelace", "Email": "ada@example.com"}));
    let deal = json!({"Name": "100 seats", "StageName": "Proposal", "CloseDate": "2026-12-01"});
    let deal = scene.vendor.add("Opportunity", &deal);
    for object in ["contact", "deal"] {
        scene.sync(object, json!({})).await;
        scene.completed(object, "full").await;
    }
    let contact = scene.linked("contact", &ada).await.unwrap()["id"].as_str().unwrap().to_owned();
    let record = scene.linked("deal", &deal).await.unwrap();
    let mut data = record["data"].clone();
    data["contact_id"] = json!(contact);
    scene.write("deal", record["id"].as_str().unwrap(), data).await;
    scene.sync("call", json!({"direction": "out"})).await;
    let call = json!({
        "direction": "outbound", "status": "completed", "from": "+13125550188", "to": "+14155550100", "duration_s": 61,
        "started_at": "2026-11-01T00:00:00Z", "contact_id": contact,
    });
    scene.write("call", "scribe:1", call).await;
    scene.until(async || !scene.vendor.all("Task").is_empty()).await;
    let tasks = scene.vendor.all("Task");
    let task = tasks.values().next().unwrap();
    assert_eq!((task.get("WhoId"), task.get("WhatId")), (Some(&json!(ada)), Some(&json!(deal))), "{task:#?}");
    assert_eq!((&task["CallType"], &task["CallDisposition"]), (&json!("Outbound"), &json!("completed")));
    scene.assert_well_behaved();
}

pub async fn without_the_external_id_field_and_with_locks_records_are_made_once() {
    let scene = Scene::connected().await;
    scene.vendor.set_external_id(false);
    scene.sync("contact", json!({})).await;
    scene.completed("contact", "full").await;
    scene.write("contact", "scribe:1", json!({"last_name": "Hopper", "email": "grace@example.com"})).await;
    scene.until(async || scene.vendor.all("Contact").len() == 1).await;
    scene.vendor.set_external_id(true);
    // it is there already, by its e-mail address
    scene.vendor.add("Contact", &json!({"LastName": "Dijkstra", "Email": "edsger@example.com"}));
    scene.write("contact", "scribe:2", json!({"last_name": "Dijkstra", "email": "edsger@example.com"})).await;
    scene.vendor.fail([Fault::Locked]);
    scene.write("contact", "scribe:3", json!({"last_name": "Lovelace", "email": "ada@example.com"})).await;
    let linked =
        async || scene.org.get("/v1/installations/salesforce/syncs/contact").await.expect(200).json()["linked"] == 3;
    scene.until(linked).await;
    assert_eq!(scene.vendor.all("Contact").len(), 3);
    scene.assert_well_behaved();
}

pub async fn the_fields_of_this_org_are_told_and_a_mapping_is_held_to_them() {
    let scene = Scene::connected().await;
    let fields = scene.org.get("/v1/installations/salesforce/syncs/contact/fields").await.expect(200).json();
    let text = fields.to_string();
    assert!(text.contains(EXTERNAL) && text.contains("LeadSource") && !text.contains("MailingAddress"), "{text}");
    let mapping = json!({"fields": [{"hub": "/email", "vendor": "Nothing__c"}]});
    let refused = scene
        .org
        .call("PUT", "/v1/installations/salesforce/syncs/contact")
        .json(&json!({"mapping": mapping}))
        .send()
        .await;
    refused.expect_problem("invalid_input");
}
