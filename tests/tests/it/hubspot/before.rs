//! What was here before HubSpot was connected, or before a sync went out.

use std::collections::BTreeSet;

use patchbay_tests::hubspot::{Fault, Kind, PORTAL};
use serde_json::{Value, json};

use super::scene::{Scene, Tenant};

/// More than one page of what goes out.
const BEFORE: usize = 130;

impl Scene {
    /// Writes so many contacts as another plugin, with numbers from 0 in their addresses.
    async fn many(&self, tenant: &Tenant, count: usize) {
        let data = json!({"email": "here#@example.com", "first_name": "Here #"});
        let input = json!({"op": "many", "object": "contact", "id": count.to_string(), "data": data});
        let _ = tenant.org.act("scribe", "run", &input).await.expect(200);
    }

    /// Has what is due done, runs of syncs too.
    async fn settle_due(&self) {
        self.hub.hub.run_due_syncs().await.unwrap();
        self.settle().await;
    }

    /// The addresses of HubSpot's contacts, each once, and how many contacts there are.
    fn there(&self) -> (BTreeSet<String>, usize) {
        self.hubspot.edit(PORTAL, |portal, _| {
            let ids = portal.ids(Kind::Contacts);
            let email = |id: &u64| portal.get(Kind::Contacts, *id).unwrap()["email"].to_lowercase();
            (ids.iter().map(email).collect(), ids.len())
        })
    }

    fn written(&self) -> u64 {
        self.hubspot.count("/batch/upsert") + self.hubspot.count("/batch/update")
    }
}

fn addresses(count: usize) -> BTreeSet<String> {
    (0..count).map(|index| format!("here{index}@example.com")).collect()
}

pub async fn what_was_here_before_is_in_hubspot_once_after_the_first_run() {
    let scene = Scene::in_step(json!({}), &[]).await;
    scene.many(&scene.acme, BEFORE).await;
    // one whom both have, and one who is only there
    scene.hubspot.edit(PORTAL, |portal, now| {
        portal.create(Kind::Contacts, &[("email", "here7@example.com"), ("lastname", "Known")], now - 86_400_000);
        portal.create(Kind::Contacts, &[("email", "there@example.com")], now - 86_400_000);
    });
    scene.switch_on(&scene.acme, "contact", json!({})).await;
    let run = scene.run(&scene.acme, "contact", "full").await;
    let mut expected = addresses(BEFORE);
    expected.insert("there@example.com".to_owned());
    assert_eq!(scene.there(), (expected.clone(), BEFORE + 1), "{run:#}");
    assert_eq!((&run["counts"]["failed"], &run["counts"]["created"]), (&json!(0), &json!(1)), "{run:#}");
    let records = scene.records(&scene.acme, "contact").await;
    assert_eq!(records.len(), BEFORE + 1);
    assert!(records.iter().all(|(_, data)| data["external_ids"]["hubspot"].is_string()), "each has its counterpart");
    let known = records.iter().find(|(_, data)| data["email"] == "here7@example.com").unwrap();
    assert_eq!((known.0.as_str(), &known.1["last_name"]), ("scribe:000007", &json!("Known")), "joined, not made");
    // and all is as it should be: what is gone through again is written no more
    scene.hubspot.reset_counts();
    scene.clock.advance(chrono::Duration::minutes(5));
    let again = scene.run(&scene.acme, "contact", "full").await;
    assert_eq!((scene.written(), &again["counts"]["pushed"]), (0, &json!(0)), "{again:#}");
    assert_eq!(scene.there(), (expected, BEFORE + 1));
    scene.assert_well_behaved();
}

pub async fn who_was_deleted_in_hubspot_does_not_come_back_by_a_run_through_all() {
    let scene = Scene::in_step(json!({}), &[]).await;
    scene.many(&scene.acme, 3).await;
    scene.switch_on(&scene.acme, "contact", json!({})).await;
    scene.run(&scene.acme, "contact", "full").await;
    assert_eq!(scene.there(), (addresses(3), 3));
    drop(scene.hubspot.webhooks(PORTAL));
    scene.hubspot.edit(PORTAL, |portal, now| {
        for id in portal.ids(Kind::Contacts).into_iter().take(2) {
            portal.delete(Kind::Contacts, id, now);
        }
    });
    scene.send_webhooks(&scene.acme, PORTAL).await;
    scene.clock.advance(chrono::Duration::minutes(5));
    scene.run(&scene.acme, "contact", "full").await;
    assert_eq!(scene.there().1, 1);
    assert_eq!(scene.records(&scene.acme, "contact").await.len(), 3, "they are another plugin's here");
    scene.assert_well_behaved();
}

