//! An org's view of the hub, over HTTP.

use std::time::Duration;

use bytes::Bytes;
use patchbay_hub::NewApiKey;
use patchbay_model::{OrgId, org::Scope};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Reply, TestHub};

/// An org with a key.
#[derive(Clone)]
pub struct Org {
    /// Its id.
    pub id: OrgId,
    /// A key with every scope.
    pub key: String,
    url: String,
    client: reqwest::Client,
}

/// A request that is about to be sent.
#[must_use]
pub struct Call {
    request: reqwest::RequestBuilder,
}

impl Call {
    /// With this JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// With these bytes, of this media type.
    pub fn body(mut self, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.request = self.request.header("content-type", media_type).body(bytes.into());
        self
    }

    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Reply {
        Reply::read(self.open().await).await
    }

    /// Sends it and reads the whole answer; nothing if the hub is not there, or goes away.
    pub async fn try_send(self) -> Option<Reply> {
        Reply::try_read(self.request.send().await.ok()?).await
    }

    /// Sends it and leaves the body to the test.
    pub async fn open(self) -> reqwest::Response {
        self.request.send().await.expect("the hub answers")
    }
}

impl Org {
    pub(super) async fn create(hub: &TestHub, name: &str) -> Self {
        let org = hub.hub.create_org(name).await.expect("an org is made");
        let mut made = Self { id: org.id, key: String::new(), url: hub.url.clone(), client: hub.client.clone() };
        made.key = made.new_key(hub, &Scope::ALL, None).await;
        made
    }

    /// One more key, with these scopes and this time to live.
    pub async fn new_key(
        &self,
        hub: &TestHub,
        scopes: &[Scope],
        expires_at: Option<patchbay_model::Timestamp>,
    ) -> String {
        let new = NewApiKey { name: "test".to_owned(), scopes: scopes.to_vec(), expires_at, ..NewApiKey::default() };
        let (_, key) = hub.hub.create_api_key(self.id, new).await.expect("a key is made");
        key.expose_secret().to_owned()
    }

    /// The same org with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// The same org as another hub on the same database sees it.
    #[must_use]
    pub fn at(&self, hub: &TestHub) -> Self {
        self.at_url(&hub.url)
    }

    /// The same org as the hub at a URL sees it.
    #[must_use]
    pub fn at_url(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// A request with this org's key.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let method = Method::from_bytes(method.as_bytes()).expect("an HTTP method");
        Call { request: self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key) }
    }

    /// A request of somebody who does not say who they are.
    pub fn without_key(&self, method: &str, path: &str) -> Call {
        let method = Method::from_bytes(method.as_bytes()).expect("an HTTP method");
        Call { request: self.client.request(method, format!("{}{path}", self.url)) }
    }

    /// A GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path).send().await
    }

    /// Uploads a package.
    pub async fn upload(&self, package: Vec<u8>) -> Reply {
        self.call("POST", "/v1/plugins").body("application/wasm", package).send().await
    }

    /// Switches a plugin on.
    pub async fn install(&self, plugin: &str, config: Value) -> Reply {
        self.call("PUT", &format!("/v1/installations/{plugin}")).json(&json!({"config": config})).send().await
    }

    /// Gives it a credential.
    pub async fn connect(&self, plugin: &str, credential: &str, secret: &str) -> Reply {
        let body = json!({"credentials": {credential: secret}});
        self.call("PUT", &format!("/v1/connections/{plugin}")).json(&body).send().await
    }

    /// Calls an action.
    pub async fn act(&self, plugin: &str, action: &str, input: &Value) -> Reply {
        self.call("POST", &format!("/v1/actions/{plugin}/{action}")).json(input).send().await
    }

    /// Usage by meter and basis, as in `("input_tokens", "reported", 12)`.
    pub async fn usage(&self, plugin: &str) -> Vec<(String, String, u64)> {
        let reply = self.get(&format!("/v1/usage?plugin={plugin}")).await.expect(200).json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let totals = reply["totals"].as_array().cloned().unwrap_or_default();
        totals
            .iter()
            .map(|total| (text(&total["meter"]), text(&total["basis"]), total["quantity"].as_u64().unwrap_or(0)))
            .collect()
    }

    /// The sum of one meter over every basis.
    pub async fn metered(&self, plugin: &str, meter: &str) -> u64 {
        self.usage(plugin).await.iter().filter(|(name, ..)| name == meter).map(|(_, _, quantity)| quantity).sum()
    }

    /// The runs of a plugin, newest first.
    pub async fn runs(&self, plugin: &str) -> Vec<Value> {
        let reply = self.get(&format!("/v1/runs?plugin={plugin}&limit=200")).await.expect(200).json();
        reply["items"].as_array().cloned().unwrap_or_default()
    }

    /// Asks again and again until `done` gives something, at most for `within`: for effects that follow
    /// an answer.
    ///
    /// # Panics
    /// If it takes longer.
    pub async fn wait_for<T, F: Future<Output = Option<T>>>(&self, within: Duration, mut done: impl FnMut() -> F) -> T {
        let asking = async {
            loop {
                if let Some(found) = done().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(within, asking).await.expect("the effect did not come in time")
    }
}
