//! One address for all accounts of the app: each organization gets what is of the account that it has connected.

use chrono::Duration;
use patchbay_tests::hubspot::{Kind, PORTAL};
use serde_json::{Value, json};

use super::scene::{SECRET, Scene, Tenant};

/// Another account, and one that nobody has connected.
const OTHER: u64 = PORTAL + 1;
const NOBODYS: u64 = PORTAL + 2;
const READS: &str = "POST /objects/contacts/batch/read";

/// An organization whose contacts are in step with an account, connected by consent.
async fn consented(scene: &Scene, name: &str, portal: u64) -> Tenant {
    let tenant = scene.tenant(name, json!({})).await;
    scene.hubspot.next_consent(portal);
    scene.authorize(&tenant).await;
    in_step(scene, &tenant).await;
    tenant
}

async fn in_step(scene: &Scene, tenant: &Tenant) {
    scene.switch_on(tenant, "contact", json!({"direction": "in"})).await;
    // now, while the account is empty, and not when the hub looks for itself
    scene.hub.hub.run_due_syncs().await.unwrap();
    scene.settle().await;
    // organizations with one account do not take turns at its search
    scene.clock.advance(Duration::seconds(2));
}

fn contact(scene: &Scene, portal: u64, email: &str) -> u64 {
    scene.hubspot.edit(portal, |portal, now| portal.create(Kind::Contacts, &[("email", email)], now))
}

/// What HubSpot would tell of several accounts in one request.
fn told(scene: &Scene, portals: &[u64]) -> String {
    let lists = portals.iter().flat_map(|portal| scene.hubspot.webhooks(*portal));
    let elements: Vec<Value> = lists.flat_map(|list| list.as_array().unwrap().clone()).collect();
    assert!(elements.len() >= portals.len(), "something of each: {elements:?}");
    Value::from(elements).to_string()
}

/// The e-mail addresses of its contacts.
async fn emails(scene: &Scene, tenant: &Tenant) -> Vec<String> {
    let records = scene.records(tenant, "contact").await;
    let mut emails: Vec<String> =
        records.iter().map(|(_, data)| data["email"].as_str().unwrap_or_default().to_owned()).collect();
    emails.sort();
    emails
}

async fn webhooks(tenant: &Tenant) -> Vec<Value> {
    tenant.org.get("/v1/webhooks").await.expect(200).json()["items"].as_array().unwrap().clone()
}

pub async fn one_request_of_several_accounts_reaches_each_organization_that_connected_one() {
    let scene = Scene::start(json!({})).await;
    scene.hubspot.add_portal(OTHER);
    scene.hubspot.add_portal(NOBODYS);
    let one = consented(&scene, "one", PORTAL).await;
    let twin = consented(&scene, "twin", PORTAL).await;
    let far = consented(&scene, "far", OTHER).await;
    // nothing but a token says whose account it is, and who has one may have it from somebody
    let pasted = scene.tenant("pasted", json!({})).await;
    scene.connect(&pasted, PORTAL).await;
    in_step(&scene, &pasted).await;

    contact(&scene, PORTAL, "ada@example.com");
    contact(&scene, OTHER, "bob@example.com");
    contact(&scene, NOBODYS, "eve@example.com");
    let body = told(&scene, &[PORTAL, OTHER, NOBODYS]);
    scene.hubspot.reset_counts();
    scene.send_shared(&body, "another-secret").await.expect_problem("webhook_refused");
    scene.settle().await;
    assert_eq!(scene.hubspot.count(READS), 0, "{:?}", scene.hubspot.counts());
    for _ in 0..3 {
        assert_eq!(scene.send_shared(&body, SECRET).await.status, 200);
    }
    scene.settle().await;
    for (tenant, expected) in [(&one, "ada@example.com"), (&twin, "ada@example.com"), (&far, "bob@example.com")] {
        assert_eq!(emails(&scene, tenant).await, [expected]);
        let all = webhooks(tenant).await;
        assert_eq!((all.len(), &all[0]["status"]), (1, &json!("processed")), "{all:?}");
    }
    assert_eq!(scene.hubspot.count(READS), 3, "each has it read once: {:?}", scene.hubspot.counts());
    for tenant in [&pasted, &scene.acme] {
        assert_eq!((emails(&scene, tenant).await.len(), webhooks(tenant).await.len()), (0, 0));
    }

    // who has disconnected gets nothing more, and the other organization with the account goes on
    let _ = twin.org.call("DELETE", "/v1/connections/hubspot").send().await.expect(204);
    contact(&scene, PORTAL, "grace@example.com");
    assert_eq!(scene.send_shared(&told(&scene, &[PORTAL]), SECRET).await.status, 200);
    scene.settle().await;
    assert_eq!(emails(&scene, &one).await, ["ada@example.com", "grace@example.com"]);
    assert_eq!((emails(&scene, &twin).await.len(), webhooks(&twin).await.len()), (1, 1));
    assert_eq!(emails(&scene, &far).await, ["bob@example.com"]);
    scene.assert_well_behaved();
}
