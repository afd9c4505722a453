//! Calls: how long a caller hears nothing.
//!
//! A carrier posts a form for each call and waits for what the caller is to hear, TeXML for Telnyx and TwiML for Twilio; its plugin
//! checks the signature and asks the plugin `ivr`, which has the number's published menu. A hundred calls come each second, evenly,
//! whether the ones before were answered or not; what was sent late counts from when it was due. Once more the same with a database that stands still for five seconds in
//! the middle: PostgreSQL's processes are stopped, SQLite's file is locked by somebody else.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use patchbay_model::{Clock as _, SystemClock};
use patchbay_test_postgres::Paused;
use serde_json::{Value, json};
use sha1::Sha1;

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
/// From which number on calls are counted, so that no two are one.
const WARM: u64 = 0;
const THERE: u64 = 1_000_000;
const AWAY: u64 = 2_000_000;
/// Whose it is that calls.
const CALLER: &str = "+14155552670";

/// The account at Twilio, and what it signs with.
const ACCOUNT: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Who carries the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vendor {
    Telnyx,
    Twilio,
}

impl Vendor {
    const ALL: [Self; 2] = [Self::Telnyx, Self::Twilio];

    const fn plugin(self) -> &'static str {
        match self {
            Self::Telnyx => "telnyx",
            Self::Twilio => "twilio",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Telnyx => "Telnyx",
            Self::Twilio => "Twilio",
        }
    }

    fn config(self) -> Value {
        match self {
            Self::Telnyx => json!({}),
            Self::Twilio => json!({ "account_sid": ACCOUNT }),
        }
    }
}

/// Sends what a carrier sends.
struct Carrier {
    vendor: Vendor,
    /// Where to, whole and without the hub's address.
    url: String,
    path: String,
    key: SigningKey,
}

impl Carrier {
    fn new(vendor: Vendor, url: String, path: String) -> Self {
        Self { vendor, url, path, key: SigningKey::from_bytes(&[7; 32]) }
    }

    fn credentials(&self) -> Value {
        match self.vendor {
            // the public key as Telnyx shows it to its customers
            Vendor::Telnyx => json!({
                "api_key": "KEY_of_the_bench", "public_key": STANDARD.encode(self.key.verifying_key().as_bytes()),
            }),
            Vendor::Twilio => json!({ "auth_token": TOKEN }),
        }
    }

    /// A call that has just come in: headers and body. What is signed are its fields in order of their names.
    fn signed(&self, number: u64) -> anyhow::Result<(Vec<(&'static str, String)>, String)> {
        let account = if self.vendor == Vendor::Twilio { ACCOUNT } else { "bench" };
        let call = match self.vendor {
            Vendor::Telnyx => format!("v3:{number}"),
            Vendor::Twilio => format!("CA{number:032x}"),
        };
        let form = [
            ("AccountSid", account),
            ("CallSid", &call),
            ("CallStatus", "ringing"),
            ("Direction", "inbound"),
            ("From", CALLER),
            ("To", NUMBER),
        ];
        let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect();
        let body = body.join("&");
        let headers = match self.vendor {
            Vendor::Telnyx => {
                let time = SystemClock.now().timestamp().to_string();
                let signature = self.key.sign(format!("{time}|{body}").as_bytes());
                vec![("telnyx-timestamp", time), ("telnyx-signature-ed25519", STANDARD.encode(signature.to_bytes()))]
            }
            Vendor::Twilio => {
                let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes())?;
                mac.update(self.url.as_bytes());
                for (name, value) in form {
                    mac.update(name.as_bytes());
                    mac.update(value.as_bytes());
                }
                vec![("x-twilio-signature", STANDARD.encode(mac.finalize().into_bytes()))]
            }
        };
        Ok((headers, body))
    }

