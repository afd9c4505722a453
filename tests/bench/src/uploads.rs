//! AssemblyAI's API through the hub: what a read costs, and gigabytes that flow through.

use std::{
    convert::Infallible,
    fmt::Write as _,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::ensure;
use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{Request, body::Frame};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{
    Places, Sizes,
    client::Call,
    hub::Hub,
    latency::batch,
    stats::{Samples, added_ms, ms},
};

const ROUNDS: usize = 3;
const CALLS: usize = 1_000;
const READ: &str = "/v2/transcript/9ea68fd3-f953-42c1-9742-976c447fb463";
const UPLOAD: &str = "/v2/upload";
const MIB: usize = 1 << 20;

/// Posts so many MiB on a connection of its own, in pieces of one; gives the time until they were answered.
async fn upload(address: SocketAddr, path: &str, key: &str, mib: u64) -> anyhow::Result<Duration> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let piece = Bytes::from(vec![7; MIB]);
    let pieces: BoxStream<'static, Result<Frame<Bytes>, Infallible>> =
        futures::stream::iter((0..mib).map(move |_| Ok(Frame::data(piece.clone())))).boxed();
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("host", address.to_string())
        .header("authorization", key)
        .header("content-type", "application/octet-stream")
        .body(StreamBody::new(pieces))?;
    let begun = Instant::now();
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
    Ok(begun.elapsed())
}

pub(crate) async fn run(places: &Places, sizes: &Sizes) -> anyhow::Result<String> {
    let hub = Hub::with_assemblyai(places).await?;
    let direct = Call { address: hub.upstream, path: READ.into(), key: "bench".into(), body: Bytes::new() };
    let path = format!("/v1/proxy/assemblyai{READ}");
    let proxied = Call { address: hub.address, path, key: hub.key.clone(), body: Bytes::new() };
    for call in [&direct, &proxied] {
        batch(call, 4, 500).await?;
    }
    let mut text = String::from("A transcript that is read:\n\n");
    writeln!(text, "| concurrency | direct p50 / p99 | proxy p50 / p99 | proxy adds p50 / p99 |\n|---|---|---|---|")?;
    for concurrency in [1, 16] {
        let mut samples = [Samples::default(), Samples::default()];
        for _ in 0..ROUNDS {
            for (samples, call) in samples.iter_mut().zip([&direct, &proxied]) {
                samples.extend(batch(call, concurrency, CALLS).await?);
            }
        }
        let [(direct_p50, direct_p99), (p50, p99)] =
            samples.map(|samples| (samples.percentile(50.0), samples.percentile(99.0)));
        writeln!(
            text,
            "| {concurrency} | {} / {} | {} / {} | **{} / {}** |",
            ms(direct_p50),
            ms(direct_p99),
            ms(p50),
            ms(p99),
            added_ms(p50, direct_p50),
            added_ms(p99, direct_p99)
        )?;
    }
    let path = format!("/v1/proxy/assemblyai{UPLOAD}");
    // whatever is made once is there then
    upload(hub.address, &path, &hub.key, 8).await?;
    let before = hub.process.rss_kib()?;
    hub.process.forget_peak()?;
    let mib = sizes.upload;
    let through = upload(hub.address, &path, &hub.key, mib).await?;
    let growth = hub.process.peak_rss_kib()?.saturating_sub(before);
    let straight = upload(hub.upstream, UPLOAD, "bench", mib).await?;
    #[expect(clippy::cast_precision_loss, reason = "a number of MiB")]
    let rate = |took: Duration| mib as f64 / took.as_secs_f64();
    writeln!(
        text,
        "\nAn upload of {mib} MiB: {:.0} MiB/s straight to the upstream, {:.0} MiB/s through the hub, whose memory of {before} KiB grew \
         by **{growth} KiB** at most.\n",
        rate(straight),
        rate(through)
    )?;
    Ok(text)
}
