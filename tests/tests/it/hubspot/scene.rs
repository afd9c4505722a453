//! A hub with the plugin, an account of HubSpot's, and a plugin that writes records.

use std::{
    sync::{Arc, Mutex},
    time::Duration as Patience,
};

use chrono::{DateTime, Duration};
use patchbay_hub::{OperatorClient, RegisteredClient};
use patchbay_model::{
    Clock as _, ManualClock,
    object::{Access, StandardObject},
};
use patchbay_tests::{
    Browser, Fixture, HubSpot, HubSpotSender, Org, Reply, TestHub,
    hubspot::{PORTAL, vector},
};
use serde_json::{Value, json};

pub const CLIENT: &str = "5d1c9f52-client";
pub const SECRET: &str = vector::SECRET;
const CALLBACK: &str = "/oauth/callback/hubspot";
/// Where the webhooks of all accounts of the app come in.
const SHARED: &str = "/hooks/shared/hubspot";

/// How long two sides may take to rest.
const SOON: Patience = Patience::from_secs(120);

/// An organization that has the plugin.
pub struct Tenant {
    pub org: Org,
    /// The public address of its webhooks.
    pub hook: String,
}

pub struct Scene {
    pub hub: TestHub,
    pub acme: Tenant,
    pub hubspot: HubSpot,
    pub clock: Arc<ManualClock>,
    /// All organizations.
    orgs: Mutex<Vec<Org>>,
}

