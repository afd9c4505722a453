//! A load generator's client: one keep-alive HTTP/1.1 connection, nothing in between.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

/// A request that is sent again and again.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, address })
    }

    fn request(&self, call: &Call) -> anyhow::Result<Request<Full<Bytes>>> {
        let method = if call.body.is_empty() { "GET" } else { "POST" };
        Ok(Request::builder()
            .method(method)
            .uri(&call.path)
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {}", call.key))
            .header("content-type", "application/json")
            .body(Full::new(call.body.clone()))?)
    }

    /// Sends it and reads the whole answer; gives the time that took.
    pub(crate) async fn time(&mut self, call: &Call) -> anyhow::Result<Duration> {
        self.exchange(self.request(call)?).await
    }

    /// Posts JSON without a key, with one header of its own; gives the time that took.
    pub(crate) async fn post(&mut self, path: &str, header: (&str, &str), body: String) -> anyhow::Result<Duration> {
        self.post_with(path, "application/json", &[header], body).await
    }

    /// Posts a body of this media type, with headers of its own; gives the time that took.
    pub(crate) async fn post_with(
        &mut self,
        path: &str,
        media_type: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> anyhow::Result<Duration> {
        let mut request = Request::builder()
            .method("POST")
            .uri(path)
            .header("host", self.address.to_string())
            .header("content-type", media_type);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.exchange(request.body(Full::new(Bytes::from(body)))?).await
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Duration> {
        // once the connection is done with the answer before
        self.sender.ready().await?;
        let begun = Instant::now();
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let took = begun.elapsed();
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(took)
    }

    /// Sends it and tells when each piece of the answer came, and how many bytes there were.
    pub(crate) async fn arrivals(&mut self, call: &Call, mut seen: impl FnMut(Instant, &[u8])) -> anyhow::Result<()> {
        let request = self.request(call)?;
        self.sender.ready().await?;
        let mut response = self.sender.send_request(request).await?;
        ensure!(response.status().is_success(), "{}", response.status());
        while let Some(frame) = response.frame().await {
            if let Ok(data) = frame?.into_data() {
                seen(Instant::now(), &data);
            }
        }
        Ok(())
    }
}
