//! The limit on a request's body, kept while it streams: a client need not say how long its body is, and
//! need not tell the truth.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use futures::{StreamExt as _, future, stream::BoxStream};
use patchbay_model::{Code, Failure};

/// How many bytes a body may have, and whether it had more.
#[derive(Clone)]
pub(super) struct Limit {
    bytes: u64,
    passed: Arc<AtomicBool>,
}

impl Limit {
    pub(super) fn new(bytes: u64) -> Self {
        Self { bytes, passed: Arc::default() }
    }

    /// The most bytes.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Refuses a body that says itself that it is too long.
    pub(super) fn check_declared(&self, size: Option<u64>) -> Result<(), Failure> {
        if size.is_some_and(|size| size > self.bytes) { Err(self.failure()) } else { Ok(()) }
    }

    /// The body, broken off where it gets too long.
    pub(super) fn apply(
        &self,
        body: BoxStream<'static, Result<Bytes, io::Error>>,
    ) -> BoxStream<'static, Result<Bytes, io::Error>> {
        let limit = self.clone();
        let mut left = Some(limit.bytes);
        let limited = body.map(move |chunk| {
            let chunk = chunk?;
            left = left.and_then(|left| left.checked_sub(chunk.len() as u64));
            if left.is_some() {
                return Ok(chunk);
            }
            limit.passed.store(true, Ordering::Relaxed);
            Err(io::Error::new(io::ErrorKind::FileTooLarge, "the request's body is too large"))
        });
        // nothing after an error: a guest that reads on must not get a body with a hole
        let mut broken = false;
        let until_broken = limited.take_while(move |chunk| {
            let goes_on = !broken;
            broken |= chunk.is_err();
            future::ready(goes_on)
        });
        until_broken.boxed()
    }

    /// True if the body was broken off.
    pub(super) fn was_passed(&self) -> bool {
        self.passed.load(Ordering::Relaxed)
    }

    /// Why a body broke off that was read before the call.
    pub(super) fn broken_off(&self) -> Failure {
        match self.was_passed() {
            true => self.failure(),
            false => Failure::new(Code::RequestTimeout, "the request's body did not come to its end"),
        }
    }

    pub(super) fn failure(&self) -> Failure {
        Failure::new(Code::PayloadTooLarge, format!("the route takes bodies of at most {} bytes", self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    async fn read(limit: &Limit, chunks: &[&'static str]) -> Vec<Option<Bytes>> {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        limit.apply(stream::iter(chunks).boxed()).map(Result::ok).collect().await
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_passes() {
        let limit = Limit::new(4);
        assert_eq!(read(&limit, &["ab", "cd"]).await, [Some("ab".into()), Some("cd".into())]);
        assert!(!limit.was_passed());
    }

    #[tokio::test]
    async fn a_body_breaks_off_where_it_gets_too_long() {
        let limit = Limit::new(3);
        assert_eq!(read(&limit, &["ab", "cd", "e"]).await, [Some("ab".into()), None]);
        assert!(limit.was_passed());
    }
}
