//! Bytes that flow: a client's body, a vendor's response, a stored file, all behind one handle.

use std::{
    io,
    sync::{
        Arc,
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
    pub(crate) content_type: Option<String>,
}

enum Flow {
    Stream(BodyStream),
    Vendor(Box<Received>),
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
    /// The client's body, or a file's.
    Local(io::Error),
    /// The vendor's.
    Vendor(EgressError),
}

impl Source {
    pub(crate) fn stream(stream: BodyStream, size: Option<u64>) -> Self {
        Self { flow: Flow::Stream(stream), left: Bytes::new(), size, content_type: None }
    }

    pub(crate) fn vendor(body: ResponseBody, content_type: Option<String>, counter: Arc<AtomicU64>) -> Self {
        let size = body.size_hint();
        Self {
            flow: Flow::Vendor(Box::new(Received { body, counted: 0, counter })),
            left: Bytes::new(),
            size,
            content_type,
        }
    }

    /// The next bytes, whatever their number; none at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        if !self.left.is_empty() {
            return Ok(Some(std::mem::take(&mut self.left)));
        }
        loop {
            let chunk = match &mut self.flow {
                Flow::Stream(stream) => stream.next().await.transpose().map_err(Broken::Local),
                Flow::Vendor(received) => received.chunk().await.map_err(Broken::Vendor),
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

    /// What is left, as a stream of its own.
    pub(crate) fn into_stream(self) -> BodyStream {
        futures::stream::unfold(self, |mut source| async move {
            match source.chunk().await {
                Ok(Some(chunk)) => Some((Ok(chunk), source)),
                Ok(None) => None,
                Err(broken) => Some((Err(broken.into_io()), source)),
            }
        })
        .boxed()
    }
}

impl Broken {
    fn into_io(self) -> io::Error {
        match self {
            Self::Local(error) => error,
            Self::Vendor(error) => io::Error::other(error.to_string()),
        }
    }

    /// As the caller learns it, if nothing can be done about it any more.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Vendor(error) => Failure::new(error.code(), error.to_string()),
            Self::Local(error) => Failure::new(Code::RequestTimeout, error.to_string()),
        }
    }

    /// As the guest sees it, and remembered for the caller.
    pub(crate) fn refuse(self, state: &mut CallState) -> HostError {
        match self {
            Self::Vendor(error) => super::http::refuse(state, error),
            Self::Local(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                state.refuse(Code::PayloadTooLarge, Error::Exhausted(error.to_string()))
            }
            Self::Local(error) => state.refuse(Code::RequestTimeout, Error::Unavailable(error.to_string())),
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
        match collect(source, limit).await {
            Ok(Some(bytes)) => Ok(bytes.into()),
            Ok(None) => Err(self.refuse(
                Code::EgressBodyTooLarge,
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
