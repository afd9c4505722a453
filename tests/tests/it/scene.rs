//! Scenes that several tests start from.

use patchbay_tests::{Fixture, OpenAi, Org, TestHub, Vendor};
use serde_json::json;

/// The vendor's key in every scene: the canary that must never be seen.
pub const VENDOR_KEY: &str = "sk-canary-9f2c1f7e/5d+b04=aa41";

/// OpenAI's simulator behind a hub, with the plugin installed and connected.
pub struct OpenAiScene {
    pub hub: TestHub,
    pub org: Org,
    pub vendor: OpenAi,
}

impl OpenAiScene {
    pub async fn start() -> Self {
        let vendor = OpenAi::start(VENDOR_KEY).await;
        let hub = TestHub::setup().upstream("api.openai.com", &vendor.url()).start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::plugin("openai").pack()).await.expect(201);
        let _ = org.install("openai", json!({})).await.expect(200);
        let _ = org.connect("openai", "secret_key", VENDOR_KEY).await.expect(200);
        Self { hub, org, vendor }
    }

    /// A request in the vendor's own shape.
    pub fn proxied(&self, path: &str, body: &serde_json::Value) -> patchbay_tests::hub::Call {
        self.org.call("POST", &format!("/v1/proxy/openai{path}")).json(body)
    }
}

/// A hostile guest's org beside a neighbour's, with a vendor that has no manners.
pub struct ZooScene {
    pub hub: TestHub,
    pub hostile: Org,
    pub neighbour: Org,
    pub vendor: Vendor,
}

impl ZooScene {
    pub async fn start(guest: &Fixture) -> Self {
        let vendor = Vendor::start().await;
        let hub =
            TestHub::setup().upstream("vendor.test", &vendor.url()).upstream("other.test", &vendor.url()).start().await;
        let (hostile, neighbour) = (hub.org("hostile").await, hub.org("neighbour").await);
        let _ = neighbour.upload(Fixture::load("echo").pack()).await.expect(201);
        let _ = neighbour.install("echo", json!({})).await.expect(200);
        let id = guest.manifest.id.as_str();
        let _ = hostile.upload(guest.pack()).await.expect(201);
        let _ = hostile.install(id, json!({})).await.expect(200);
        let _ = hostile.connect(id, "secret_key", VENDOR_KEY).await.expect(200);
        Self { hub, hostile, neighbour, vendor }
    }

    /// The neighbour's plugin answers, and gives back what it was given.
    pub async fn assert_neighbour_answers(&self) {
        let reply = self.neighbour.act("echo", "run", &json!({"text": "still here"})).await.expect(200);
        assert_eq!(reply.json()["output"]["result"], "still here");
    }
}
