//! A vendor, a client that is registered there, and a browser between them.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::DateTime;
use futures::future::BoxFuture;
use patchbay_egress::{Egress, EgressConfig, Lookup};
use patchbay_model::{ManualClock, OrgId, PluginId, SeededRandom};
use patchbay_oauth::{
    Callback, Consent, Job, Net, OauthClient, Provider, RefreshSettings, Refresher, Registration, SigningKey, Started,
    StateHash, Stored, Tokens,
};
use patchbay_package::{Manifest, validate};
use patchbay_tests::oauth::{Auth, Client, KeyPair, OauthVendor};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::Url;

use crate::database::{Database, KEY};

pub const HOST: &str = "auth.vendor.example";
pub const REDIRECT: &str = "https://hub.example.com/oauth/demo/callback";
/// In the browser's cookie.
pub const NONCE: &str = "canary-nonce";
/// With characters that Basic and forms must encode.
pub const SECRET: &str = "canary+client/secret=& %é";

pub struct Scene {
    pub vendor: OauthVendor,
    pub clock: Arc<ManualClock>,
    pub net: Arc<Net>,
}

/// Every name leads to this machine: what gets through without a mapping would be a hole. Counts the questions.
#[derive(Default)]
pub struct Loopback(pub AtomicUsize);

impl Lookup for Loopback {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    }
}

impl Scene {
    pub async fn start() -> Self {
        Self::with_timeout(Duration::from_secs(20)).await
    }

    pub async fn with_timeout(timeout: Duration) -> Self {
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
        let vendor = OauthVendor::start(HOST, clock.clone()).await;
        vendor.register(Client::new("hub-client", Auth::Basic(SECRET.to_owned()), REDIRECT));
        let upstreams = [(HOST.to_owned(), Url::parse(&vendor.url()).unwrap())].into();
        let egress = Egress::new(EgressConfig { upstreams, ..EgressConfig::default() }, Arc::new(Loopback::default()));
        let egress = Arc::new(egress.unwrap());
        let net = Net { egress, clock: clock.clone(), random: Arc::new(SeededRandom::new(7)), timeout };
        Self { vendor, clock, net: Arc::new(net) }
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(chrono::Duration::seconds(seconds));
    }

    /// A client for the plain section with these changes, with a secret.
    pub fn client(&self, changes: Value) -> Arc<OauthClient> {
        self.client_of(changes, Registration::new("hub-client", Some(SECRET.into())))
    }

    pub fn client_of(&self, changes: Value, registration: Registration) -> Arc<OauthClient> {
        let provider = Provider::new(&manifest(changes), &json!({})).unwrap();
        let org = OrgId(Default::default());
        Arc::new(OauthClient::new(self.net.clone(), org, Arc::new(provider), Arc::new(registration)).unwrap())
    }

    /// A node of the hub on this database.
    pub fn node(&self, database: &Database) -> Refresher<Database> {
        let settings = RefreshSettings {
            wait: Duration::from_secs(10),
            look: Duration::from_millis(5),
            first_rest: Duration::from_secs(2),
            longest_rest: Duration::from_secs(60),
            longest_unsaved: Duration::from_millis(20),
        };
        Refresher::new(database.clone(), self.clock.clone(), self.net.random.clone(), settings)
    }

    /// What the browser brings back from the vendor.
    pub async fn browse(&self, started: &Started) -> Callback {
        let url = started.url.as_str().replace(&format!("https://{HOST}"), &self.vendor.url());
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let response = browser.get(url).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        assert_eq!(status.as_u16(), 302, "{}", response.text().await.unwrap());
        let back = Url::parse(headers["location"].to_str().unwrap()).unwrap();
        assert!(back.as_str().starts_with(REDIRECT), "{back}");
        Callback::parse(back.query().unwrap()).unwrap()
    }

    /// A person's consent.
    pub async fn consent(&self, client: &OauthClient) -> Consent {
        let started = begin(client);
        let callback = self.browse(&started).await;
        started.pending.redeem(callback, &plugin(), Some(NONCE), self.net.clock.now()).unwrap()
    }

    /// Tokens of a consent.
    pub async fn connect(&self, client: &OauthClient) -> Tokens {
        client.exchange(self.consent(client).await).await.unwrap()
    }
}

/// An authorization in the browser with the [`NONCE`].
pub fn begin(client: &OauthClient) -> Started {
    client.authorize(&redirect(), "key_1", StateHash::of(NONCE)).unwrap()
}

/// What a caller who has these tokens wants.
pub fn job(client: &Arc<OauthClient>, seen: Stored) -> Job<u32> {
    Job { key: KEY, client: client.clone(), seen }
}

pub fn redirect() -> Url {
    Url::parse(REDIRECT).unwrap()
}

pub fn plugin() -> PluginId {
    "demo".parse().unwrap()
}

/// A registration that signs.
pub fn signing(pair: &KeyPair, subject: Option<&str>) -> Registration {
    let key = SigningKey::from_pem(pair.algorithm, &pair.private.as_str().into(), Some("key-1".to_owned())).unwrap();
    let subject = subject.map(str::to_owned);
    Registration { key: Some(key), subject, ..Registration::new("hub-client", None) }
}

/// A manifest whose section has these keys in the place of its own; a null takes one away.
pub fn manifest(changes: Value) -> Manifest {
    let at = |path: &str| format!("https://{HOST}{path}");
    let mut oauth = json!({
        "credential": "access_token",
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
    let manifest: Manifest = serde_json::from_value(json!({
        "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.0.0",
        "credentials": [{"name": "access_token", "inject": {"header": "authorization", "format": "Bearer {}"}}],
        "egress": [{"host": "api.vendor.example", "methods": ["GET"], "paths": ["/**"]}],
        "oauth": oauth,
    }))
    .unwrap();
    validate(&manifest).unwrap();
    manifest
}

pub fn access(tokens: &Tokens) -> &str {
    tokens.access.expose_secret()
}

pub fn refresh(tokens: &Tokens) -> &str {
    tokens.refresh.as_ref().unwrap().expose_secret()
}
