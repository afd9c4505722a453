//! Records by the actions: parts that fail by themselves, external ids, and texts that stay texts.

use patchbay_tests::salesforce::EXTERNAL;
use serde_json::{Value, json};

use super::scene::Scene;

pub async fn parts_and_records_fail_each_by_itself() {
    let scene = Scene::connected().await;
    let input = |all_or_none: bool| {
        json!({"all_or_none": all_or_none, "requests": [
            {"method": "POST", "path": "/sobjects/Account", "reference_id": "account", "body": {"Name": "Acme"}},
            {"method": "POST", "path": "/sobjects/Contact", "reference_id": "ada",
                "body": {"LastName": "Lovelace", "AccountId": "@{account.id}"}},
            {"method": "POST", "path": "/sobjects/Contact", "reference_id": "nobody", "body": {"Email": "x@example.com"}},
        ]})
    };
    let results = scene.act("composite", input(false)).await.expect(200).json()["output"]["results"].clone();
    let statuses = ["account", "ada", "nobody"].map(|name| results[name]["status"].as_u64());
    assert_eq!(statuses, [Some(201), Some(201), Some(400)], "{results:#}");
    assert_eq!(results["nobody"]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    let contacts = scene.vendor.all("Contact");
    let ada = contacts.values().next().unwrap();
    assert_eq!((contacts.len(), &ada["AccountId"]), (1, &results["account"]["body"]["id"]));
    let results = scene.act("composite", input(true)).await.expect(200).json()["output"]["results"].clone();
    assert_eq!(results["account"]["status"], 400, "{results:#}");
    assert_eq!((scene.vendor.all("Account").len(), scene.vendor.all("Contact").len()), (1, 1));
    // and in a collection
    let records = json!([
        {EXTERNAL: "1", "LastName": "Hopper"}, {EXTERNAL: "2", "Email": "nameless@example.com"},
        {EXTERNAL: "3", "LastName": "Dijkstra"},
    ]);
    let input = json!({"operation": "upsert", "object": "Contact", "records": records});
    let upsert = async || scene.act("collection", input.clone()).await.expect(200).json()["output"]["results"].clone();
    for created in [true, false] {
        let results = upsert().await;
        let fates: Vec<&Value> = results.as_array().unwrap().iter().map(|one| &one["success"]).collect();
        assert_eq!(fates, [&json!(true), &json!(false), &json!(true)], "{results:#}");
        assert_eq!((&results[0]["created"], &results[2]["created"]), (&json!(created), &json!(created)));
        assert_eq!(results[1]["errors"][0]["code"], "REQUIRED_FIELD_MISSING");
    }
    assert_eq!(scene.vendor.all("Contact").len(), 3);
    scene.assert_well_behaved();
}

pub async fn an_external_id_is_a_value_and_a_text_in_soql_a_text_whatever_is_in_them() {
    let scene = Scene::connected().await;
    for (number, value) in ["O'Brien & co?#", "a;b:c@d", "ключ 1+1", "50%"].into_iter().enumerate() {
        let email = format!("o'brien{number}@example.com");
        let input = json!({"object": "Contact", "value": value, "fields": {"LastName": "O'Brien", "Email": email}});
        let made = scene.act("upsert", input.clone()).await.expect(200).json()["output"].clone();
        assert_eq!(made["created"], true, "{value}");
        let again = scene.act("upsert", input).await.expect(200).json()["output"].clone();
        assert_eq!((&again["created"], &again["id"]), (&json!(false), &made["id"]), "{value}");
        assert_eq!(scene.vendor.record(made["id"].as_str().unwrap()).unwrap()[EXTERNAL], value);
        let read = json!({"object": "Contact", "field": EXTERNAL, "id": value});
        assert_eq!(scene.act("get", read).await.expect(200).json()["output"]["record"]["Email"], email);
        let found = scene.act("find-contact", json!({"email": email})).await.expect(200).json()["output"].clone();
        assert_eq!(found["contacts"][0]["id"], made["id"], "{found:#}");
    }
    for email in ["x' OR LastName != '", "x\\' OR LastName != ''", "x\n' OR Email LIKE '%", "'"] {
        let padded = format!("{email}   ");
        let found = scene.act("find-contact", json!({"email": padded})).await.expect(200).json()["output"].clone();
        assert_eq!(found["contacts"], json!([]), "{email}");
    }
    scene.assert_well_behaved();
}
