//! An answer on its way: into a file, and out of it to everybody who reads.
//!
//! Who needs more than there is brings it: reads on from the vendor and adds it to the file, where it is for all others as well. So
//! the fastest reader sets the pace, a slow one holds up nobody, a reader that leaves takes nothing with it, and when nobody reads any
//! more, nobody reads from the vendor either, who is let go with the last of them. Rejected: a task of its own that
//! brings everything, which would go on for nobody, and a copy for each reader, of which a slow one would need room for all of it.

use std::{
    fmt, io,
    os::unix::fs::FileExt as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use patchbay_egress::EgressError;
use tokio::{io::AsyncWriteExt as _, sync::Mutex};

use super::{Stage, keeping::Keeping};
use crate::{
    blob_store::PartialAnswer,
    capabilities::source::{BodyStream, Broken, Mishap, Source},
};

/// How much is read from the file at a time.
const CHUNK: u64 = 64 << 10;

/// An answer that flows.
pub(crate) struct Flowing {
    /// What it is to be kept with.
    pub(crate) headers: Vec<(String, String)>,
    /// Its length in bytes, where the vendor said it.
    size: Option<u64>,
    content_type: Option<String>,
    /// How much of it is in the file.
    there: AtomicU64,
    file: Arc<std::fs::File>,
    inflow: Mutex<Inflow>,
}

/// What brings more.
struct Inflow {
    /// None once the vendor has said all, or broke off.
    vendor: Option<BodyStream>,
    mishap: Mishap,
    /// Came in, and is not yet in the file.
    pending: Bytes,
    /// Handed to the file, which may not have it all yet.
    written: u64,
    /// None once it is in its place.
    partial: Option<PartialAnswer>,
    /// None once it is kept, or is not to be.
    keeping: Option<Keeping>,
    end: Option<End>,
}

/// How it ended.
#[derive(Debug, Clone)]
enum End {
    Whole,
    Vendor(EgressError),
    Other(io::ErrorKind, String),
}

impl fmt::Debug for Flowing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flowing").field("there", &self.there).finish_non_exhaustive()
    }
}

impl End {
    fn of(broken: Option<Broken>, error: &io::Error) -> Self {
        match broken {
            Some(Broken::Vendor(error)) => Self::Vendor(error),
            _ => Self::Other(error.kind(), error.to_string()),
        }
    }

    /// As each reader is told.
    fn told(&self) -> Result<bool, Broken> {
        match self {
            Self::Whole => Ok(false),
            Self::Vendor(error) => Err(Broken::Vendor(error.clone())),
            Self::Other(kind, text) => Err(Broken::File(io::Error::new(*kind, text.clone()))),
        }
    }
}

impl Flowing {
    /// What flows out of a source from now on, and whoever waits for it is told.
    pub(crate) fn begin(
        source: Source,
        headers: Vec<(String, String)>,
        partial: PartialAnswer,
        keeping: Keeping,
    ) -> Arc<Self> {
        let (size, content_type) = (source.size(), source.content_type.clone());
        let (vendor, mishap) = source.into_stream();
        let file = Arc::clone(&partial.reading);
        let stage = keeping.claim.stage();
        let inflow = Inflow {
            vendor: Some(vendor),
            mishap,
            pending: Bytes::new(),
            written: 0,
            partial: Some(partial),
            keeping: Some(keeping),
            end: None,
        };
        let (there, inflow) = (AtomicU64::new(0), Mutex::new(inflow));
        let flowing = Arc::new(Self { headers, size, content_type, there, file, inflow });
        stage.send_replace(Stage::Flows(Arc::downgrade(&flowing)));
        flowing
    }

    fn there(&self) -> u64 {
        self.there.load(Ordering::Acquire)
    }

    async fn read(&self, from: u64, to: u64) -> io::Result<Bytes> {
        let length = usize::try_from((to - from).min(CHUNK)).map_err(io::Error::other)?;
        let file = Arc::clone(&self.file);
        let reading = tokio::task::spawn_blocking(move || {
            let mut chunk = vec![0; length];
            file.read_exact_at(&mut chunk, from)?;
            Ok(Bytes::from(chunk))
        });
        reading.await.map_err(io::Error::other)?
    }