impl Scene {
    /// Not connected yet.
    pub async fn start(config: Value) -> Self {
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp_millis(vector::TIME).unwrap()));
        let hubspot = HubSpot::start(clock.clone()).await;
        let client = RegisteredClient {
            client_id: CLIENT.to_owned(),
            secret: Some(SECRET.into()),
            private_key: None,
            key_id: None,
            issuer: None,
            subject: None,
        };
        let operators = OperatorClient { client, shared_grants: Vec::new() };
        let setup = TestHub::setup().clock(clock.clone());
        let setup = setup.upstream("api.hubapi.com", &hubspot.url()).upstream("app.hubspot.com", &hubspot.url());
        let hub =
            setup.edit(move |config| drop(config.oauth_clients.insert("hubspot".to_owned(), operators))).start().await;
        hubspot.register(CLIENT, SECRET, &format!("{}{CALLBACK}", hub.url));
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::plugin("hubspot").pack()).await.expect(201);
        let scribe = Fixture::load("scribe").edit(|manifest| {
            for object in [
                StandardObject::Call,
                StandardObject::Recording,
                StandardObject::Contact,
                StandardObject::Company,
                StandardObject::Deal,
            ] {
                manifest.objects.insert(object, Access::Write);
            }
        });
        let _ = org.upload(scribe.pack()).await.expect(201);
        let acme = Self::installed(org, config).await;
        let orgs = Mutex::new(vec![acme.org.clone()]);
        Self { hub, acme, hubspot, clock, orgs }
    }

    /// Another organization with the plugins.
    pub async fn tenant(&self, name: &str, config: Value) -> Tenant {
        let tenant = Self::installed(self.hub.org(name).await, config).await;
        self.orgs.lock().unwrap().push(tenant.org.clone());
        tenant
    }

    /// The hub ends as an operator ends it, whatever it is at, and another one goes on with what it has left. Its public address stays.
    pub async fn restarted(self) -> Self {
        let Self { hub, acme, hubspot, clock, orgs } = self;
        let hub = hub.restart().await;
        // that takes its time, in which HubSpot forgets what it was asked
        clock.advance(Duration::seconds(1));
        let acme = Tenant { org: acme.org.at(&hub), ..acme };
        let orgs = orgs.into_inner().unwrap().iter().map(|org| org.at(&hub)).collect();
        Self { hub, acme, hubspot, clock, orgs: Mutex::new(orgs) }
    }

    async fn installed(org: Org, config: Value) -> Tenant {
        let _ = org.install("scribe", json!({})).await.expect(200);
        let installed = org.install("hubspot", config).await.expect(200).json();
        let hook = installed["webhook_url"].as_str().unwrap().to_owned();
        Tenant { org, hook }
    }

    /// With a private app's token, and these objects in step: their first runs are over, and found an empty account.
    pub async fn in_step(config: Value, objects: &[&str]) -> Self {
        let scene = Self::start(config).await;
        scene.connect(&scene.acme, PORTAL).await;
        for object in objects {
            scene.switch_on(&scene.acme, object, json!({})).await;
        }
        if !objects.is_empty() {
            // now, and not when the hub looks for itself, which may be in the middle of a test
            scene.hub.hub.run_due_syncs().await.unwrap();
            scene.settle().await;
            // HubSpot has forgotten what they asked
            scene.clock.advance(Duration::seconds(2));
        }
        scene
    }

    /// Pastes a token, and the secret by which webhooks are checked.
    pub async fn connect(&self, tenant: &Tenant, portal: u64) {
        let credentials = json!({"credentials": {"access_token": self.hubspot.token(portal), "client_secret": SECRET}});
        let _ = tenant.org.call("PUT", "/v1/connections/hubspot").json(&credentials).send().await.expect(200);
    }

    /// By a person who consents.
    pub async fn authorize(&self, tenant: &Tenant) {
        let asked = tenant.org.call("POST", "/v1/connections/hubspot/authorize").json(&json!({})).send().await;
        let link = asked.expect(200).json()["url"].as_str().unwrap().strip_prefix(&self.hub.url).unwrap().to_owned();
        let browser = Browser::new(&self.hub);
        let url = browser.follow(&link).await;
        assert!(url.starts_with("https://app.hubspot.com/oauth/authorize?"), "{url}");
        let back = browser.visit(&url.replace("https://app.hubspot.com", &self.hubspot.url())).await;
        let _ = browser.get(back.strip_prefix(&self.hub.url).unwrap()).await.expect(200);
    }

    /// Sets a sync up. The schedule is out of the way: tests ask for runs.
    pub async fn switch_on(&self, tenant: &Tenant, object: &str, more: Value) {
        let mut settings = json!({"enabled": true, "every_s": 86_400});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = format!("/v1/installations/hubspot/syncs/{object}");
        let _ = tenant.org.call("PUT", &path).json(&settings).send().await.expect(200);
    }

    /// Asks for a run, has it done, and gives it.
    pub async fn run(&self, tenant: &Tenant, object: &str, mode: &str) -> Value {
        let path = format!("/v1/installations/hubspot/syncs/{object}/runs");
        let asked = tenant.org.call("POST", &path).json(&json!({"mode": mode})).send().await;
        assert!(matches!(asked.status, 200..=202), "{}", asked.text());
        let id = asked.json()["id"].as_str().unwrap().to_owned();
        self.settle().await;
        let run = tenant.org.get(&format!("/v1/sync-runs/{id}")).await.expect(200).json();
        assert_eq!(run["status"], "completed", "{run}");
        run
    }

    /// Has whatever is due done, with time going on, until nothing waits.
    pub async fn settle(&self) {
        let until_quiet = async {
            let mut quiet = 0;
            while quiet < 3 {
                self.hub.hub.process_due_webhooks().await.unwrap();
                self.hub.hub.process_due_deliveries().await.unwrap();
                self.hub.hub.work_due_jobs().await.unwrap();
                let rests = self.rests().await;
                quiet = if rests { quiet + 1 } else { 0 };
                // a search is allowed every 210 ms; a retry may wait for seconds
                self.clock.advance(Duration::milliseconds(if rests { 1 } else { 250 }));
            }
        };
        tokio::time::timeout(SOON, until_quiet).await.expect("the two sides do not come to rest");
    }

    async fn rests(&self) -> bool {
        let mut left = 0;
        let orgs = self.orgs.lock().unwrap().clone();
        for org in orgs {
            for waiting in ["webhooks?status=pending", "jobs?status=queued", "jobs?status=running"] {
                let list = org.get(&format!("/v1/{waiting}")).await.expect(200).json();
                left += list["items"].as_array().unwrap().len();
            }
        }
        left == 0
    }

    /// Sends what HubSpot tells of an account since it was last asked.
    pub async fn send_webhooks(&self, tenant: &Tenant, portal: u64) {
        for body in self.hubspot.webhooks(portal) {
            assert_eq!(self.send(tenant, &body.to_string(), SECRET).await.status, 200);
        }
        self.settle().await;
    }

    /// Sends a body as whoever has this secret.
    pub async fn send(&self, tenant: &Tenant, body: &str, secret: &str) -> Reply {
        let time = self.clock.now().timestamp_millis();
        let signature = HubSpotSender::new(secret).sign("POST", &tenant.hook, body, time);
        self.send_signed(tenant, body, time, &signature).await
    }

    pub async fn send_signed(&self, tenant: &Tenant, body: &str, time: i64, signature: &str) -> Reply {
        // a hub that was started again listens elsewhere
        let path = &tenant.hook[tenant.hook.find("/hooks/").unwrap()..];
        let call = tenant.org.without_key("POST", path).body("application/json", body.to_owned());
        let call = call.header("x-hubspot-request-timestamp", &time.to_string());
        call.header("x-hubspot-signature-v3", signature).send().await
    }

    /// Sends a body to the address for all accounts of the app, as whoever has this secret.
    pub async fn send_shared(&self, body: &str, secret: &str) -> Reply {
        let time = self.clock.now().timestamp_millis();
        let signature = HubSpotSender::new(secret).sign("POST", &format!("{}{SHARED}", self.hub.url), body, time);
        let call = self.acme.org.without_key("POST", SHARED).body("application/json", body.to_owned());
        let call = call.header("x-hubspot-request-timestamp", &time.to_string());
        call.header("x-hubspot-signature-v3", &signature).send().await
    }

    /// Writes a record as another plugin.
    pub async fn put(&self, tenant: &Tenant, object: &str, id: &str, data: Value) {
        let input = json!({"op": "put", "object": object, "id": id, "data": data});
        let _ = tenant.org.act("scribe", "run", &input).await.expect(200);
    }

    /// Records with their ids.
    pub async fn records(&self, tenant: &Tenant, object: &str) -> Vec<(String, Value)> {
        let mut records = Vec::new();
        let mut after = String::new();
        loop {
            let page = tenant.org.get(&format!("/v1/records/{object}?limit=200{after}")).await.expect(200).json();
            for item in page["items"].as_array().unwrap() {
                records.push((item["id"].as_str().unwrap().to_owned(), item["data"].clone()));
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return records,
            }
        }
    }

    /// The record of an object of HubSpot's.
    pub async fn record_of(&self, tenant: &Tenant, object: &str, id: u64) -> Option<Value> {
        let records = self.records(tenant, object).await;
        let id = json!(id.to_string());
        records.into_iter().map(|(_, data)| data).find(|data| data["external_ids"]["hubspot"] == id)
    }

    pub fn assert_well_behaved(&self) {
        assert_eq!(self.hubspot.violations(), Vec::<String>::new());
    }
}
