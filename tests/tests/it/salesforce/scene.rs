//! A hub that is connected with an org of Salesforce, and another plugin that writes the same objects.

use std::{sync::Arc, time::Duration as Patience};

use chrono::{DateTime, Duration};
use patchbay_hub::{HubConfig, OperatorClient, RegisteredClient};
use patchbay_model::{
    ManualClock, Timestamp,
    object::{Access, StandardObject},
};
use patchbay_tests::{
    Browser, Fixture, Org, Reply, Salesforce, TestHub,
    salesforce::{CLIENT, HOST, LOGIN, SANDBOX_HOST, SANDBOX_LOGIN, SECRET},
};
use serde_json::{Value, json};

/// How long an effect may take that nobody waits for, with the thousands of records that are read before it.
pub const SOON: Patience = Patience::from_secs(180);
const CALLBACK: &str = "/oauth/callback/salesforce";
const INSTALLATION: &str = "/v1/installations/salesforce";

pub struct Scene {
    pub hub: TestHub,
    pub org: Org,
    pub vendor: Salesforce,
    /// Another org of Salesforce's, where sandboxes are.
    pub sandbox: Salesforce,
    pub clock: Arc<ManualClock>,
    /// The public address of the webhooks.
    pub hook: String,
}

/// When scenes begin.
pub fn begin() -> Timestamp {
    DateTime::from_timestamp(1_793_491_200, 0).unwrap()
}

pub fn settings() -> Value {
    json!({"login": "login", "instance_url": format!("https://{HOST}")})
}

impl Scene {
    /// Installed, and not connected.
    pub async fn start() -> Self {
        Self::start_at(begin()).await
    }

    /// The same, at another time.
    pub async fn start_at(now: Timestamp) -> Self {
        Self::start_with(now, |_| ()).await
    }

    /// The same, on a hub that is set otherwise.
    pub async fn start_with(now: Timestamp, more: impl FnOnce(&mut HubConfig) + Send + 'static) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let vendor = Salesforce::start(clock.clone()).await;
        let sandbox = Salesforce::start(clock.clone()).await;
        sandbox.move_to(SANDBOX_HOST);
        let operators = RegisteredClient {
            client_id: CLIENT.to_owned(),
            secret: Some(SECRET.into()),
            private_key: None,
            key_id: None,
            issuer: None,
            subject: None,
        };
        let operators = OperatorClient { client: operators, shared_grants: Vec::new() };
        let setup = TestHub::setup().clock(clock.clone()).upstream(LOGIN, &vendor.url()).upstream(HOST, &vendor.url());
        let setup = setup.upstream(SANDBOX_LOGIN, &sandbox.url()).upstream(SANDBOX_HOST, &sandbox.url());
        let setup = setup.edit(move |config| {
            config.egress.open_upstreams = [HOST.to_owned(), SANDBOX_HOST.to_owned()].into();
            config.oauth_clients.insert("salesforce".to_owned(), operators);
            more(config);
        });
        let hub = setup.start().await;
        for org in [&vendor, &sandbox] {
            org.register(&format!("{}{CALLBACK}", hub.url));
        }
        let org = hub.org("acme").await;
        let hook = install(&org).await;
        Self { hub, org, vendor, sandbox, clock, hook }
    }

    pub async fn connected() -> Self {
        let scene = Self::start().await;
        let _ = scene.consent(&scene.org).await.expect(200);
        scene
    }

    /// A person connects an organization: to the page that the hub shows them.
    pub async fn consent(&self, org: &Org) -> Reply {
        self.consent_at(org, LOGIN, &self.vendor).await
    }

    /// The same, where people of another org of Salesforce's sign in.
    pub async fn consent_at(&self, org: &Org, login: &str, vendor: &Salesforce) -> Reply {
        let asked = org.call("POST", "/v1/connections/salesforce/authorize").json(&json!({})).send().await.expect(200);
        let link = asked.json()["url"].as_str().unwrap().to_owned();
        let browser = Browser::new(&self.hub);
        let to = browser.follow(link.strip_prefix(&self.hub.url).unwrap()).await;
        assert!(to.starts_with(&format!("https://{login}/services/oauth2/authorize?")), "{to}");
        let back = browser.visit(&to.replace(&format!("https://{login}"), &vendor.url())).await;
        browser.get(back.strip_prefix(&self.hub.url).unwrap()).await
    }

