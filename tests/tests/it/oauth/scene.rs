//! A hub with a plugin that declares `[oauth]`, its vendor, and a browser between them.

use std::sync::Arc;

use chrono::{DateTime, Duration};
use patchbay_hub::RegisteredClient;
use patchbay_model::ManualClock;
use patchbay_tests::{
    Fixture, Org, TestHub,
    hub::{Reply, Setup},
    oauth::{Auth, Client, OauthVendor},
};
use serde_json::{Value, json};

pub const HOST: &str = "auth.vendor.example";
/// Of the operator's client: with characters that HTTP Basic and forms must encode.
pub const SECRET: &str = "canary+operator/secret=& %";
pub const CALLBACK: &str = "/oauth/callback/echo";
pub const AUTHORIZE: &str = "/v1/connections/echo/authorize";
pub const CONNECTION: &str = "/v1/connections/echo";

pub struct OauthScene {
    pub hub: TestHub,
    pub org: Org,
    pub vendor: OauthVendor,
    pub clock: Arc<ManualClock>,
}

impl OauthScene {
    pub async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// With these keys in the plugin's section in the place of its own; a null takes one away.
    pub async fn with(changes: Value) -> Self {
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
        let vendor = OauthVendor::start(HOST, clock.clone()).await;
        let hub = setup(&vendor, &clock).start().await;
        vendor.register(Client::new("operators", Auth::Basic(SECRET.to_owned()), &redirect(&hub)));
        let org = hub.org("Acme <&> Sons").await;
        let _ = org.upload(plugin(&changes).pack()).await.expect(201);
        let _ = org.install("echo", json!({})).await.expect(200);
        Self { hub, org, vendor, clock }
    }

    /// Another hub on the same database, with the same operator.
    pub async fn beside(&self) -> TestHub {
        setup(&self.vendor, &self.clock).beside(&self.hub).start().await
    }

    /// The same, and connected.
    pub async fn connected(changes: Value) -> Self {
        let scene = Self::with(changes).await;
        let _ = scene.consent().await.expect(200);
        scene
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(Duration::seconds(seconds));
    }

    /// Where the vendor sends the browser that the hub sent there, without the hub's address.
    pub async fn browse(&self) -> String {
        let reply = self.org.call("POST", AUTHORIZE).json(&json!({})).send().await.expect(200).json();
        assert_eq!(reply["status"], "pending");
        let url = reply["url"].as_str().unwrap().replace(&format!("https://{HOST}"), &self.vendor.url());
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let response = browser.get(url).send().await.unwrap();
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let back = location.strip_prefix(&self.hub.url).unwrap().to_owned();
        assert!(back.starts_with(CALLBACK), "{back}");
        back
    }

    /// A person's consent, to the page that the hub shows them.
    pub async fn consent(&self) -> Reply {
        self.hub.get(&self.browse().await).await
    }

    /// Calls the vendor's API through the plugin.
    pub async fn call(&self) -> Reply {
        self.call_as(&self.org).await
    }

    /// The same, on whichever hub.
    pub async fn call_as(&self, org: &Org) -> Reply {
        org.act("echo", "fetch", &json!({"text": format!("https://{HOST}/api/contacts")})).await
    }

    /// Calls it, and gives what the vendor said.
    pub async fn answer(&self) -> String {
        self.call().await.expect(200).json()["output"]["result"].as_str().unwrap().to_owned()
    }

    /// What the API shows of the authorization.
    pub async fn shown(&self) -> Value {
        self.org.get(CONNECTION).await.expect(200).json()["oauth"].clone()
    }

    /// The access token that counts.
    pub fn access(&self) -> String {
        self.vendor.secrets().into_iter().find(|secret| self.vendor.accepts(secret)).unwrap()
    }

    pub async fn events(&self) -> Vec<Value> {
        let reply = self.org.get("/v1/events").await.expect(200).json();
        reply["items"].as_array().unwrap().clone()
    }

    /// No answer, log row or file of the hub holds what the vendor gave, nor the client's secret.
    pub async fn assert_clean(&self) {
        let mut places = Vec::new();
        for path in [CONNECTION, "/v1/connections/echo/client", "/v1/runs", "/v1/events", "/v1/plugins"] {
            places.push((path.to_owned(), self.org.get(path).await.body.to_vec()));
        }
        places.extend(self.hub.kept().await.into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)));
        let secrets = self.vendor.secrets().into_iter().chain([SECRET.to_owned()]);
        for secret in secrets {
            let finder = memchr::memmem::Finder::new(secret.as_bytes());
            for (place, bytes) in &places {
                assert!(finder.find(bytes).is_none(), "{place} holds {secret}");
            }
        }
    }
}

fn setup(vendor: &OauthVendor, clock: &Arc<ManualClock>) -> Setup {
    let operators = RegisteredClient {
        client_id: "operators".to_owned(),
        secret: Some(SECRET.into()),
        private_key: None,
        key_id: None,
        issuer: None,
        subject: None,
    };
    let setup = TestHub::setup().upstream(HOST, &vendor.url()).clock(clock.clone());
    setup.edit(move |config| drop(config.oauth_clients.insert("echo".to_owned(), operators)))
}

pub fn redirect(hub: &TestHub) -> String {
    format!("{}{CALLBACK}", hub.url)
}

fn plugin(changes: &Value) -> Fixture {
    let at = |path: &str| format!("https://{HOST}{path}");
    let mut oauth = json!({
        "credential": "secret_key",
        "authorize-url": at("/authorize"), "token-url": at("/token"), "revoke-url": at("/revoke"),
        "scopes": {"required": ["read"], "optional": ["write"]},
        "account": {"url": at("/userinfo"), "id": "/sub", "name": "/email"},
        "refresh": {"rotates": true},
    });
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => oauth.as_object_mut().unwrap().remove(key),
            value => oauth.as_object_mut().unwrap().insert(key.clone(), value.clone()),
        };
    }
    Fixture::load("echo").edit(|manifest| {
        manifest.oauth = Some(serde_json::from_value(oauth).unwrap());
        manifest.credentials[0].hosts = vec![HOST.to_owned()];
        let rule = json!({"host": HOST, "methods": ["GET"], "paths": ["/api/**"]});
        manifest.egress.push(serde_json::from_value(rule).unwrap());
        manifest.limits.concurrency = Some(256);
    })
}
