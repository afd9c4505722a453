//! Vendors' webhooks: how many a second are taken in, each answered once it is committed.
//!
//! They come by HTTP on keep-alive connections, and Stripe's plugin verifies each of them by its signature. Each
//! connection sends the next one when the one before was answered; all have ids of their own. What a webhook asks for is done
//! behind the answer, on the same cores: so it is measured once as a hub does it that was set up by nobody, and once with a
//! single worker, where nearly all of it is left for later, for what taking in alone can do.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};
use hmac::{Hmac, KeyInit as _, Mac as _};
use patchbay_model::{Clock as _, SystemClock};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    Places, Sizes,
    client::Client,
    facts,
    scene::{On, Scene},
    stats::{Samples, ms},
};

const SECRET: &str = "whsec_thisSecretIsOfTheBenchmarkAlone0001";
const CONNECTIONS: [usize; 3] = [8, 32, 64];
/// How long it is waited for that all is worked on.
const PATIENCE: Duration = Duration::from_secs(180);

/// Sends one after the other.
struct Vendor {
    path: String,
    mac: Hmac<Sha256>,
    /// Of about a kilobyte, as most of Stripe's have: all but the id.
    rest: String,
}

impl Vendor {
    fn new(path: String) -> anyhow::Result<Self> {
        let item = json!({
            "id": "li_1", "object": "line_item", "amount": 4900, "currency": "eur", "description": "A subscription to something",
            "period": { "start": 1_793_491_200, "end": 1_796_083_200 }, "price": { "id": "price_1", "product": "prod_1" },
        });
        let rest = json!({
            "object": "event", "api_version": "2026-10-28.endive", "created": 1_793_491_200, "type": "invoice.paid",
            "livemode": false, "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
            "data": { "object": {
                "id": "in_1", "object": "invoice", "customer": "cus_1", "amount_due": 4900,
                "lines": { "object": "list", "has_more": false, "url": "/v1/invoices/in_1/lines", "data": vec![item; 4] },
            } },
        });
        let rest = rest.to_string().strip_prefix('{').context("an object")?.to_owned();
        let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map_err(|_| anyhow!("a key of any length"))?;
        Ok(Self { path, mac, rest })
    }

    /// Its signature's header, and the body.
    fn signed(&self, id: &str) -> (String, String) {
        let body = format!("{{\"id\":\"{id}\",{}", self.rest);
        let time = SystemClock.now().timestamp();
        let mut mac = self.mac.clone();
        mac.update(format!("{time}.").as_bytes());
        mac.update(body.as_bytes());
        (format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes())), body)
    }

    /// Sends until the time is over; gives how long each answer took.
    async fn send(&self, client: &mut Client, name: &str, until: Instant) -> anyhow::Result<Samples> {
        let mut samples = Samples::default();
        let mut number = 0_u64;
        while Instant::now() < until {
            let (signature, body) = self.signed(&format!("evt_{name}_{number}"));
            samples.push(client.post(&self.path, ("stripe-signature", &signature), body).await?);
            number += 1;
        }
        Ok(samples)
    }
}

/// Sends on so many connections at once.
async fn load(
    scene: &Scene,
    vendor: &Vendor,
    connections: usize,
    name: &str,
    during: Duration,
) -> anyhow::Result<Samples> {
    let mut clients = Vec::with_capacity(connections);
    for _ in 0..connections {
        clients.push(Client::connect(scene.hub.address).await?);
    }
    let until = Instant::now() + during;
    let sending = clients.iter_mut().enumerate().map(|(number, client)| {
        let name = format!("{name}_{number}");
        async move { vendor.send(client, &name, until).await }
    });
    let mut all = Samples::default();
    for samples in futures::future::try_join_all(sending).await? {
        all.extend(samples);
    }
    Ok(all)
}

