//! Jobs as hubs do them: each a call into a plugin, which writes documents and publishes an event, by processes of their own.

use std::time::{Duration, Instant};

use anyhow::ensure;
use patchbay_storage::RunCommit;
use serde_json::json;

use crate::{
    Places, facts,
    hub::ask,
    jobs::rate,
    queue::job,
    rows,
    scene::{On, Scene},
};

const PLUGIN: &str = "worker";
/// Organizations among which the jobs are shared: the hub bounds how many of one run at once.
const ORGS: u64 = 8;
/// Jobs that one commit of the journal makes.
const MADE_AT_ONCE: u64 = 1_000;
/// Of so many that are left it is not looked often.
const MANY: u64 = 20_000;
/// So long nothing is done, and it is believed that nothing more will be.
const IN_VAIN: Duration = Duration::from_secs(60);

/// A row: how many a second.
pub(crate) async fn by_hubs(places: &Places, on: On, count: u64) -> anyhow::Result<String> {
    let scene = Scene::start(places, on, &places.fixtures.join("worker.wasm"), "").await?;
    let orgs = scene.orgs(usize::try_from(ORGS)?).await?;
    let before = backlog(&scene).await?;
    let each = count.div_ceil(ORGS);
    for org in &orgs {
        let mut left = each;
        while left > 0 {
            let portion = left.min(MADE_AT_ONCE);
            let jobs: Vec<_> =
                (0..portion).map(|_| job(PLUGIN, "count", r#"{"to":"1"}"#)).collect::<anyhow::Result<_>>()?;
            scene.journal.commit(RunCommit { jobs, ..rows::commit(org.id, PLUGIN)? }).await?;
            left -= portion;
        }
    }
    for (org, address) in orgs.iter().zip(scene.addresses().into_iter().cycle()) {
        // one more job of the hub's own making, so that it looks
        let body = json!({ "text": "plan count 1" });
        let (status, answer) = ask(address, org.key(), "POST", "/v1/actions/worker/run", Some(&body)).await?;
        ensure!(status == 200, "{status}: {answer}");
    }
    let begun = Instant::now();
    let first = backlog(&scene).await?;
    let mut unchanged = Instant::now();
    let mut left = first;
    while left > before {
        // counting many takes its time, which is the hubs'
        let pause = if left > MANY { Duration::from_secs(2) } else { Duration::from_millis(50) };
        tokio::time::sleep(pause).await;
        let now = backlog(&scene).await?;
        if now < left {
            unchanged = Instant::now();
        }
        ensure!(unchanged.elapsed() < IN_VAIN, "{now} jobs are left, and none was done for {} s", IN_VAIN.as_secs());
        left = now;
    }
    let took = begun.elapsed();
    scene.close().await;
    Ok(format!("| {} | **{}** | {} |\n", on.name(), rate(first.saturating_sub(before), took), facts::fsync()?))
}

/// Jobs that wait or run. Those of schedules are not due, and are none.
async fn backlog(scene: &Scene) -> anyhow::Result<u64> {
    let mut tx = scene.database.read().await?;
    Ok(tx.hub().job_backlog().await?)
}
