//! A hub, its router, and requests to it.

use std::sync::Arc;

use axum::{Router, body::Body, response::Response};
use chrono::Duration;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use patchbay_api::ApiConfig;
use patchbay_hub::{Hub, HubConfig, NewApiKey};
use patchbay_model::{Clock, ManualClock, OrgId, SeededRandom, SystemClock, org::Scope};
use patchbay_runtime::Compiler;
use patchbay_test_postgres::TestDatabase;
use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

pub struct Face {
    pub hub: Hub,
    pub router: Router,
    pub clock: Arc<ManualClock>,
    pub org: OrgId,
    _folder: TempDir,
    /// If it is on PostgreSQL, as `PATCHBAY_TEST_DATABASE` says. Last, because the hub is on it.
    _database: Option<TestDatabase>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Face {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(edit: impl FnOnce(&mut ApiConfig)) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let database = patchbay_test_postgres::chosen().await;
        let mut config = HubConfig::new(folder.path().join("data"), Compiler::InProcess);
        config.database_url = database.as_ref().map(|database| database.url().parse().unwrap());
        let hub = Hub::open(config, clock.clone(), Arc::new(SeededRandom::new(1))).await.unwrap();
        let org = hub.create_org("tests").await.unwrap().id;
        let mut config =
            ApiConfig { clock: clock.clone(), random: Arc::new(SeededRandom::new(2)), ..ApiConfig::default() };
        edit(&mut config);
        let router = patchbay_api::router(hub.clone(), config);
        Self { hub, router, clock, org, _folder: folder, _database: database }
    }

    pub async fn key(&self, scopes: &[Scope]) -> String {
        let expires_at = Some(self.clock.now() + Duration::hours(1));
        let new = NewApiKey { name: "tests".to_owned(), scopes: scopes.to_vec(), expires_at, ..NewApiKey::default() };
        let (_, secret) = self.hub.create_api_key(self.org, new).await.unwrap();
        secret.expose_secret().to_owned()
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response: Response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn get(&self, path: &str, key: Option<&str>) -> Reply {
        self.send(request("GET", path, key, None, "")).await
    }
}

pub fn request(
    method: &str,
    path: &str,
    key: Option<&str>,
    media_type: Option<&str>,
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    if let Some(media_type) = media_type {
        request = request.header("content-type", media_type);
    }
    request.body(body.into()).unwrap()
}