    /// Brings more. False at the end. May be dropped at any time: the next one goes on.
    async fn bring(&self, inflow: &mut Inflow) -> Result<bool, Broken> {
        if let Some(end) = &inflow.end {
            return end.told();
        }
        if inflow.pending.is_empty()
            && inflow.written == self.there()
            && let Some(vendor) = &mut inflow.vendor
        {
            let next = vendor.next().await;
            match next {
                Some(Ok(chunk)) => inflow.pending = chunk,
                None => inflow.vendor = None,
                Some(Err(error)) => {
                    let end = End::of(inflow.mishap.take(), &error);
                    return inflow.broke_off(end);
                }
            }
        }
        match self.store(inflow).await {
            Ok(true) => Ok(true),
            Ok(false) => {
                inflow.ended(self.there()).await;
                Ok(false)
            }
            Err(error) => inflow.broke_off(End::of(None, &error)),
        }
    }

    /// Adds what is pending to the file. False if there is nothing, and will be nothing.
    async fn store(&self, inflow: &mut Inflow) -> io::Result<bool> {
        let Some(partial) = &mut inflow.partial else { return Ok(false) };
        while !inflow.pending.is_empty() {
            // what it takes is taken, whatever becomes of the wait for more
            let taken = partial.file.write(&inflow.pending).await?;
            inflow.pending.advance(taken);
            inflow.written += taken as u64;
        }
        if inflow.written == self.there() {
            return Ok(inflow.vendor.is_some());
        }
        partial.file.flush().await?;
        self.there.store(inflow.written, Ordering::Release);
        if inflow.keeping.as_ref().is_some_and(|keeping| inflow.written > keeping.most()) {
            // who asks from now on asks the vendor
            inflow.keeping = None;
        }
        Ok(true)
    }
}

impl Inflow {
    fn broke_off(&mut self, end: End) -> Result<bool, Broken> {
        self.vendor = None;
        // one of those who have not begun to read may ask the vendor anew
        self.keeping = None;
        self.partial = None;
        let told = end.told();
        self.end = Some(end);
        told
    }

    /// Keeps what is whole. It was given as it should be in any case: what goes wrong here is for the log.
    async fn ended(&mut self, size: u64) {
        if let (Some(keeping), Some(partial)) = (&self.keeping, &self.partial) {
            let entered = keeping.enter(partial, size).await;
            match entered {
                Ok(true) => {
                    if let (Some(keeping), Some(partial)) = (self.keeping.take(), self.partial.take()) {
                        keeping.place(partial).await;
                    }
                }
                // somebody else was faster
                Ok(false) => {}
                Err(error) => tracing::warn!(error.r#type = "answers", %error, "an answer was not kept"),
            }
        }
        (self.keeping, self.partial) = (None, None);
        self.end = Some(End::Whole);
    }
}

/// One who reads.
pub(crate) struct Reader {
    flowing: Arc<Flowing>,
    position: u64,
}

impl Reader {
    /// From the beginning.
    pub(crate) const fn new(flowing: Arc<Flowing>) -> Self {
        Self { flowing, position: 0 }
    }

    /// The length of it all in bytes, where the vendor said it.
    pub(crate) fn size(&self) -> Option<u64> {
        self.flowing.size
    }

    pub(crate) fn content_type(&self) -> Option<String> {
        self.flowing.content_type.clone()
    }

    /// The next bytes; none at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            let there = self.flowing.there();
            if self.position < there {
                let chunk = self.flowing.read(self.position, there).await.map_err(Broken::File)?;
                self.position += chunk.len() as u64;
                return Ok(Some(chunk));
            }
            let mut inflow = self.flowing.inflow.lock().await;
            // somebody else may have brought more meanwhile
            if self.position == self.flowing.there() && !self.flowing.bring(&mut inflow).await? {
                return Ok(None);
            }
        }
    }
}
