//! Calls: how long a caller hears nothing.
//!
//! Telnyx posts a form for each call and waits for what the caller is to hear; its plugin checks the signature and asks the plugin
//! `ivr`, which has the number's published menu. A hundred calls come each second, evenly, whether the ones before were answered or
//! not; what was sent late counts from when it was due. Once more the same with a database that stands still for five seconds in
//! the middle: PostgreSQL's processes are stopped, SQLite's file is locked by somebody else.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use patchbay_model::{Clock as _, SystemClock};
use patchbay_test_postgres::Paused;
use serde_json::{Value, json};

use crate::{
    Places, Sizes,
    client::Client,
    facts,
    scene::{LATE, On, Publisher, Scene},
    stats::{Samples, ms},
    webhooks::worked_on,
};

/// Calls a second.
const RATE: u32 = 100;
/// As many as calls come in four seconds: one that is not answered for so long keeps another one waiting, and is seen.
const CONNECTIONS: usize = 400;
/// When the database stops, and for how long.
const BEFORE: Duration = Duration::from_secs(2);
const STANDSTILL: Duration = Duration::from_secs(5);
/// The number that is called.
const NUMBER: &str = "+14155552671";

/// Sends what Telnyx sends.
struct Carrier {
    path: String,
    key: SigningKey,
}

impl Carrier {
    fn new(path: String) -> Self {
        Self { path, key: SigningKey::from_bytes(&[7; 32]) }
    }

    /// As Telnyx shows it to its customers.
    fn public_key(&self) -> String {
        STANDARD.encode(self.key.verifying_key().as_bytes())
    }

    /// A call that has just come in: time, signature and body.
    fn signed(&self, call: &str) -> (String, String, String) {
        let number = NUMBER.replace('+', "%2B");
        let body = format!(
            "AccountSid=bench&CallSid={call}&From=%2B14155552670&To={number}&Direction=inbound&CallStatus=ringing"
        );
        let time = SystemClock.now().timestamp().to_string();
        let signature = self.key.sign(format!("{time}|{body}").as_bytes());
        (time, STANDARD.encode(signature.to_bytes()), body)
    }

    async fn ring(&self, client: &mut Client, call: &str) -> anyhow::Result<Duration> {
        let (time, signature, body) = self.signed(call);
        let headers = [("telnyx-timestamp", time.as_str()), ("telnyx-signature-ed25519", &signature)];
        client.post_with(&self.path, "application/x-www-form-urlencoded", &headers, body).await
    }
}

/// What callers heard.
#[derive(Default)]
struct Heard {
    answers: Samples,
    /// Calls that were answered with a failure, or not at all.
    failed: usize,
}

/// Lets calls come for so long.
async fn load(scene: &Scene, carrier: &Carrier, name: &str, during: Duration) -> anyhow::Result<Heard> {
    let count = usize::try_from(RATE)? * usize::try_from(during.as_secs())?;
    let every = Duration::from_secs(1) / RATE;
    let connections = CONNECTIONS.min(count);
    let mut clients = Vec::with_capacity(connections);
    for _ in 0..connections {
        clients.push(Client::connect(scene.hub.address).await?);
    }
    let begun = Instant::now() + Duration::from_millis(50);
    let ringing = clients.into_iter().enumerate().map(move |(worker, mut client)| async move {
        let mut heard = Heard::default();
        for number in (worker..count).step_by(connections) {
            let due = begun + every * u32::try_from(number)?;
            tokio::time::sleep_until(due.into()).await;
            let late = due.elapsed();
            match carrier.ring(&mut client, &format!("v3:{name}-{number}")).await {
                Ok(took) => heard.answers.push(if late > LATE { took + late } else { took }),
                Err(_) => {
                    heard.failed += 1;
                    client = Client::connect(scene.hub.address).await?;
                }
            }
        }
        anyhow::Ok(heard)
    });
    let mut all = Heard::default();
    for heard in futures::future::try_join_all(ringing).await? {
        all.answers.extend(heard.answers);
        all.failed += heard.failed;
    }
    Ok(all)
}

/// A hub whose organization has a menu on a number, and where Telnyx sends its calls.
async fn scene(places: &Places, on: On) -> anyhow::Result<(Scene, Carrier)> {
    let packages = [places.plugins.join("telnyx.wasm"), places.plugins.join("ivr.wasm")];
    let scene = Scene::start_with(places, on, &packages, "").await?;
    let orgs = scene.orgs(1).await?;
    let org = orgs.first().context("an organization")?;
    scene.hub.put_as(org.key(), "/v1/installations/ivr", &json!({ "config": {} })).await?;
    let level =
        json!({ "greeting": { "say": "Welcome. For sales, press 1." }, "options": { "1": { "do": "hangup" } } });
    let menu = json!({ "name": "Main", "start": "main", "menus": { "main": level } });
    let saved = act(&scene, org, "save-menu", &json!({ "id": "main", "menu": menu })).await?;
    let version = saved.pointer("/output/version").with_context(|| format!("a version of the menu: {saved}"))?;
    act(&scene, org, "publish-menu", &json!({ "id": "main", "version": version, "numbers": [NUMBER] })).await?;
    let (_, installed) = scene.hub.send_as(org.key(), "GET", "/v1/installations/telnyx", None).await?;
    let url = installed.get("webhook_url").and_then(Value::as_str).context("a webhook URL")?;
    let path = url.strip_prefix(&format!("http://{}", scene.hub.address)).context("it is at the public URL")?;
    let carrier = Carrier::new(path.to_owned());
    let credentials = json!({ "credentials": { "api_key": "KEY_of_the_bench", "public_key": carrier.public_key() } });
    scene.hub.put_as(org.key(), "/v1/connections/telnyx", &credentials).await?;
    Ok((scene, carrier))
}

