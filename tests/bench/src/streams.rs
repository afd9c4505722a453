//! Streams: what the hub adds to the first byte and between frames, and whether any frame is lost when many
//! run at once.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use crate::{
    Places,
    client::{Call, Client},
    hub::{Hub, STREAMED_CHAT},
    stats::{Samples, added_ms, ms},
    upstream::{FRAMES, GAP},
};

#[derive(Default)]
struct Seen {
    first: Samples,
    gaps: Samples,
    lost: usize,
}

async fn one(call: &Call) -> anyhow::Result<Seen> {
    let mut client = Client::connect(call.address).await?;
    let begun = Instant::now();
    let (mut seen, mut last, mut text) = (Seen::default(), None, Vec::new());
    client
        .arrivals(call, |at, data| {
            match last {
                None => seen.first.push(at - begun),
                Some(last) => seen.gaps.push(at - last),
            }
            last = Some(at);
            text.extend_from_slice(data);
        })
        .await?;
    let text = String::from_utf8_lossy(&text);
    let mut from = 0;
    for number in 0..FRAMES {
        // in order: each is looked for behind the one before
        match text.get(from..).and_then(|rest| rest.find(&format!("#{number:04}"))) {
            Some(at) => from += at,
            None => seen.lost += 1,
        }
    }
    Ok(seen)
}

async fn many(call: &Call, streams: usize) -> anyhow::Result<Seen> {
    // spread over one gap, as independent clients are
    let tasks = (0..streams).map(|number| {
        let call = call.clone();
        tokio::spawn(async move {
            tokio::time::sleep(GAP.mul_f64(number as f64 / streams as f64) + Duration::from_millis(number as u64 / 4))
                .await;
            one(&call).await
        })
    });
    let mut all = Seen::default();
    for task in tasks.collect::<Vec<_>>() {
        let seen = task.await??;
        all.first.extend(seen.first);
        all.gaps.extend(seen.gaps);
        all.lost += seen.lost;
    }
    Ok(all)
}

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let hub = Hub::with_openai(places).await?;
    let (direct, proxied) = (hub.direct(STREAMED_CHAT), hub.proxied(STREAMED_CHAT));
    many(&proxied, 4).await?;
    let mut text = format!(
        "{FRAMES} frames, {} ms apart (50 frames/s per stream); the client did not ask for usage, so each frame is looked into and rewritten.\n\n",
        GAP.as_millis()
    );
    writeln!(
        text,
        "| streams | first byte p50: direct, proxy, added | gap p50 / p99 direct | gap p50 / p99 proxy | gap added p99 | frames lost | hub RSS |\n|---|---|---|---|---|---|---|"
    )?;
    for streams in [1, 100, 500, 1_000] {
        let without = many(&direct, streams).await?;
        let with = many(&proxied, streams).await?;
        let first = (without.first.percentile(50.0), with.first.percentile(50.0));
        let tails = (without.gaps.percentile(99.0), with.gaps.percentile(99.0));
        writeln!(
            text,
            "| {streams} | {}, {}, {} | {} / {} | {} / {} | {} | {} | {} MiB |",
            ms(first.0),
            ms(first.1),
            added_ms(first.1, first.0),
            ms(without.gaps.percentile(50.0)),
            ms(tails.0),
            ms(with.gaps.percentile(50.0)),
            ms(tails.1),
            added_ms(tails.1, tails.0),
            with.lost,
            hub.process.rss_kib()? >> 10,
        )?;
    }
    text.push('\n');
    Ok(text)
}
