//! A response's body as it flows: decoded, capped, redacted, and no later than the deadline.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    task::Poll,
};

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    EgressConfig, EgressError, Filter,
    decode::{Decoder, Step},
    retry::chain,
};

/// Decoded bytes that any ratio is allowed for: small bodies compress as well as they like.
const RATIO_FREE: u64 = 1 << 20;

/// The body of a response. Dropping it before its end closes the connection (HTTP/2: the stream), so the
/// vendor stops working for nobody.
pub struct ResponseBody {
    /// None once it has ended or failed.
    wire: Option<reqwest::Response>,
    decoder: Option<Decoder>,
    filter: Filter,
    size: Option<u64>,
    caps: Caps,
    received: u64,
    delivered: u64,
    deadline: Instant,
    /// One timer for the whole body, made when it first has to wait.
    timer: Option<Pin<Box<Sleep>>>,
    failed: Option<EgressError>,
}

#[derive(Debug, Clone, Copy)]
struct Caps {
    body: u64,
    decompressed: u64,
    ratio: u64,
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("received", &self.received)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl ResponseBody {
    pub(crate) fn new(
        wire: reqwest::Response,
        decoder: Option<Decoder>,
        filter: Filter,
        deadline: Instant,
        config: &EgressConfig,
    ) -> Result<Self, EgressError> {
        let caps =
            Caps { body: config.max_body_bytes, decompressed: config.max_decompressed_bytes, ratio: config.max_ratio };
        let size = wire.content_length();
        if let Some(size) = size.filter(|size| *size > caps.body) {
            return Err(too_large(size, caps.body));
        }
        let size = if decoder.is_some() { None } else { size };
        Ok(Self {
            wire: Some(wire),
            decoder,
            filter,
            size,
            caps,
            received: 0,
            delivered: 0,
            deadline,
            timer: None,
            failed: None,
        })
    }

    /// The next bytes; none at the end. Safe to drop while it waits: the next call goes on.
    ///
    /// # Errors
    /// [`EgressError::Timeout`] past the deadline, [`EgressError::BodyTooLarge`] past a cap,
    /// [`EgressError::BrokenOff`] if the vendor stops early or sends what its encoding does not allow. After
    /// an error the connection is closed and the error stays.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let outcome = self.next().await;
        if let Err(error) = &outcome {
            self.wire = None;
            self.failed = Some(error.clone());
        }
        outcome
    }

    /// The size of the whole body in bytes, if the vendor said it and the body is not decoded.
    #[must_use]
    pub fn size_hint(&self) -> Option<u64> {
        self.size
    }

    /// Bytes of the body received so far, as they came over the wire, before decoding.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    async fn next(&mut self) -> Result<Option<Bytes>, EgressError> {
        loop {
            if let Some(decoder) = &mut self.decoder {
                match decoder.step().map_err(|error| broken(&format!("the body does not decode: {error}")))? {
                    Step::Decoded(bytes) => {
                        self.delivered += bytes.len() as u64;
                        self.check_decoded()?;
                        match self.filter.push(bytes) {
                            Some(bytes) => return Ok(Some(bytes)),
                            None => continue,
                        }
                    }
                    Step::Hungry if self.wire.is_some() => {}
                    Step::Hungry | Step::Done => {
                        // Bytes after the end of the encoded body are nobody's.
                        self.wire = None;
                        return Ok(self.filter.finish());
                    }
                }
            } else if self.wire.is_none() {
                return Ok(self.filter.finish());
            }
            match (self.receive().await?, &mut self.decoder) {
                (Some(chunk), Some(decoder)) => decoder.feed(chunk),
                (Some(chunk), None) => {
                    self.delivered = self.received;
                    if self.delivered > self.caps.body {
                        return Err(too_large(self.delivered, self.caps.body));
                    }
                    if let Some(chunk) = self.filter.push(chunk) {
                        return Ok(Some(chunk));
                    }
                }
                (None, Some(decoder)) => {
                    decoder.end();
                    self.wire = None;
                }
                (None, None) => self.wire = None,
            }
        }
    }

    /// The next bytes from the wire, or the deadline.
    async fn receive(&mut self) -> Result<Option<Bytes>, EgressError> {
        let Some(wire) = &mut self.wire else { return Ok(None) };
        let (timer, deadline) = (&mut self.timer, self.deadline);
        let mut chunk = pin!(wire.chunk());
        let chunk = std::future::poll_fn(|context| {
            if let Poll::Ready(chunk) = chunk.as_mut().poll(context) {
                return Poll::Ready(Some(chunk));
            }
            timer.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(context).map(|()| None)
        })
        .await;
        // A vendor that always has the next bytes ready never lets the timer speak.
        let late = Instant::now() >= self.deadline;
        match chunk {
            Some(Ok(Some(_))) | None if late => Err(EgressError::Timeout),
            Some(Ok(Some(chunk))) => {
                self.received += chunk.len() as u64;
                Ok(Some(chunk))
            }
            Some(Ok(None)) => Ok(None),
            Some(Err(error)) => Err(broken(&format!("the body broke off: {}", root(&error)))),
            None => Err(EgressError::Timeout),
        }
    }

    fn check_decoded(&self) -> Result<(), EgressError> {
        let most = self.caps.decompressed.min(self.caps.body);
        if self.delivered > most {
            return Err(too_large(self.delivered, most));
        }
        if self.delivered > RATIO_FREE && self.delivered > self.received.saturating_mul(self.caps.ratio) {
            return Err(EgressError::BodyTooLarge(format!(
                "{} compressed bytes became {}: more than {} times as many",
                self.received, self.delivered, self.caps.ratio
            )));
        }
        Ok(())
    }
}

fn too_large(size: u64, most: u64) -> EgressError {
    EgressError::BodyTooLarge(format!("the response's body has {size} bytes or more, {most} are allowed"))
}

fn broken(text: &str) -> EgressError {
    EgressError::BrokenOff(text.to_owned())
}

/// The innermost cause; the outer ones name the URL, which may hold a credential.
fn root(error: &reqwest::Error) -> String {
    chain(error).skip(1).last().map_or_else(|| "no cause is known".to_owned(), ToString::to_string)
}