/// Waits until all that came was worked on, if that does not take too long.
pub(crate) async fn worked_on(scene: &Scene) -> anyhow::Result<Option<Duration>> {
    let begun = Instant::now();
    // also what is under way, which is due again later if nothing comes of it
    let some_day = SystemClock.now() + Duration::from_secs(24 * 3_600);
    while begun.elapsed() < PATIENCE {
        let mut tx = scene.database.read().await?;
        let left = tx.hub().due_webhooks(some_day, 1).await?;
        drop(tx);
        if left.is_empty() {
            return Ok(Some(begun.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(None)
}

async fn rows(places: &Places, sizes: &Sizes, on: On, workers: Option<u32>) -> anyhow::Result<String> {
    let limits = workers.map(|workers| format!("webhook_concurrency = {workers}\n")).unwrap_or_default();
    let scene = Scene::start(places, on, &places.plugins.join("stripe.wasm"), &limits).await?;
    let orgs = scene.orgs(1).await?;
    let org = orgs.first().context("an organization")?;
    let credentials = json!({ "credentials": { "webhook_secret": SECRET } });
    scene.hub.put_as(org.key(), "/v1/connections/stripe", &credentials).await?;
    let (_, installed) = scene.hub.send_as(org.key(), "GET", "/v1/installations/stripe", None).await?;
    let url = installed.get("webhook_url").and_then(Value::as_str).context("a webhook URL")?;
    let path = url.strip_prefix(&format!("http://{}", scene.hub.address)).context("it is at the public URL")?;
    let vendor = Vendor::new(path.to_owned())?;

    load(&scene, &vendor, 8, "warm", Duration::from_secs(1)).await?;
    let during = Duration::from_secs(sizes.seconds);
    let (mut text, mut count) = (String::new(), 0);
    for connections in CONNECTIONS {
        let begun = Instant::now();
        let samples = load(&scene, &vendor, connections, &connections.to_string(), during).await?;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = samples.len() as f64 / begun.elapsed().as_secs_f64();
        count += samples.len();
        ensure!(samples.len() > connections, "too few for a figure: {}", samples.len());
        writeln!(
            text,
            "| {} | {} | {connections} | **{rate:.0}** | {} | **{}** | {} |",
            on.name(),
            workers.map_or_else(|| "as installed".to_owned(), |workers| workers.to_string()),
            ms(samples.percentile(50.0)),
            ms(samples.percentile(99.0)),
            facts::fsync()?
        )?;
    }
    if workers.is_none() {
        let rest = match worked_on(&scene).await? {
            Some(time) => format!("all {count} were worked on {:.1} s after the last answer", time.as_secs_f64()),
            None => format!("of {count} not all were worked on {} s after the last answer", PATIENCE.as_secs()),
        };
        writeln!(text, "| {} | {rest} | | | | | |", on.name())?;
    }
    scene.close().await;
    Ok(text)
}

pub(crate) async fn run(places: &Places, sizes: &Sizes) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "Webhooks of a kilobyte with Stripe's signatures, each with an id of its own, for {} s on so many keep-alive connections. \
         A 200 means that the webhook is committed. Workers: how many webhooks are worked on at once behind the answers, at most.\n\n\
         | database | workers | connections | webhooks/s | p50 | p99 | fsync |\n\
         |---|---|---|---|---|---|---|",
        sizes.seconds
    )?;
    for on in sizes.databases().into_iter().filter(|on| on.hubs() == 1) {
        for workers in [None, Some(1)] {
            text.push_str(&rows(places, sizes, on, workers).await.with_context(|| on.name())?);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_body_is_an_event_of_its_own_and_about_a_kilobyte() {
        let vendor = Vendor::new("/hooks/x".to_owned()).unwrap();
        let (header, body) = vendor.signed("evt_1");
        let event: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&event["id"], &event["type"]), (&json!("evt_1"), &json!("invoice.paid")));
        assert!((700..1_300).contains(&body.len()), "{}", body.len());
        assert!(header.starts_with("t=") && header.len() > 75);
    }
}
