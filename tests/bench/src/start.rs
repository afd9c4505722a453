//! Cold start with a folder full of plugins, from the compile cache, and memory at rest.

use std::{fs, time::Instant};

use bytes::Bytes;
use patchbay_package::{OpenLimits, Trust};

use crate::{
    Places,
    hub::{CHAT, Hub, serve},
    stats::{Samples, ms},
};

const PLUGINS: usize = 20;
const STARTS: usize = 10;

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let directory = tempfile::tempdir_in("target")?;
    let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
    let package = patchbay_package::open(
        Bytes::from(fs::read(places.plugins.join("openai.wasm"))?),
        &trust,
        &OpenLimits { max_bytes: 64 << 20 },
    )?;
    let mut packages = Vec::new();
    for number in 0..PLUGINS {
        let mut manifest = package.manifest.clone();
        manifest.id = format!("openai-{number}").parse()?;
        let path = directory.path().join(format!("openai-{number}.wasm"));
        fs::write(&path, patchbay_package::pack(package.component(), &manifest)?)?;
        packages.push(path);
    }
    let mut hub = Hub::start(places, &packages).await?;
    let mut samples = Samples::default();
    for _ in 0..STARTS {
        hub.process.stop()?;
        let begun = Instant::now();
        hub.process = serve(&places.patchbay, &hub.config)?;
        hub.wait_ready().await?;
        samples.push(begun.elapsed());
    }
    let idle = hub.process.rss_kib()?;
    let small = Hub::with_openai(places).await?;
    let fresh = small.process.rss_kib()?;
    crate::latency::batch(&small.proxied(CHAT), 16, 5_000).await?;
    let loaded = small.process.rss_kib()?;
    Ok(format!(
        "From `patchbay serve` to a ready hub with {PLUGINS} plugins from the cache, {STARTS} times: p50 {}, p99 {}. Idle with them: {} MiB RSS.\n\nWith the OpenAI connector alone: idle {} MiB, after 5,000 calls at concurrency 16 {} MiB.\n\n",
        ms(samples.percentile(50.0)),
        ms(samples.percentile(99.0)),
        idle >> 10,
        fresh >> 10,
        loaded >> 10,
    ))
}
