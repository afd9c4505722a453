//! A streamed request body, counted as it goes out.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::stream::BoxStream;
use http_body::{Body, Frame, SizeHint};

/// A stream as an HTTP body of known or unknown size.
pub(crate) struct Upload {
    /// The client wants bodies to be `Sync`, which streams are not; the lock is never taken, only `get_mut`.
    stream: Mutex<BoxStream<'static, Result<Bytes, io::Error>>>,
    left: Option<u64>,
    sent: Arc<AtomicU64>,
}

impl Upload {
    pub(crate) fn new(
        stream: BoxStream<'static, Result<Bytes, io::Error>>,
        size: Option<u64>,
        sent: Arc<AtomicU64>,
    ) -> Self {
        Self { stream: Mutex::new(stream), left: size, sent }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let upload = self.get_mut();
        let stream = upload.stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(chunk) = ready!(stream.as_mut().poll_next(context)) else {
            return Poll::Ready(match upload.left {
                Some(left) if left > 0 => {
                    Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body is shorter than its size")))
                }
                _ => None,
            });
        };
        let chunk = chunk?;
        let length = chunk.len() as u64;
        if let Some(left) = &mut upload.left {
            *left = left
                .checked_sub(length)
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the body is longer than its size"))?;
        }
        upload.sent.fetch_add(length, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
