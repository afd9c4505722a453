//! Which request the present work is done for.
//!
//! Bound to the task and not handed from function to function: every audit entry needs it, and none of what lies between
//! the HTTP layer and an entry has anything else to do with it. Work that goes on in a task of its own has to take it
//! along ([`carried`]).

use patchbay_model::RequestId;

tokio::task_local! {
    static REQUEST: RequestId;
}

/// Does work for a request: what it changes is in the audit log under the request's id.
pub async fn in_request<T>(id: RequestId, work: impl Future<Output = T>) -> T {
    REQUEST.scope(id, work).await
}

/// The request that is worked for, if there is one.
pub(crate) fn current() -> Option<RequestId> {
    REQUEST.try_with(|id| *id).ok()
}

/// The same work, for the same request wherever it goes on.
pub(crate) fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let id = current();
    async move {
        match id {
            Some(id) => in_request(id, work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::{ManualClock, SeededRandom, Timestamp};

    use super::*;

    #[tokio::test]
    async fn a_task_of_its_own_knows_the_request_only_if_it_was_taken_along() {
        let id = RequestId::new(&ManualClock::new(Timestamp::UNIX_EPOCH), &SeededRandom::new(1));
        assert_eq!(current(), None);
        let seen = in_request(id, async {
            let left_behind = tokio::spawn(async { current() }).await.unwrap();
            (current(), left_behind, tokio::spawn(carried(async { current() })).await.unwrap())
        });
        assert_eq!(seen.await, (Some(id), None, Some(id)));
    }
}