    async fn ring(&self, client: &mut Client, number: u64) -> anyhow::Result<Duration> {
        let (headers, body) = self.signed(number)?;
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
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

/// Lets calls come for so long, numbered from `first` on.
async fn load(scene: &Scene, carrier: &Carrier, first: u64, during: Duration) -> anyhow::Result<Heard> {
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
            match carrier.ring(&mut client, first + u64::try_from(number)?).await {
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

/// A hub whose organization has a menu on a number, and the carrier that sends it its calls.
async fn scene(places: &Places, on: On, vendor: Vendor) -> anyhow::Result<(Scene, Carrier)> {
    let packages = ["ivr", vendor.plugin()].map(|plugin| places.plugins.join(plugin).with_extension("wasm"));
    let scene = Scene::start_with(places, on, &packages, "").await?;
    let orgs = scene.orgs(1).await?;
    let org = orgs.first().context("an organization")?;
    let installation = format!("/v1/installations/{}", vendor.plugin());
    scene.hub.put_as(org.key(), &installation, &json!({ "config": vendor.config() })).await?;
    let level =
        json!({ "greeting": { "say": "Welcome. For sales, press 1." }, "options": { "1": { "do": "hangup" } } });
    let menu = json!({ "name": "Main", "start": "main", "menus": { "main": level } });
    let saved = act(&scene, org, "save-menu", &json!({ "id": "main", "menu": menu })).await?;
    let version = saved.pointer("/output/version").with_context(|| format!("a version of the menu: {saved}"))?;
    act(&scene, org, "publish-menu", &json!({ "id": "main", "version": version, "numbers": [NUMBER] })).await?;
    let (_, installed) = scene.hub.send_as(org.key(), "GET", &installation, None).await?;
    let url = installed.get("webhook_url").and_then(Value::as_str).context("a webhook URL")?;
    let path = url.strip_prefix(&format!("http://{}", scene.hub.address)).context("it is at the public URL")?;
    let carrier = Carrier::new(vendor, url.to_owned(), path.to_owned());
    let credentials = json!({ "credentials": carrier.credentials() });
    scene.hub.put_as(org.key(), &format!("/v1/connections/{}", vendor.plugin()), &credentials).await?;
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
    let (heard, stopped) = tokio::join!(load(scene, carrier, AWAY, during), standstill);
    stopped?;
    heard
}

fn row(on: On, vendor: Vendor, what: &str, heard: &Heard) -> anyhow::Result<String> {
    let Heard { answers, failed } = heard;
    ensure!(answers.len() > 0, "no call was answered: {failed} failed");
    Ok(format!(
        "| {} | {} | {what} | {} | {failed} | {} | **{}** | **{}** | {} |\n",
        on.name(),
        vendor.name(),
        answers.len(),
        ms(answers.percentile(50.0)),
        ms(answers.percentile(99.0)),
        ms(answers.percentile(100.0)),
        facts::fsync()?
    ))
}

async fn rows(places: &Places, sizes: &Sizes, on: On, vendor: Vendor) -> anyhow::Result<String> {
    let (scene, carrier) = scene(places, on, vendor).await?;
    load(&scene, &carrier, WARM, Duration::from_secs(2)).await?;
    let heard = load(&scene, &carrier, THERE, Duration::from_secs(sizes.seconds.max(1))).await?;
    let mut text = row(on, vendor, "there", &heard)?;
    let during = BEFORE + STANDSTILL + Duration::from_secs(sizes.seconds);
    let heard = with_standstill(&scene, &carrier, during).await?;
    text.push_str(&row(on, vendor, &format!("away for {} s", STANDSTILL.as_secs()), &heard)?);
    let rest = match worked_on(&scene).await? {
        Some(time) => format!("all were worked on {:.1} s after the last answer", time.as_secs_f64()),
        None => "not all were worked on".to_owned(),
    };
    writeln!(text, "| {} | {} | {rest} | | | | | | |", on.name(), vendor.name())?;
    scene.close().await;
    Ok(text)
}

pub(crate) async fn run(places: &Places, sizes: &Sizes) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "{RATE} calls a second, each of which is answered with the greeting of a published menu: signature, the carrier's plugin, \
         the plugin `ivr`, and the commit of the webhook before the answer. Once with the database there, once with one that stands \
         still for {} s in the middle, when callers are answered from memory and the webhooks are stored afterwards.\n\n\
         | database | carrier | it is | answered | failed | p50 | p99 | longest | fsync |\n\
         |---|---|---|---|---|---|---|---|---|",
        STANDSTILL.as_secs()
    )?;
    for on in sizes.databases().into_iter().filter(|on| on.hubs() == 1) {
        for vendor in Vendor::ALL {
            text.push_str(&rows(places, sizes, on, vendor).await.with_context(|| on.name())?);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Verifier as _;

    use super::*;

    fn header<'a>(headers: &'a [(&'static str, String)], name: &str) -> &'a str {
        headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str()).unwrap()
    }

    #[test]
    fn a_call_is_signed_as_telnyx_signs_it() {
        let carrier = Carrier::new(Vendor::Telnyx, "https://hub.example.com/hooks/x".to_owned(), "/hooks/x".to_owned());
        let (headers, body) = carrier.signed(1).unwrap();
        let signature = STANDARD.decode(header(&headers, "telnyx-signature-ed25519")).unwrap();
        let signature = ed25519_dalek::Signature::from_bytes(&signature.try_into().unwrap());
        let signed = format!("{}|{body}", header(&headers, "telnyx-timestamp"));
        carrier.key.verifying_key().verify(signed.as_bytes(), &signature).unwrap();
        assert!(body.contains("To=%2B14155552671"));
    }

    #[test]
    fn a_call_is_signed_as_twilio_signs_it() {
        let carrier = Carrier::new(Vendor::Twilio, "https://hub.example.com/hooks/x".to_owned(), "/hooks/x".to_owned());
        let (headers, body) = carrier.signed(1).unwrap();
        // HMAC-SHA1 of the URL and the sorted fields, computed apart
        assert_eq!(header(&headers, "x-twilio-signature"), "Pm9zKH5avdMveQ1DSbMeloGvPVU=");
        assert!(body.contains("CallSid=CA00000000000000000000000000000001"));
    }
}
