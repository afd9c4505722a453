//! A hub that sells plans, with OpenAI's simulator behind it.

use std::{collections::BTreeMap, path::Path};

use patchbay_hub::{Billing, PlanSettings, Plans};
use patchbay_tests::{
    Fixture, OpenAi, Org, TestHub,
    hub::{Call, Reply, Setup},
};
use serde_json::{Value, json};

use crate::scene::VENDOR_KEY;

/// The plugin with the manifest that is in the repository, also if it was packed before that.
pub fn openai() -> Fixture {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/openai"));
    let manifest = patchbay_package::load_manifest_dir(folder).expect("the plugin's manifest");
    Fixture::plugin("openai").edit(|packed| *packed = manifest)
}

/// A configuration's `[billing]`, `[plans]` and `[features]`.
pub fn plans(sections: Value) -> Plans {
    let part = |name: &str| sections.get(name).cloned().unwrap_or(json!({}));
    let billing: Billing = serde_json::from_value(part("billing")).unwrap();
    let plans: BTreeMap<String, PlanSettings> = serde_json::from_value(part("plans")).unwrap();
    Plans::new(&billing, &plans, &serde_json::from_value(part("features")).unwrap()).unwrap()
}

pub struct Scene {
    pub hub: TestHub,
    pub org: Org,
    pub vendor: OpenAi,
    sections: Value,
}

impl Scene {
    pub async fn start(sections: Value) -> Self {
        Self::start_with(sections, openai()).await
    }

    /// With a manifest of one's own.
    pub async fn start_with(sections: Value, plugin: Fixture) -> Self {
        let vendor = OpenAi::start(VENDOR_KEY).await;
        let hub = setup(&vendor, &sections).start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(plugin.pack()).await.expect(201);
        let scene = Self { hub, org, vendor, sections };
        scene.connect(&scene.org).await;
        scene
    }

    /// Installs and connects the plugin for an org.
    pub async fn connect(&self, org: &Org) {
        let _ = org.install("openai", json!({})).await.expect(200);
        let _ = org.connect("openai", "secret_key", VENDOR_KEY).await.expect(200);
    }

    /// Another hub on the same database, which has the plugin; none on SQLite.
    pub async fn second(&self) -> Option<TestHub> {
        self.hub.postgres()?;
        Some(setup(&self.vendor, &self.sections).beside(&self.hub).start().await)
    }

    /// So many answers of the vendor were asked for.
    pub fn asked(&self) -> usize {
        self.vendor.ledger().entries().len()
    }
}

fn setup(vendor: &OpenAi, sections: &Value) -> Setup {
    let plans = plans(sections.clone());
    TestHub::setup().upstream("api.openai.com", &vendor.url()).edit(|config| {
        config.plans = plans;
        config.runtime.defaults.concurrency = 200;
        config.runtime.ceilings.concurrency = 200;
    })
}

pub fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "how are you"}]})
}

/// A chat completion in the vendor's own shape.
pub fn proxied(org: &Org, body: &Value) -> Call {
    org.call("POST", "/v1/proxy/openai/v1/chat/completions").json(body)
}

pub async fn act(org: &Org, model: &str) -> Reply {
    let mut input = chat(model, false);
    input.as_object_mut().unwrap().remove("stream");
    org.act("openai", "create-chat-completion", &input).await
}

pub async fn put_budget(org: &Org, subject: &str, unit: &str, cap: u64) -> Reply {
    org.call("PUT", &format!("/v1/budgets/{subject}/{unit}")).json(&json!({"cap": cap})).send().await
}

pub async fn budget(org: &Org, subject: &str, unit: &str) -> Value {
    org.get(&format!("/v1/budgets/{subject}/{unit}")).await.expect(200).json()
}

pub async fn summary(org: &Org) -> Value {
    org.get("/v1/usage").await.expect(200).json()["summary"].clone()
}

/// What was used of a metric in the present period.
pub fn used(summary: &Value, metric: &str) -> u64 {
    let metrics = summary["metrics"].as_array().unwrap();
    metrics.iter().find(|one| one["metric"] == metric).unwrap()["used"].as_u64().unwrap()
}

/// Tokens that are billed.
pub async fn tokens(org: &Org) -> u64 {
    org.metered("openai", "input_tokens").await + org.metered("openai", "output_tokens").await
}