pub async fn of_two_with_one_address_one_is_made_in_hubspot_and_the_other_does_not_write_over_it() {
    let scene = Scene::in_step(json!({}), &[]).await;
    for (id, name) in [("scribe:1", "Ada"), ("scribe:2", "Grace")] {
        scene.put(&scene.acme, "contact", id, json!({"email": "office@example.com", "first_name": name})).await;
    }
    scene.switch_on(&scene.acme, "contact", json!({})).await;
    for written in [1, 0] {
        scene.hubspot.reset_counts();
        let run = scene.run(&scene.acme, "contact", "full").await;
        assert_eq!((scene.written(), &run["counts"]["failed"]), (written, &json!(1)), "{run:#}");
        let failures = format!("/v1/sync-runs/{}/failures", run["id"].as_str().unwrap());
        let failures = scene.acme.org.get(&failures).await.expect(200).json();
        let told = &failures["items"][0];
        assert_eq!((&told["record"], &told["code"]), (&json!("scribe:2"), &json!("duplicate")), "{failures:#}");
        scene.clock.advance(chrono::Duration::minutes(5));
    }
    let names = scene.hubspot.edit(PORTAL, |portal, _| {
        let ids = portal.ids(Kind::Contacts).into_iter();
        ids.map(|id| portal.get(Kind::Contacts, id).unwrap()["firstname"].clone()).collect::<Vec<_>>()
    });
    assert_eq!(names, ["Ada"]);
    scene.assert_well_behaved();
}

pub async fn what_does_not_go_out_yet_goes_once_the_settings_let_it() {
    let scene = Scene::in_step(json!({}), &[]).await;
    scene.many(&scene.acme, 4).await;
    let settings: [(Value, usize); 4] = [
        (json!({"direction": "in"}), 0),
        (json!({"only": {"email": "here2@example.com"}}), 1),
        (json!({"create_there": false}), 1),
        (json!({}), 4),
    ];
    for (settings, expected) in settings {
        scene.switch_on(&scene.acme, "contact", settings.clone()).await;
        scene.settle_due().await;
        assert_eq!(scene.there().1, expected, "{settings}");
    }
    assert_eq!(scene.there().0, addresses(4));
    scene.assert_well_behaved();
}

pub async fn what_goes_out_from_now_on_does_not_wait_for_a_day_because_a_delta_is_under_way() {
    let scene = Scene::in_step(json!({}), &[]).await;
    scene.many(&scene.acme, 2).await;
    scene.switch_on(&scene.acme, "contact", json!({"direction": "in"})).await;
    scene.settle_due().await;
    // a delta that has begun, and goes on in two seconds
    scene.hubspot.fail([Fault::Status(423, Some(2))]);
    let path = "/v1/installations/hubspot/syncs/contact";
    let delta = scene.acme.org.call("POST", &format!("{path}/runs")).json(&json!({"mode": "delta"})).send().await;
    assert!(matches!(delta.status, 200..=202), "{}", delta.text());
    let has_begun = || async {
        scene.hub.hub.work_due_jobs().await.unwrap();
        let open = scene.acme.org.get(path).await.expect(200).json()["open_run"].clone();
        (open["mode"] == "delta" && open["status"] == "running").then_some(())
    };
    scene.acme.org.wait_for(std::time::Duration::from_secs(60), has_begun).await;
    scene.switch_on(&scene.acme, "contact", json!({})).await;
    scene.settle_due().await;
    assert_eq!(scene.there().1, 0, "it went on as what it was");
    scene.clock.advance(chrono::Duration::minutes(1));
    scene.settle_due().await;
    assert_eq!(scene.there(), (addresses(2), 2));
    scene.assert_well_behaved();
}

pub async fn calls_of_before_are_told_to_hubspot_once_although_nothing_is_read() {
    let scene = Scene::in_step(json!({}), &[]).await;
    let call = json!({
        "direction": "inbound", "status": "completed", "from": "+15550100", "to": "+15550199",
        "started_at": "2026-10-31T23:00:00Z", "duration_s": 61,
    });
    for id in ["scribe:7", "scribe:8"] {
        scene.put(&scene.acme, "call", id, call.clone()).await;
    }
    scene.switch_on(&scene.acme, "call", json!({"direction": "out"})).await;
    scene.settle_due().await;
    let calls = || scene.hubspot.edit(PORTAL, |portal, _| portal.ids(Kind::Calls).len());
    assert_eq!(calls(), 2);
    let sync = scene.acme.org.get("/v1/installations/hubspot/syncs/call").await.expect(200).json();
    assert_eq!((&sync["last_run"]["status"], &sync["linked"]), (&json!("completed"), &json!(2)), "{sync:#}");
    let run = scene.run(&scene.acme, "call", "full").await;
    assert_eq!((&run["counts"]["pushed"], &run["counts"]["unchanged"]), (&json!(0), &json!(2)), "{run:#}");
    assert_eq!(calls(), 2);
    scene.assert_well_behaved();
}
