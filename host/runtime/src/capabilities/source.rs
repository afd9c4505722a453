//! Bytes that flow: a client's body, a vendor's response, a stored file, all behind one handle.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream::BoxStream};
use patchbay_egress::{EgressError, ResponseBody};
use patchbay_model::{Code, Failure};
use wasmtime::component::Resource;

use super::HostError;
use crate::{
    answers::flowing::Reader,
    bindings::{bytes as contract, types::Error},
    call::CallState,
};

/// A body as a stream of chunks.
pub type BodyStream = BoxStream<'static, Result<Bytes, io::Error>>;

/// The most that one `read` gives.
const READ_CAP: usize = 1 << 20;

/// What a `source` handle stands for.
pub struct Source {
    flow: Flow,
    /// Came in, not yet read.
    left: Bytes,
    size: Option<u64>,
    origin: Origin,
    pub(crate) content_type: Option<String>,
}

/// Whose bytes they are, which decides who is told what if there are too many or too few of them.
#[derive(Debug, Clone, Copy)]
enum Origin {
    Client,
    File,
    Vendor,
}

enum Flow {
    Stream(BodyStream),
    Vendor(Box<Received>),
    Answer(Reader),
    Ended,
}

/// A vendor's body, and the call's count of what came in.
struct Received {
    body: ResponseBody,
    counted: u64,
    counter: Arc<AtomicU64>,
}

impl Received {
    async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        let chunk = self.body.chunk().await;
        let received = self.body.received();
        self.counter.fetch_add(received.saturating_sub(self.counted), Ordering::Relaxed);
        self.counted = received;
        chunk
    }
}

/// Why a source gave no more.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The client's body.
    Client(io::Error),
    /// A file's.
    File(io::Error),
    /// The vendor's.
    Vendor(EgressError),
}

/// What broke a source off that went somewhere as a stream: whoever reads it there tells of it in words of its own,
/// which do not say whose fault it was.
pub(crate) struct Mishap(Arc<Mutex<Option<Broken>>>);

impl Mishap {
    pub(crate) fn take(&self) -> Option<Broken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Source {
    /// A client's body.
    pub(crate) fn stream(stream: BodyStream, size: Option<u64>) -> Self {
        Self { flow: Flow::Stream(stream), left: Bytes::new(), size, origin: Origin::Client, content_type: None }
    }

    /// A stored file.
    pub(crate) fn file(stream: BodyStream, size: u64) -> Self {
        Self { size: Some(size), origin: Origin::File, ..Self::stream(stream, None) }
    }

    pub(crate) fn vendor(body: ResponseBody, content_type: Option<String>, counter: Arc<AtomicU64>) -> Self {
        let size = body.size_hint();
        Self {
            flow: Flow::Vendor(Box::new(Received { body, counted: 0, counter })),
            left: Bytes::new(),
            size,
            origin: Origin::Vendor,
            content_type,
        }
    }

    /// A vendor's answer that others read as well.
    pub(crate) fn flowing(reader: Reader) -> Self {
        let (size, content_type) = (reader.size(), reader.content_type());
        Self { flow: Flow::Answer(reader), left: Bytes::new(), size, origin: Origin::Vendor, content_type }
    }

    /// The next bytes, whatever their number; none at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        if !self.left.is_empty() {
            return Ok(Some(std::mem::take(&mut self.left)));
        }
        loop {
            let chunk = match &mut self.flow {
                Flow::Stream(stream) => stream.next().await.transpose().map_err(match self.origin {
                    Origin::File => Broken::File,
                    Origin::Client | Origin::Vendor => Broken::Client,
                }),
                Flow::Vendor(received) => received.chunk().await.map_err(Broken::Vendor),
                Flow::Answer(reader) => reader.chunk().await,
                Flow::Ended => return Ok(None),
            };
            match chunk {
                Ok(Some(chunk)) if chunk.is_empty() => {}
                Ok(Some(chunk)) => return Ok(Some(chunk)),
                // dropping the body lets go of the connection
                end => {
                    self.flow = Flow::Ended;
                    return end;
                }
            }
        }
    }

    /// The size that was announced, in bytes.
    pub(crate) const fn size(&self) -> Option<u64> {
        self.size
    }

    /// The code that tells that there is more than may be held at once.
    pub(crate) const fn too_large(&self) -> Code {
        match self.origin {
            Origin::Client => Code::PayloadTooLarge,
            Origin::File => Code::PluginBudgetExhausted,
            Origin::Vendor => Code::EgressBodyTooLarge,
        }
    }

    /// What is left, as a stream of its own, and what broke it off if something did.
    pub(crate) fn into_stream(self) -> (BodyStream, Mishap) {
        let mishap = Arc::new(Mutex::new(None));
        let seen = Mishap(Arc::clone(&mishap));
        let stream = futures::stream::unfold((self, mishap), |(mut source, mishap)| async move {
            match source.chunk().await {
                Ok(Some(chunk)) => Some((Ok(chunk), (source, mishap))),
                Ok(None) => None,
                Err(broken) => {
                    let error = broken.io();
                    *mishap.lock().unwrap_or_else(PoisonError::into_inner) = Some(broken);
                    Some((Err(error), (source, mishap)))
                }
            }
        });
        (stream.boxed(), seen)
    }
}

