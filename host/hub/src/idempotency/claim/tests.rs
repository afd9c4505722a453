//! What begins, is answered and comes back, beside others who hold the org or replace its data key.

use patchbay_model::org::Org;

use super::*;
use crate::{idempotency::IdempotencyKey, testing::TestHub};

fn order(number: u8) -> What {
    What {
        key: IdempotencyKey(format!("order-{number}")),
        method: "POST".to_owned(),
        route: "/v1/actions/echo/run".to_owned(),
        fingerprint: [number; 32],
    }
}

impl TestHub {
    async fn begin(&self, org: &Org, number: u8) -> Claim {
        match self.hub.begin_once(&Caller::operator(org.id), order(number)).await {
            Ok(Begun::Ours(claim)) => claim,
            Ok(Begun::Before(..)) => panic!("it was done before"),
            Err(failure) => panic!("{failure}"),
        }
    }

    async fn store(&self, org: &Org, claim: &Claim, answer: &IdempotencyAnswer) {
        let mut tx = self.hub.0.database.begin().await.unwrap();
        assert!(tx.org(org.id).idempotency().answer(answer).await.unwrap());
        tx.commit().await.unwrap();
        claim.is_answered();
    }

    /// Why a repeat gets no answer.
    async fn refused(&self, org: &Org, number: u8) -> Failure {
        self.hub.begin_once(&Caller::operator(org.id), order(number)).await.err().unwrap().failure
    }
}

fn kept() -> Kept {
    Kept::Failed((&unknown()).into())
}

#[tokio::test]
async fn who_begins_and_seals_an_answer_waits_for_nobody_who_holds_the_org() {
    let test = TestHub::open().await;
    let org = test.org().await;
    // the org's data key is made by the first
    let first = test.begin(&org, 1).await;
    let answer = test.hub.0.answer_of(&first, None, Some(&kept())).await;
    test.store(&org, &first, &answer).await;

    // on SQLite that lock is the one writer, whom a claim waits for as every write does
    let mut held = if test.database.is_some() { Some(test.hub.0.database.begin().await.unwrap()) } else { None };
    if let Some(held) = &mut held {
        held.org(org.id).lock().await.unwrap();
    }
    let second = test.begin(&org, 2).await;
    let answer = test.hub.0.answer_of(&second, None, Some(&kept())).await;
    assert!(answer.answer.is_some(), "it is sealed");
    test.store(&org, &second, &answer).await;
    drop(held);

    for number in [1, 2] {
        let again = test.hub.begin_once(&Caller::operator(org.id), order(number)).await.ok().unwrap();
        assert!(matches!(again, Begun::Before(None, Kept::Failed(_))), "{number}");
    }
}

#[tokio::test]
async fn why_an_answer_was_not_kept_is_told_apart() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let claim = test.begin(&org, 1).await;
    let answer = test.hub.0.answer_of(&claim, None, None).await;
    test.store(&org, &claim, &answer).await;
    let failure = test.refused(&org, 1).await;
    assert_eq!(failure.code, Code::IdempotencyAnswerNotKept);
    assert!(failure.detail.contains("larger than what is kept"), "{failure}");

    // sealed before a rotation of the org's data key, and stored after it
    let claim = test.begin(&org, 2).await;
    let answer = test.hub.0.answer_of(&claim, None, Some(&kept())).await;
    let rotated = test.hub.rotate_data_key(org.id, None).await.unwrap();
    assert_eq!((rotated.version, rotated.destroyed), (Some(2), 1));
    test.store(&org, &claim, &answer).await;
    let failure = test.refused(&org, 2).await;
    assert_eq!(failure.code, Code::IdempotencyAnswerNotKept);
    assert!(failure.detail.contains("data key was replaced"), "{failure}");
}

#[test]
fn a_commit_that_failed_says_nothing_of_what_was_done() {
    let failure = Failure::new(Code::Unavailable, "the database did not answer in time");
    let run = Some(RunId(uuid::Uuid::from_u128(1)));
    assert_eq!(known(None, true, &failure), None, "the call may have succeeded");
    assert_eq!(known(None, false, &failure), Some(&failure), "it was not begun");
    assert_eq!(known(run, true, &failure), Some(&failure), "it lost against another run");
}
