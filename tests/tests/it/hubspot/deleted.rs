//! What somebody deleted on one side stays deleted on the other, until somebody asks for it.

use chrono::Duration;
use patchbay_tests::hubspot::{Kind, PORTAL};
use serde_json::{Value, json};

use super::scene::Scene;

fn bob(first_name: &str) -> Value {
    json!({"email": "bob@example.com", "first_name": first_name})
}

fn there(scene: &Scene) -> Vec<u64> {
    scene.hubspot.edit(PORTAL, |portal, _| portal.ids(Kind::Contacts))
}

pub async fn what_somebody_deleted_stays_deleted_until_somebody_asks() {
    let scene = Scene::in_step(json!({}), &[]).await;
    scene.switch_on(&scene.acme, "contact", json!({})).await;
    scene.run(&scene.acme, "contact", "full").await;
    scene.put(&scene.acme, "contact", "scribe:1", bob("Bob")).await;
    scene.settle().await;
    let ids = there(&scene);
    assert_eq!(ids.len(), 1);
    // there: the record is another plugin's and stays, and is not made there anew because it is edited
    scene.hubspot.edit(PORTAL, |portal, now| portal.delete(Kind::Contacts, ids[0], now));
    scene.send_webhooks(&scene.acme, PORTAL).await;
    assert!(scene.record_of(&scene.acme, "contact", ids[0]).await.is_none());
    assert_eq!(scene.records(&scene.acme, "contact").await.len(), 1);
    scene.put(&scene.acme, "contact", "scribe:1", bob("Robert")).await;
    scene.settle().await;
    assert_eq!(there(&scene), Vec::<u64>::new());
    scene.run(&scene.acme, "contact", "full").await;
    assert_eq!(there(&scene), Vec::<u64>::new());
    // it is taken out of the bin, and gets what it has missed
    scene.hubspot.edit(PORTAL, |portal, now| portal.restore(Kind::Contacts, ids[0], now));
    scene.clock.advance(Duration::minutes(5));
    scene.run(&scene.acme, "contact", "delta").await;
    assert!(scene.record_of(&scene.acme, "contact", ids[0]).await.is_some());
    assert_eq!(scene.records(&scene.acme, "contact").await.len(), 1, "it is the same record");
    let name = scene.hubspot.edit(PORTAL, |portal, _| portal.get(Kind::Contacts, ids[0]).unwrap()["firstname"].clone());
    assert_eq!(name, "Robert");
    drop(scene.hubspot.webhooks(PORTAL));
    // here: it stays there, and does not come back with its next change
    let carol = scene.hubspot.edit(PORTAL, |portal, now| {
        portal.create(Kind::Contacts, &[("email", "carol@example.com"), ("firstname", "Carol")], now)
    });
    scene.send_webhooks(&scene.acme, PORTAL).await;
    let records = scene.records(&scene.acme, "contact").await;
    let (record, _) = records.iter().find(|(_, data)| data["email"] == "carol@example.com").unwrap();
    let input = json!({"op": "delete", "object": "contact", "id": record, "data": {}});
    let _ = scene.acme.org.act("scribe", "run", &input).await.expect(200);
    scene.settle().await;
    scene.hubspot.edit(PORTAL, |portal, now| portal.set(Kind::Contacts, carol, &[("lastname", "King")], now));
    for mode in ["delta", "full"] {
        scene.clock.advance(Duration::minutes(5));
        scene.run(&scene.acme, "contact", mode).await;
        assert!(scene.record_of(&scene.acme, "contact", carol).await.is_none(), "{mode}");
    }
    assert!(there(&scene).contains(&carol));
    scene.assert_well_behaved();
}
