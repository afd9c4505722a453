//! Reading request bodies within limits of size and time.

use std::{io, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream, stream::BoxStream};
use http_body::Body as _;
use patchbay_model::{Code, Failure};
use tokio::time::{Instant, timeout, timeout_at};

use crate::ApiConfig;

/// Reads the whole body. One that comes in one piece is handed on without a copy.
///
/// # Errors
/// `payload_too_large` above `limit` bytes, by its declared length where it has one;
/// `request_timeout` when it stands still or takes too long; `invalid_request` when it breaks off.
pub(crate) async fn read(body: Body, limit: usize, config: &ApiConfig) -> Result<Bytes, Failure> {
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > limit {
        return Err(too_large(limit));
    }
    let deadline = Instant::now() + config.body_timeout;
    let mut pieces = body.into_data_stream();
    let mut next = async || {
        let by = deadline.min(Instant::now() + config.body_idle_timeout);
        match timeout_at(by, pieces.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => Ok(Some(piece)),
            Ok(Some(Err(_))) => Err(Failure::new(Code::InvalidRequest, "the body broke off before its end")),
            Err(_) => Err(Failure::new(Code::RequestTimeout, "")),
        }
    };
    let Some(first) = next().await? else { return Ok(Bytes::new()) };
    if first.len() > limit {
        return Err(too_large(limit));
    }
    let Some(mut piece) = next().await? else { return Ok(first) };
    let mut whole = BytesMut::with_capacity(declared.max(first.len() + piece.len()));
    whole.extend_from_slice(&first);
    loop {
        if whole.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&piece);
        match next().await? {
            Some(following) => piece = following,
            None => return Ok(whole.freeze()),
        }
    }
}

/// The body as a stream that fails with [`io::ErrorKind::TimedOut`] when no piece comes for `idle`.
pub(crate) fn stream(body: Body, idle: Duration) -> BoxStream<'static, io::Result<Bytes>> {
    if body.is_end_stream() {
        return stream::empty().boxed();
    }
    stream::unfold(Some(body.into_data_stream()), move |pieces| async move {
        let mut pieces = pieces?;
        match timeout(idle, pieces.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(piece))) => Some((Ok(piece), Some(pieces))),
            Ok(Some(Err(error))) => Some((Err(io::Error::other(error)), None)),
            Err(_) => Some((Err(io::Error::new(io::ErrorKind::TimedOut, "the body stopped coming")), None)),
        }
    })
    .boxed()
}

fn too_large(limit: usize) -> Failure {
    Failure::new(Code::PayloadTooLarge, format!("the body may have at most {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(pieces: &[&'static str]) -> Body {
        Body::from_stream(stream::iter(pieces.iter().map(|piece| Ok::<_, io::Error>(*piece)).collect::<Vec<_>>()))
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together() {
        let config = ApiConfig::default();
        assert_eq!(read(pieces(&["ab", "", "cd", "e"]), 5, &config).await.unwrap(), "abcde");
        assert_eq!(read(Body::empty(), 5, &config).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_body_above_the_limit_is_refused_with_or_without_a_declared_length() {
        let config = ApiConfig::default();
        for body in [pieces(&["abc", "def"]), pieces(&["abcdef"]), Body::from("abcdef")] {
            assert_eq!(read(body, 5, &config).await.unwrap_err().code, Code::PayloadTooLarge);
        }
    }

    #[tokio::test]
    async fn a_body_that_stands_still_times_out() {
        let config = ApiConfig { body_idle_timeout: std::time::Duration::from_millis(5), ..ApiConfig::default() };
        let stuck = || Body::from_stream(stream::iter([Ok::<_, io::Error>("ab")]).chain(stream::pending()));
        assert_eq!(read(stuck(), 5, &config).await.unwrap_err().code, Code::RequestTimeout);
        let mut streamed = stream(stuck(), config.body_idle_timeout);
        assert_eq!(streamed.next().await.unwrap().unwrap(), "ab");
        assert_eq!(streamed.next().await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(streamed.next().await.is_none());
    }
}
