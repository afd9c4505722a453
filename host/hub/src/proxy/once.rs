//! Proxied writes that are done once: what tells them apart, and what of their answer is kept.
//!
//! A body may be larger than what a hub should hold for each request, so the fingerprint is of its first part and of
//! its declared length. The answer goes to the client as ever, and a copy of it aside: a client that leaves does not
//! stop the vendor here, because its repeat will ask for the answer.

use std::io;

use bytes::Bytes;
use futures::{StreamExt as _, stream, stream::BoxStream};
use http::{HeaderMap, Method, StatusCode, header::CONTENT_TYPE};
use patchbay_model::{Failure, RunId};
use patchbay_runtime::{Finished, Invocation, Plugin, ProxyCall, Relayed, ReplySender, relay, reply_channel};

use super::{ProxyReply, headers};
use crate::{
    call::{Call, CallFailure, Ended, Leaves},
    hub::Inner,
    idempotency::{Claim, IdempotencyKey, Kept, MOST_KEPT, hash_with_pieces},
};

/// How much of a body counts for the fingerprint, and is held for it, in bytes.
const LOOKED_AT: usize = 4 << 20;

/// The key of a request that changes something, if it has one.
pub(super) fn wanted(method: &Method, headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Failure> {
    if method.is_safe() { Ok(None) } else { IdempotencyKey::from_headers(headers) }
}

/// A body whose first part was looked at.
pub(super) struct Read {
    pub(super) body: BoxStream<'static, Result<Bytes, io::Error>>,
    pub(super) fingerprint: [u8; 32],
}

/// Tells what is sent from anything else.
///
/// # Errors
/// What breaks the body off before enough of it was read.
pub(super) async fn fingerprint(
    body: BoxStream<'static, Result<Bytes, io::Error>>,
    size: Option<u64>,
    query: &str,
    headers: &HeaderMap,
) -> Result<Read, io::Error> {
    // its end may be seen here, and the call looks for it again
    let mut body = body.fuse();
    let mut pieces: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while length < LOOKED_AT
        && let Some(piece) = body.next().await
    {
        let piece = piece?;
        length += piece.len();
        pieces.push(piece);
    }
    // hashed where it lies: what is held of a body is held once
    let mut room = LOOKED_AT;
    let looked_at = pieces.iter().map(|piece| {
        let part = piece.get(..room.min(piece.len())).unwrap_or_default();
        room -= part.len();
        part
    });
    let looked_at: Vec<&[u8]> = looked_at.collect();
    let media_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let declared = size.unwrap_or(u64::MAX).to_be_bytes();
    let fingerprint = hash_with_pieces(&[query.as_bytes(), media_type, &declared], &looked_at);
    let whole = stream::iter(pieces.into_iter().map(Ok)).chain(body);
    Ok(Read { body: whole.boxed(), fingerprint })
}

/// Makes the call with a copy of its answer aside.
pub(super) async fn proxy(
    plugin: &Plugin,
    invocation: Invocation,
    request: ProxyCall,
    client: ReplySender,
) -> (Finished<()>, Option<Relayed>) {
    let (sender, receiver) = reply_channel();
    tokio::join!(plugin.proxy(invocation, request, sender), relay(receiver, client, MOST_KEPT))
}

/// Commits the run with the answer, or lets the write go if the vendor has refused it and nothing was changed.
pub(super) async fn commit(
    hub: &Inner,
    call: &Call,
    finished: Finished<()>,
    relayed: Option<Relayed>,
    claim: &Claim,
) -> Ended<()> {
    let refused = relayed.as_ref().is_none_or(|relayed| relayed.head.status >= 400);
    let succeeded = finished.result.is_ok();
    let stored = (succeeded && !refused) || claim.once.may_have_changed_something();
    let run = Some(call.run);
    let answer = match (&finished.result, stored) {
        (_, false) => None,
        (Ok(()), true) => {
            let kept = relayed.and_then(|Relayed { head, body }| Some(Kept::of_reply(head, body?)));
            Some(hub.answer_of(claim, run, kept.as_ref()).await)
        }
        (Err(failure), true) => Some(hub.answer_of(claim, run, Some(&claim.failed(hub, failure))).await),
    };
    let leaves = Leaves { idempotency: answer, ..Leaves::default() };
    let ended = call.commit_with(hub, finished, leaves).await;
    match &ended.result {
        Ok(()) if !stored => claim.let_go(hub, None).await,
        _ => hub.settle_once(&ended, stored, succeeded, claim).await,
    }
    ended
}

/// What was answered before.
pub(super) fn replayed(run: Option<RunId>, kept: Kept) -> Result<ProxyReply, CallFailure> {
    match (kept, run) {
        (Kept::Reply { status, headers: kept, body }, Some(run)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            let body = Bytes::from(body.0);
            let body = stream::once(async move { Ok(body) }).boxed();
            Ok(ProxyReply { run, status, headers: headers::for_client(kept), body })
        }
        (Kept::Failed(failed), run) => Err(CallFailure { run, failure: failed.into() }),
        _ => Err(Failure::internal("an action's answer was kept for a proxied request").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idempotency::hash_of;

    async fn of(pieces: &[&'static str], size: Option<u64>, query: &str) -> ([u8; 32], Bytes) {
        let body = stream::iter(pieces.to_vec()).map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).boxed();
        let read = fingerprint(body, size, query, &HeaderMap::new()).await.unwrap();
        let whole: Vec<Bytes> = read.body.map(Result::unwrap).collect().await;
        (read.fingerprint, whole.concat().into())
    }

    #[tokio::test]
    async fn a_body_counts_as_a_whole_however_it_comes_and_goes_on_whole() {
        let (one, whole) = of(&["abc", "def"], Some(6), "").await;
        assert_eq!(whole, "abcdef");
        assert_eq!(of(&["abcdef"], Some(6), "").await.0, one);
        for other in [of(&["abcdeg"], Some(6), "").await, of(&["abcdef"], Some(6), "a=1").await] {
            assert_ne!(other.0, one);
        }
    }

    #[tokio::test]
    async fn of_a_large_body_the_first_part_and_the_length_count() {
        let large: &'static str = "x".repeat(3 << 20).leak();
        let (one, whole) = of(&[large, large, "a"], Some(7), "").await;
        assert_eq!(whole.len(), (6 << 20) + 1);
        assert_eq!(of(&[large, large, "b"], Some(7), "").await.0, one);
        assert_ne!(of(&[large, large, "a"], Some(8), "").await.0, one);
    }

    #[tokio::test]
    async fn what_is_looked_at_of_a_large_body_does_not_depend_on_how_it_comes() {
        let large: &'static str = "x".repeat(5 << 20).leak();
        let (one, _) = of(&[large], None, "a=1").await;
        let first = "x".repeat(LOOKED_AT);
        let declared = u64::MAX.to_be_bytes();
        assert_eq!(
            one,
            hash_of(&[b"a=1", b"", &declared, first.as_bytes()]),
            "what hubs of earlier releases have stored"
        );
        assert_eq!(of(&[&large[..3 << 20], &large[3 << 20..]], None, "a=1").await.0, one);
    }
}
