//! How long after a file is in place its version answers.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use patchbay_package::{OpenLimits, Trust};
use serde_json::{Value, json};

use crate::{
    Places,
    hub::Hub,
    stats::{Samples, ms},
};

const SWAPS: u64 = 20;

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let hub = Hub::start(places, &[places.fixtures.join("echo.wasm")]).await?;
    hub.put("/v1/installations/echo", &json!({ "config": {} })).await?;
    let packed = Bytes::from(fs::read(places.fixtures.join("echo.wasm"))?);
    let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
    let package = patchbay_package::open(packed, &trust, &OpenLimits { max_bytes: 64 << 20 })?;
    let mut samples = Samples::default();
    for patch in 1..=SWAPS {
        let mut manifest = package.manifest.clone();
        manifest.version = semver::Version::new(1, 1, patch);
        let next = patchbay_package::pack(package.component(), &manifest)?;
        let partial = hub.plugins.join("echo.partial");
        fs::write(&partial, next)?;
        fs::rename(&partial, hub.plugins.join("echo.wasm"))?;
        let begun = Instant::now();
        let wanted = format!("1.1.{patch}");
        loop {
            let (_, installation) = hub.send("GET", "/v1/installations/echo", None).await?;
            if installation.get("version").and_then(Value::as_str) == Some(wanted.as_str()) {
                break;
            }
            ensure!(begun.elapsed() < Duration::from_secs(30), "{wanted} does not become active");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        samples.push(begun.elapsed());
    }
    let (_, answer) = hub.send("POST", "/v1/actions/echo/run", Some(&json!({ "text": "still there" }))).await?;
    answer.get("output").context("the last version does not answer")?;
    Ok(format!(
        "From the rename of a new package into the plugin folder to the version that `GET /v1/installations` names, {SWAPS} times: p50 {}, p99 {}.\n\n",
        ms(samples.percentile(50.0)),
        ms(samples.percentile(99.0)),
    ))
}
