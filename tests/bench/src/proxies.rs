//! Each proxy: what it adds to the first byte and to the whole of what its vendor answers, beside the vendor alone.

use std::{fmt::Write as _, time::Instant};

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    Places,
    client::{Call, Client},
    hub::{CHAT, Hub, STREAMED_CHAT},
    stats::{Samples, added_ms, ms},
};

/// How often each is asked on either way.
const SAMPLES: usize = 1_000;
/// How often, if an answer takes its time.
const STREAMED: usize = 50;

/// What is asked of a vendor.
struct Asked {
    plugin: &'static str,
    what: &'static str,
    path: &'static str,
    /// What is sent, by the number of the request; nothing makes it a GET.
    body: fn(usize) -> String,
    samples: usize,
}

const ALL: [Asked; 6] = [
    Asked {
        plugin: "stripe",
        what: "a list of customers",
        path: "/v1/customers",
        body: |_| String::new(),
        samples: SAMPLES,
    },
    Asked {
        plugin: "openai",
        what: "a chat completion",
        path: "/v1/chat/completions",
        body: |_| CHAT.to_owned(),
        samples: SAMPLES,
    },
    Asked {
        plugin: "openai",
        what: "the same as a stream",
        path: "/v1/chat/completions",
        body: |_| STREAMED_CHAT.to_owned(),
        samples: STREAMED,
    },
    Asked {
        plugin: "assemblyai",
        what: "a transcript",
        path: "/v2/transcript/9ea68fd3-f953-42c1-9742-976c447fb463",
        body: |_| String::new(),
        samples: SAMPLES,
    },
    Asked {
        plugin: "elevenlabs",
        what: "a list of voices",
        path: "/v1/voices",
        body: |_| String::new(),
        samples: SAMPLES,
    },
    Asked {
        plugin: "elevenlabs",
        what: "speech as a stream",
        path: "/v1/text-to-speech/voice/stream",
        // each another text: what was said before is kept
        body: |number| format!(r#"{{"text":"number {number}"}}"#),
        samples: STREAMED,
    },
];

#[derive(Default)]
struct Seen {
    first: Samples,
    whole: Samples,
}

impl Seen {
    async fn ask(&mut self, client: &mut Client, call: &Call) -> anyhow::Result<()> {
        let begun = Instant::now();
        let (mut first, mut last) = (None, begun);
        client
            .arrivals(call, |at, data| {
                if !data.is_empty() {
                    first.get_or_insert(at);
                    last = at;
                }
            })
            .await?;
        self.first.push(first.context("an answer without a body")? - begun);
        self.whole.push(last - begun);
        Ok(())
    }
}

/// A hub with all of them, switched on and connected.
async fn hub(places: &Places) -> anyhow::Result<Hub> {
    let plugins: [(&str, Value); 4] = [
        ("stripe", json!({ "secret_key": "sk_test_bench" })),
        ("openai", json!({ "secret_key": "sk-bench" })),
        ("assemblyai", json!({ "api_key": "key-of-the-bench" })),
        ("elevenlabs", json!({ "api_key": "sk_bench" })),
    ];
    let packages = plugins.each_ref().map(|(plugin, _)| places.plugins.join(plugin).with_extension("wasm"));
    let hub = Hub::start(places, &packages).await?;
    for (plugin, credentials) in &plugins {
        hub.put(&format!("/v1/installations/{plugin}"), &json!({ "config": {} })).await?;
        hub.put(&format!("/v1/connections/{plugin}"), &json!({ "credentials": credentials })).await?;
    }
    Ok(hub)
}

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let hub = hub(places).await?;
    let mut text = format!(
        "One request after the other, straight to the vendor and through the hub in turn, {SAMPLES} times each ({STREAMED} times what \
         is streamed).\n\n\
         | proxy | asked for | first byte p50 / p99 direct | first byte p50 / p99 through the hub | added to the first byte p50 / p99 \
         | added to the whole p50 |\n|---|---|---|---|---|---|\n"
    );
    let (mut vendor, mut proxy) = (Client::connect(hub.upstream).await?, Client::connect(hub.address).await?);
    for asked in ALL {
        let body = |number: usize| Bytes::from((asked.body)(number));
        let direct = |number| Call {
            address: hub.upstream,
            path: asked.path.to_owned(),
            key: "sk-bench".to_owned(),
            body: body(number),
        };
        let through = |number| Call {
            address: hub.address,
            path: format!("/v1/proxy/{}{}", asked.plugin, asked.path),
            key: hub.key.clone(),
            body: body(number),
        };
        // caches and connections
        for number in 0..3 {
            Seen::default().ask(&mut proxy, &through(number)).await.with_context(|| asked.plugin)?;
        }
        let (mut without, mut with) = (Seen::default(), Seen::default());
        for number in 3..asked.samples + 3 {
            without.ask(&mut vendor, &direct(number)).await?;
            with.ask(&mut proxy, &through(number)).await.with_context(|| asked.plugin)?;
        }
        let pair = |samples: &Samples| (samples.percentile(50.0), samples.percentile(99.0));
        let ((direct50, direct99), (with50, with99)) = (pair(&without.first), pair(&with.first));
        writeln!(
            text,
            "| `{}` | {} | {} / {} | {} / {} | **{} / {}** | {} |",
            asked.plugin,
            asked.what,
            ms(direct50),
            ms(direct99),
            ms(with50),
            ms(with99),
            added_ms(with50, direct50),
            added_ms(with99, direct99),
            added_ms(with.whole.percentile(50.0), without.whole.percentile(50.0)),
        )?;
    }
    text.push('\n');
    Ok(text)
}
