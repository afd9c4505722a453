//! A hub with a plugin that declares `[oauth]`, its vendor, and a browser between them.

use std::sync::Arc;

use chrono::Duration;
use patchbay_hub::{Grant, OperatorClient, RegisteredClient};
use patchbay_model::ManualClock;
use patchbay_tests::{
    Browser, Fixture, Org, TestHub, assert_clean,
    hub::{Reply, Setup},
    oauth::{Auth, Client, OauthVendor},
};
use serde_json::{Value, json};

use crate::identity::scene::clock;

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
        Self::with_settings(changes, json!({})).await
    }

    /// And with these settings of the org's.
    pub async fn with_settings(changes: Value, settings: Value) -> Self {
        Self::sharing(&[], changes, settings).await
    }

    /// With an operator who lets every org use these grants.
    pub async fn sharing(grants: &[Grant], changes: Value, settings: Value) -> Self {
        let clock = clock();
        let vendor = OauthVendor::start(HOST, clock.clone()).await;
        let hub = setup(&vendor, &clock, grants).start().await;
        vendor.register(Client::new("operators", Auth::Basic(SECRET.to_owned()), &redirect(&hub)));
        let org = hub.org("Acme <&> Sons").await;
        let _ = org.upload(plugin(&changes).pack()).await.expect(201);
        let _ = org.install("echo", settings).await.expect(200);
        Self { hub, org, vendor, clock }
    }

    /// Another hub on the same database, with the same operator.
    pub async fn beside(&self) -> TestHub {
        setup(&self.vendor, &self.clock, &[]).beside(&self.hub).start().await
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

    /// A link for a person to connect their account by, without the hub's address.
    pub async fn link(&self) -> String {
        let reply = self.org.call("POST", AUTHORIZE).json(&json!({})).send().await.expect(200).json();
        assert_eq!(reply["status"], "pending");
        self.path(reply["url"].as_str().unwrap())
    }

    /// A URL of the hub without its address.
    pub fn path(&self, url: &str) -> String {
        url.strip_prefix(&self.hub.url).unwrap_or_else(|| panic!("{url} is not the hub's")).to_owned()
    }

    /// Follows a link in a browser, to the vendor and to where the vendor sends it back.
    pub async fn consent_by(&self, browser: &Browser, link: &str) -> String {
        self.visit(browser, &browser.follow(link).await).await
    }

    /// The vendor's page, and where it sends the browser back to.
    pub async fn visit(&self, browser: &Browser, url: &str) -> String {
        let vendor = url.replace(&format!("https://{HOST}"), &self.vendor.url());
        let back = self.path(&browser.visit(&vendor).await);
        assert!(back.starts_with(CALLBACK), "{back}");
        back
    }

    /// A browser that the vendor sends back, and where to.
    pub async fn browse(&self) -> (Browser, String) {
        let browser = Browser::new(&self.hub);
        let back = self.consent_by(&browser, &self.link().await).await;
        (browser, back)
    }

    /// A person's consent, to the page that the hub shows them.
    pub async fn consent(&self) -> Reply {
        let (browser, back) = self.browse().await;
        browser.get(&back).await
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
        let mut places = self.hub.kept().await;
        for path in [CONNECTION, "/v1/connections/echo/client", "/v1/runs", "/v1/events", "/v1/plugins"] {
            places.push((path.into(), self.org.get(path).await.body.to_vec()));
        }
        for secret in self.vendor.secrets() {
            assert_clean(&places, "a code or a token", &secret);
        }
        assert_clean(&places, "the client's secret", SECRET);
    }
}

fn setup(vendor: &OauthVendor, clock: &Arc<ManualClock>, shared: &[Grant]) -> Setup {
    let operators = RegisteredClient {
        client_id: "operators".to_owned(),
        secret: Some(SECRET.into()),
        private_key: None,
        key_id: None,
        issuer: None,
        subject: None,
    };
    let operators = OperatorClient { client: operators, shared_grants: shared.to_vec() };
    let setup = TestHub::setup().upstream(HOST, &vendor.url()).clock(clock.clone());
    setup.edit(move |config| drop(config.oauth_clients.insert("echo".to_owned(), operators)))
}

pub fn redirect(hub: &TestHub) -> String {
    format!("{}{CALLBACK}", hub.url)
}

pub fn plugin(changes: &Value) -> Fixture {
    let at = |path: &str| format!("https://{HOST}{path}");
    let mut oauth = json!({
        "credential": "secret_key",
        "authorize-url": at("/authorize"), "token-url": at("/token"), "revoke-url": at("/revoke"),
        "scopes": {"required": ["read"], "optional": ["write"]},
        "account": {"url": at("/userinfo"), "id": "/sub", "name": "/email"},
        "answer": {"keep": {"instance_url": "/instance_url"}},
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