impl Broken {
    fn io(&self) -> io::Error {
        match self {
            Self::Client(error) | Self::File(error) => io::Error::new(error.kind(), error.to_string()),
            Self::Vendor(error) => io::Error::other(error.to_string()),
        }
    }

    /// As the caller learns it, if nothing can be done about it any more.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Vendor(error) => Failure::new(error.code(), error.to_string()),
            Self::Client(error) => Failure::new(Code::RequestTimeout, error.to_string()),
            Self::File(error) => Failure::internal(error),
        }
    }

    /// As the guest sees it, and remembered for the caller.
    pub(crate) fn refuse(self, state: &mut CallState) -> HostError {
        match self {
            Self::Vendor(error) => super::http::refuse(state, error),
            Self::Client(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                state.refuse(Code::PayloadTooLarge, Error::Exhausted(error.to_string()))
            }
            Self::Client(error) => state.refuse(Code::RequestTimeout, Error::Unavailable(error.to_string())),
            Self::File(error) => {
                tracing::error!(error.r#type = "blob_store", %error, "a host call failed");
                state.refuse(Code::Unavailable, Error::Unavailable("the hub's blob store".to_owned()))
            }
        }
    }
}

impl contract::Host for CallState {}

impl contract::HostSource for CallState {
    async fn read(&mut self, source: Resource<Source>, max: u32) -> Result<Option<Vec<u8>>, HostError> {
        self.enter()?;
        let source = self.table.get_mut(&source)?;
        match source.chunk().await {
            Ok(None) => Ok(None),
            Ok(Some(mut chunk)) => {
                let wanted = (max as usize).clamp(1, READ_CAP);
                if chunk.len() > wanted {
                    source.left = chunk.split_off(wanted);
                }
                Ok(Some(chunk.into()))
            }
            Err(broken) => Err(broken.refuse(self)),
        }
    }

    async fn read_to_end(&mut self, source: Resource<Source>, limit: u32) -> Result<Vec<u8>, HostError> {
        self.enter()?;
        let limit = u64::from(limit).min(self.limits.body_bytes);
        let source = self.table.get_mut(&source)?;
        let too_large = source.too_large();
        match collect(source, limit).await {
            Ok(Some(bytes)) => Ok(bytes.into()),
            Ok(None) => Err(self.refuse(
                too_large,
                Error::Exhausted(format!("the body has more than the {limit} bytes that may be held at once")),
            )),
            Err(broken) => Err(broken.refuse(self)),
        }
    }

    async fn size(&mut self, source: Resource<Source>) -> wasmtime::Result<Option<u64>> {
        self.enter()?;
        Ok(self.table.get(&source)?.size())
    }

    async fn drop(&mut self, source: Resource<Source>) -> wasmtime::Result<()> {
        self.enter()?;
        self.table.delete(source)?;
        Ok(())
    }
}

/// Everything that is left, or none if it is more than `limit` bytes.
pub(crate) async fn collect(source: &mut Source, limit: u64) -> Result<Option<Bytes>, Broken> {
    if source.size().is_some_and(|size| size > limit) {
        return Ok(None);
    }
    let Some(first) = source.chunk().await? else { return Ok(Some(Bytes::new())) };
    if first.len() as u64 > limit {
        return Ok(None);
    }
    let Some(second) = source.chunk().await? else { return Ok(Some(first)) };
    let mut whole = BytesMut::with_capacity(first.len() + second.len());
    whole.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        if (whole.len() + chunk.len()) as u64 > limit {
            return Ok(None);
        }
        whole.extend_from_slice(&chunk);
        next = source.chunk().await?;
    }
    Ok(Some(whole.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stalls() -> BodyStream {
        let pieces = [Ok(Bytes::from_static(b"half")), Err(io::Error::new(io::ErrorKind::TimedOut, "stalled"))];
        futures::stream::iter(pieces).boxed()
    }

    #[tokio::test]
    async fn who_sends_a_body_on_learns_whose_fault_its_end_was() {
        let (mut stream, mishap) = Source::stream(stalls(), None).into_stream();
        assert!(stream.next().await.is_some_and(|piece| piece.is_ok()));
        assert!(mishap.take().is_none());
        assert!(stream.next().await.is_some_and(|piece| piece.is_err()));
        let broken = mishap.take().expect("it broke off");
        assert_eq!(broken.failure().code, Code::RequestTimeout);
        let (mut stream, mishap) = Source::file(stalls(), 8).into_stream();
        while stream.next().await.is_some() {}
        assert_eq!(mishap.take().expect("it broke off").failure().code, Code::Internal);
    }

    #[test]
    fn too_much_is_told_by_whose_bytes_they_are() {
        assert_eq!(Source::stream(stalls(), None).too_large(), Code::PayloadTooLarge);
        assert_eq!(Source::file(stalls(), 8).too_large(), Code::PluginBudgetExhausted);
    }
}
