//! Several syncs of one connection at once, which HubSpot's limits are for together.

use patchbay_tests::hubspot::{Kind, PORTAL};
use serde_json::json;

use super::scene::Scene;

/// Three pages of a search of each, and a bit.
const EACH: usize = 610;

pub async fn the_syncs_of_a_connection_take_turns_and_none_is_refused() {
    let scene = Scene::in_step(json!({}), &[]).await;
    scene.hubspot.edit(PORTAL, |portal, now| {
        for index in 0..EACH {
            let name = format!("No. {index}");
            let address = format!("somebody{index}@example.com");
            portal.create(
                Kind::Contacts,
                &[("email", address.as_str()), ("lastname", name.as_str())],
                now - 86_400_000,
            );
            portal.create(Kind::Companies, &[("name", name.as_str())], now - 86_400_000);
            let deal = [("dealname", name.as_str()), ("pipeline", "default"), ("dealstage", "appointmentscheduled")];
            portal.create(Kind::Deals, &deal, now - 86_400_000);
        }
    });
    let objects = ["contact", "company", "deal"];
    for object in objects {
        scene.switch_on(&scene.acme, object, json!({})).await;
        let path = format!("/v1/installations/hubspot/syncs/{object}/runs");
        let asked = scene.acme.org.call("POST", &path).json(&json!({"mode": "full"})).send().await;
        assert!(matches!(asked.status, 200..=202), "{}", asked.text());
    }
    scene.settle().await;
    for object in objects {
        assert_eq!(scene.records(&scene.acme, object).await.len(), EACH, "{object}");
        let path = format!("/v1/installations/hubspot/syncs/{object}/runs");
        let runs = scene.acme.org.get(&path).await.expect(200).json();
        let ended: Vec<_> = runs["items"].as_array().unwrap().iter().map(|run| &run["status"]).collect();
        assert_eq!(ended, ["completed"], "{runs:#}");
    }
    // the simulator counts what HubSpot would refuse
    scene.assert_well_behaved();
}
