//! Speech: what the hub adds to the first byte and to the whole when ElevenLabs is asked, how soon speech comes that
//! was kept, and how soon all hear it who ask for the same at once.

use std::{fmt::Write as _, time::Instant};

use anyhow::Context as _;
use bytes::Bytes;

use crate::{
    Places,
    client::{Call, Client},
    hub::Hub,
    stats::{Samples, added_ms, ms},
    upstream::{AUDIO_GAP, AUDIO_PIECES},
};

/// How often each is measured.
const SAMPLES: usize = 200;
/// Those who ask for the same at once.
const CROWD: usize = 1_000;

#[derive(Default)]
struct Seen {
    first: Samples,
    whole: Samples,
}

/// Asks once, and notes when the first byte came and when the last.
async fn one(client: &mut Client, call: &Call, seen: &mut Seen) -> anyhow::Result<()> {
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
    seen.first.push(first.context("no audio came")? - begun);
    seen.whole.push(last - begun);
    Ok(())
}

/// The same speech for everybody, each on a connection of his own.
async fn crowd(call: &Call) -> anyhow::Result<Seen> {
    let tasks = (0..CROWD).map(|_| {
        let call = call.clone();
        tokio::spawn(async move {
            let mut seen = Seen::default();
            one(&mut Client::connect(call.address).await?, &call, &mut seen).await?;
            anyhow::Ok(seen)
        })
    });
    let mut all = Seen::default();
    for task in tasks.collect::<Vec<_>>() {
        let seen = task.await??;
        all.first.extend(seen.first);
        all.whole.extend(seen.whole);
    }
    Ok(all)
}

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let hub = Hub::with_elevenlabs(places).await?;
    let text = |said: &str| Bytes::from(format!(r#"{{"text":"{said}"}}"#));
    let direct = Call {
        address: hub.upstream,
        path: "/v1/text-to-speech/voice/stream".into(),
        key: "sk_bench".into(),
        body: text("direct"),
    };
    let through = |said: &str| Call {
        address: hub.address,
        path: "/v1/proxy/elevenlabs/v1/text-to-speech/voice/stream".into(),
        key: hub.key.clone(),
        body: text(said),
    };
    let (mut vendor, mut proxy) = (Client::connect(hub.upstream).await?, Client::connect(hub.address).await?);
    let kept = through("kept");
    one(&mut proxy, &kept, &mut Seen::default()).await?;
    let (mut without, mut asked, mut again) = (Seen::default(), Seen::default(), Seen::default());
    for number in 0..SAMPLES {
        one(&mut vendor, &direct, &mut without).await?;
        one(&mut proxy, &through(&format!("number {number}")), &mut asked).await?;
        one(&mut proxy, &kept, &mut again).await?;
    }
    let all = crowd(&through("for everybody")).await?;
    let mut report = format!(
        "{AUDIO_PIECES} pieces of 4 KiB, {} ms apart; each asked for {SAMPLES} times on one connection, the last row by {CROWD} callers at once.\n\n\
         | speech | first byte p50 / p99 | whole p50 / p99 | added to the first byte p50 | added to the whole p50 |\n|---|---|---|---|---|\n",
        AUDIO_GAP.as_millis()
    );
    let rows = [
        ("direct", &without),
        ("through the hub, made", &asked),
        ("through the hub, kept", &again),
        ("through the hub, the same for all at once", &all),
    ];
    for (way, seen) in rows {
        let (first, whole) = (seen.first.percentile(50.0), seen.whole.percentile(50.0));
        writeln!(
            report,
            "| {way} | {} / {} | {} / {} | {} | {} |",
            ms(first),
            ms(seen.first.percentile(99.0)),
            ms(whole),
            ms(seen.whole.percentile(99.0)),
            added_ms(first, without.first.percentile(50.0)),
            added_ms(whole, without.whole.percentile(50.0)),
        )?;
    }
    report.push('\n');
    Ok(report)
}