    pub async fn act(&self, action: &str, input: Value) -> Reply {
        self.org.act("salesforce", action, &input).await
    }

    /// Switches a sync on.
    pub async fn sync(&self, object: &str, settings: Value) {
        let path = format!("{INSTALLATION}/syncs/{object}");
        let _ = self.org.call("PUT", &path).json(&settings).send().await.expect(200);
    }

    /// Has whatever is due done.
    pub async fn work(&self) {
        self.hub.hub.process_due_webhooks().await.unwrap();
        self.hub.hub.process_due_deliveries().await.unwrap();
        self.hub.hub.work_due_jobs().await.unwrap();
    }

    /// Asks for a run, and waits until it has ended. Gives it.
    pub async fn run(&self, object: &str, mode: &str) -> Value {
        let path = format!("{INSTALLATION}/syncs/{object}/runs");
        let asked = self.org.call("POST", &path).json(&json!({"mode": mode})).send().await;
        assert!((200..300).contains(&asked.status), "{}", asked.text());
        let id = asked.json()["id"].as_str().unwrap().to_owned();
        let look = || async {
            self.work().await;
            let run = self.org.get(&format!("/v1/sync-runs/{id}")).await.expect(200).json();
            if matches!(run["status"].as_str(), Some("completed" | "failed" | "cancelled")) {
                return Some(run);
            }
            // a pause, or a try that was put off
            self.clock.advance(Duration::seconds(10));
            None
        };
        self.org.wait_for(SOON, look).await
    }

    /// The same, and it has to succeed.
    pub async fn completed(&self, object: &str, mode: &str) -> Value {
        let run = self.run(object, mode).await;
        assert_eq!(run["status"], "completed", "{run:#}");
        run
    }

    /// Waits until something holds, while what is due is done.
    pub async fn until(&self, holds: impl AsyncFn() -> bool) {
        let look = || async {
            self.work().await;
            if holds().await {
                return Some(());
            }
            self.clock.advance(Duration::seconds(10));
            None
        };
        self.org.wait_for(SOON, look).await;
    }

    /// Records of a standard object.
    pub async fn records(&self, object: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = format!("/v1/records/{object}?limit=1000");
        loop {
            let page = self.org.get(&path).await.expect(200).json();
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => path = format!("/v1/records/{object}?limit=1000&after={next}"),
                None => return all,
            }
        }
    }

    /// The record that is linked with a record of Salesforce.
    pub async fn linked(&self, object: &str, id: &str) -> Option<Value> {
        self.records(object).await.into_iter().find(|record| record["data"]["external_ids"]["salesforce"] == id)
    }

    /// Somebody else writes a record.
    pub async fn write(&self, object: &str, id: &str, data: Value) {
        let input = json!({"op": "put", "object": object, "id": id, "data": data});
        let _ = self.org.act("scribe", "run", &input).await.expect(200);
    }

    pub fn assert_well_behaved(&self) {
        assert_eq!(self.vendor.violations(), Vec::<String>::new());
    }
}

/// Installs both plugins for an organization, and approves the host. Gives the webhooks' address.
pub async fn install(org: &Org) -> String {
    install_with(org, &settings(), HOST).await
}

/// The same, with settings that name another host.
pub async fn install_with(org: &Org, settings: &Value, host: &str) -> String {
    let uploaded = org.upload(Fixture::plugin("salesforce").pack()).await;
    assert!(matches!(uploaded.status, 200 | 201 | 409), "{}", uploaded.text());
    let body = json!({"config": settings});
    org.call("PUT", INSTALLATION).json(&body).send().await.expect_problem("invalid_input");
    let body = json!({"config": settings, "hosts": [host]});
    let installed = org.call("PUT", INSTALLATION).json(&body).send().await.expect(200).json();
    let guest = Fixture::load("scribe").edit(|manifest| {
        for object in [
            StandardObject::Contact,
            StandardObject::Company,
            StandardObject::Deal,
            StandardObject::Call,
            StandardObject::Recording,
        ] {
            manifest.objects.insert(object, Access::Write);
        }
    });
    let uploaded = org.upload(guest.pack()).await;
    assert!(matches!(uploaded.status, 200 | 201 | 409), "{}", uploaded.text());
    let _ = org.install("scribe", json!({})).await.expect(200);
    installed["webhook_url"].as_str().unwrap().to_owned()
}