async fn act(scene: &Scene, org: &Publisher, action: &str, input: &Value) -> anyhow::Result<Value> {
    let path = format!("/v1/actions/ivr/{action}");
    let (status, answer) = scene.hub.send_as(org.key(), "POST", &path, Some(input)).await?;
    ensure!(status == 200, "POST {path}: {status} {answer}");
    Ok(answer)
}

/// A database that takes nothing until this is dropped.
enum Standstill {
    Sqlite(Box<patchbay_storage::Tx>),
    Postgres(Paused),
}

async fn stop(scene: &Scene) -> anyhow::Result<Standstill> {
    if let Some(server) = &scene.server {
        return Ok(Standstill::Postgres(server.pause()));
    }
    let mut tx = scene.database.begin().await?;
    tx.hub().orgs(None, 1).await?;
    Ok(Standstill::Sqlite(Box::new(tx)))
}

async fn with_standstill(scene: &Scene, carrier: &Carrier, during: Duration) -> anyhow::Result<Heard> {
    let standstill = async {
        tokio::time::sleep(BEFORE).await;
        let stopped = stop(scene).await?;
        tokio::time::sleep(STANDSTILL).await;
        match stopped {
            Standstill::Sqlite(tx) => (*tx).rollback().await,
            Standstill::Postgres(paused) => drop(paused),
        }
        anyhow::Ok(())
    };
    let (heard, stopped) = tokio::join!(load(scene, carrier, "away", during), standstill);
    stopped?;
    heard
}

fn row(on: On, what: &str, heard: &Heard) -> anyhow::Result<String> {
    let Heard { answers, failed } = heard;
    ensure!(answers.len() > 0, "no call was answered: {failed} failed");
    Ok(format!(
        "| {} | {what} | {} | {failed} | {} | **{}** | **{}** | {} |\n",
        on.name(),
        answers.len(),
        ms(answers.percentile(50.0)),
        ms(answers.percentile(99.0)),
        ms(answers.percentile(100.0)),
        facts::fsync()?
    ))
}

async fn rows(places: &Places, sizes: &Sizes, on: On) -> anyhow::Result<String> {
    let (scene, carrier) = scene(places, on).await?;
    load(&scene, &carrier, "warm", Duration::from_secs(2)).await?;
    let heard = load(&scene, &carrier, "there", Duration::from_secs(sizes.seconds.max(1))).await?;
    let mut text = row(on, "there", &heard)?;
    let during = BEFORE + STANDSTILL + Duration::from_secs(sizes.seconds);
    let heard = with_standstill(&scene, &carrier, during).await?;
    text.push_str(&row(on, &format!("away for {} s", STANDSTILL.as_secs()), &heard)?);
    let rest = match worked_on(&scene).await? {
        Some(time) => format!("all were worked on {:.1} s after the last answer", time.as_secs_f64()),
        None => "not all were worked on".to_owned(),
    };
    writeln!(text, "| {} | {rest} | | | | | | |", on.name())?;
    scene.close().await;
    Ok(text)
}

pub(crate) async fn run(places: &Places, sizes: &Sizes) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "{RATE} calls a second by Telnyx, each of which is answered with the greeting of a published menu: signature, the plugin \
         `telnyx`, the plugin `ivr`, and the commit of the webhook before the answer. Once with the database there, once with one \
         that stands still for {} s in the middle, when callers are answered from memory and the webhooks are stored \
         afterwards.\n\n\
         | database | it is | answered | failed | p50 | p99 | longest | fsync |\n\
         |---|---|---|---|---|---|---|---|",
        STANDSTILL.as_secs()
    )?;
    for on in sizes.databases().into_iter().filter(|on| on.hubs() == 1) {
        text.push_str(&rows(places, sizes, on).await.with_context(|| on.name())?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Verifier as _;

    use super::*;

    #[test]
    fn a_call_is_signed_as_telnyx_signs_it() {
        let carrier = Carrier::new("/hooks/x".to_owned());
        let (time, signature, body) = carrier.signed("v3:1");
        let bytes: [u8; 64] = STANDARD.decode(signature).unwrap().try_into().unwrap();
        let signature = ed25519_dalek::Signature::from_bytes(&bytes);
        carrier.key.verifying_key().verify(format!("{time}|{body}").as_bytes(), &signature).unwrap();
        assert!(body.contains("To=%2B14155552671") && carrier.public_key().len() == 44);
    }
}
