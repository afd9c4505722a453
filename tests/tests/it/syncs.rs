//! Syncs as clients of the API see them: settings that are held to both sides, dry runs, and what another mapping does.

use std::time::Duration;

use patchbay_tests::{Fixture, Org, Reply, TestHub};
use serde_json::{Value, json};

const SYNC: &str = "/v1/installations/customers/syncs/contact";
/// How long a run may take that nobody asked for: what is due is looked at every five seconds.
const SOON: Duration = Duration::from_secs(30);
/// What the vendor's first customer is called.
const FIRST: &str = "canary-5d0c7a91";

/// An organization with a plugin whose vendor has two customers, and one that writes contacts.
async fn organization(hub: &TestHub) -> Org {
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::load("customers").pack()).await.expect(201);
    let _ = org.install("customers", json!({})).await.expect(200);
    let _ = org.upload(Fixture::load("scribe").pack()).await.expect(201);
    let _ = org.install("scribe", json!({})).await.expect(200);
    org
}

async fn put(org: &Org, settings: &Value) -> Reply {
    org.call("PUT", SYNC).json(settings).send().await
}

async fn preview(org: &Org, wanted: &Value) -> Reply {
    org.call("POST", &format!("{SYNC}/preview")).json(wanted).send().await
}

/// A mapping of one field that comes in.
fn mapping(hub: &str, vendor: &str) -> Value {
    json!({"fields": [{"hub": hub, "vendor": vendor, "direction": "in"}]})
}

pub async fn settings_are_held_to_the_plan_the_plugin_the_object_and_the_vendor() {
    let hub = TestHub::start().await;
    let org = organization(&hub).await;
    hub.hub.set_plan(org.id, "free", None).await.unwrap();
    for (settings, pointer) in [
        (json!({"every_s": 3_599}), "/every_s"),
        (json!({"every_s": 3_600, "push_deletes": true}), "/push_deletes"),
        (json!({"every_s": 3_600, "only": {"nothing": 1}}), "/only/nothing"),
        (json!({"every_s": 3_600, "mapping": mapping("/nickname", "name")}), "/mapping/fields/0/hub"),
        (json!({"every_s": 3_600, "mapping": mapping("/name", "nickname")}), "/mapping/fields/0/vendor"),
    ] {
        let refused = put(&org, &settings).await.expect(422).json();
        assert_eq!(refused["violations"][0]["pointer"], pointer, "{settings}: {refused:#}");
    }
    assert_eq!(org.get(SYNC).await.expect(200).json()["version"], 0, "nothing of it was taken");
    // what is off looks for nothing, and by default it is looked as often as the plan allows
    let off = json!({"enabled": false, "every_s": 15, "version": 0});
    assert_eq!(put(&org, &off).await.expect(200).json()["version"], 1);
    put(&org, &off).await.expect_problem("conflict");
    let on = json!({"enabled": true, "direction": "in", "mapping": mapping("/name", "name"), "version": 1});
    let on = put(&org, &on).await.expect(200).json();
    assert_eq!(on["settings"]["every_s"], 3_600, "{on:#}");
    assert_eq!((&on["version"], &on["mapping"]), (&json!(2), &mapping("/name", "name")));
}

pub async fn a_dry_run_shows_what_a_run_would_do_and_does_nothing() {
    let hub = TestHub::start().await;
    let org = organization(&hub).await;
    let both = json!({"fields": [
        {"hub": "/email", "vendor": "name", "direction": "in"}, {"hub": "/name", "vendor": "name", "direction": "in"},
    ]});
    let shown = preview(&org, &json!({"vendor_id": "1", "mapping": both})).await.expect(200).json();
    assert_eq!(shown["hub"], json!({"before": null, "after": {"name": FIRST}}), "{shown:#}");
    assert_eq!(shown["vendor"], json!({"before": {"name": FIRST}, "after": {"name": FIRST}}));
    let problem = &shown["problems"][0];
    assert_eq!((&problem["hub"], &problem["problem"]), (&json!("/email"), &json!("invalid")), "a name is no address");
    assert_eq!((&shown["conflicts"], &shown["refused"]), (&json!([]), &json!([])));
    preview(&org, &json!({"vendor_id": "3"})).await.expect_problem("not_found");
    for neither in [json!({}), json!({"vendor_id": "1", "record": "scribe:1"}), json!({"record": ""})] {
        preview(&org, &neither).await.expect_problem("invalid_input");
    }

    let alan = json!({"op": "put", "object": "contact", "id": "scribe:1", "data": {"name": "Alan"}});
    let _ = org.act("scribe", "run", &alan).await.expect(200);
    let shown = preview(&org, &json!({"record": "scribe:1"})).await.expect(200).json();
    assert_eq!(shown["vendor"], json!({"before": null, "after": {"name": "Alan"}}), "{shown:#}");
    let kept_back =
        [json!({"create_there": false}), json!({"only": {"status": "customer"}}), json!({"direction": "in"})];
    for mut settings in kept_back {
        settings["enabled"] = json!(false);
        let _ = put(&org, &settings).await.expect(200);
        let shown = preview(&org, &json!({"record": "scribe:1"})).await.expect(200).json();
        assert_eq!(shown["vendor"], json!({"before": null, "after": null}), "{settings}: {shown:#}");
    }
    let records = org.get("/v1/records/contact").await.expect(200).json();
    assert_eq!(records["items"].as_array().unwrap().len(), 1, "{records:#}");
}

pub async fn another_mapping_is_gone_by_at_once_and_for_all() {
    let hub = TestHub::start().await;
    let org = organization(&hub).await;
    let first = || async {
        let record = org.get("/v1/records/contact/customers:1").await;
        (record.status == 200).then(|| record.json()["data"].clone())
    };
    let _ = put(&org, &json!({"direction": "in", "every_s": 86_400})).await.expect(200);
    assert_eq!(org.wait_for(SOON, first).await["name"], FIRST);
    let ended = || async {
        let sync = org.get(SYNC).await.expect(200).json();
        (sync["last_run"]["status"] == "completed").then_some(())
    };
    org.wait_for(SOON, ended).await;
    let settings = json!({"direction": "in", "every_s": 86_400, "mapping": mapping("/title", "name")});
    let changed = put(&org, &settings).await.expect(200).json();
    assert_eq!(changed["last_full_at"], Value::Null, "all is still to be read: {changed:#}");
    let titled = || async { first().await.filter(|data| data["title"] == FIRST) };
    assert_eq!(org.wait_for(SOON, titled).await["name"], FIRST, "what is mapped no more stays");
    let runs = org.get(&format!("{SYNC}/runs")).await.expect(200).json();
    assert_eq!(runs["items"][0]["mode"], "full", "{runs:#}");
}
