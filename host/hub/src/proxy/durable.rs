//! What the client has seen complete is on disk: the end of an answer waits for the commit of its run.
//!
//! Only the end waits, so a stream's frames are never late. Holding back each piece until the next one
//! comes was rejected: it would add the vendor's pause between frames to every frame.

use std::io;

use bytes::Bytes;
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use patchbay_model::Failure;
use patchbay_runtime::ReplyReceiver;
use tokio::sync::oneshot;

use crate::call::Ended;

/// The answer's body. Its end comes after the commit; it ends with an error if the call failed or its run
/// was not committed.
pub(super) fn until_committed(
    reply: ReplyReceiver,
    ended: oneshot::Receiver<Ended<()>>,
) -> BoxStream<'static, Result<Bytes, io::Error>> {
    let flowing = Some((reply, ended));
    stream::unfold(flowing, |flowing| async {
        let (mut reply, ended) = flowing?;
        match reply.chunk().await {
            Some(chunk) => Some((Ok(chunk), Some((reply, ended)))),
            None => match committed(ended).await {
                // the last bytes said why, so the client takes it for what it is
                Err(failure) if !reply.tells_its_end() => Some((Err(io::Error::other(failure.code.as_str())), None)),
                _ => None,
            },
        }
    })
    .boxed()
}

/// Waits for the run to be committed; the failure if the call or its commit failed.
pub(super) async fn committed(ended: oneshot::Receiver<Ended<()>>) -> Result<(), Failure> {
    ended.await.map_err(|_| Failure::internal("the call's task ended without a word"))?.result
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use patchbay_model::Code;
    use patchbay_runtime::reply_channel;

    use super::*;

    #[tokio::test]
    async fn the_end_of_the_answer_waits_for_the_commit() {
        let (sender, receiver) = reply_channel();
        let (tell, ended) = oneshot::channel();
        let mut body = until_committed(receiver, ended);
        drop(sender);
        assert!(body.next().now_or_never().is_none());
        tell.send(Ended { run: None, result: Ok(()) }).unwrap();
        assert!(body.next().await.is_none());
    }

    #[tokio::test]
    async fn an_answer_whose_run_was_not_committed_is_not_whole() {
        let (sender, receiver) = reply_channel();
        let (tell, ended) = oneshot::channel();
        let mut body = until_committed(receiver, ended);
        drop(sender);
        tell.send(Ended { run: None, result: Err(Failure::new(Code::Unavailable, "")) }).unwrap();
        assert!(body.next().await.unwrap().is_err());
        assert!(body.next().await.is_none());
    }
}
