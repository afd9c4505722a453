//! What a key may be, how it is replaced, and what goes with it.

use patchbay_model::{
    Permissions,
    budget::{BudgetSubject, BudgetUnit},
    plan::Metric,
};

use super::*;
use crate::testing::TestHub;

fn new(name: &str, scopes: &[Scope], expires_at: Option<Timestamp>) -> NewApiKey {
    NewApiKey { name: name.to_owned(), scopes: scopes.to_vec(), expires_at, ..NewApiKey::default() }
}

#[tokio::test]
async fn a_key_needs_a_name_scopes_and_a_future() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let now = Some(test.hub.0.clock.now());
    for (new, pointer) in [
        (new("", &[Scope::Read], None), "/name"),
        (new("x", &[], None), "/scopes"),
        (new("x", &[Scope::Read], now), "/expires_at"),
    ] {
        let failure = test.hub.create_api_key(org.id, new).await.unwrap_err();
        assert_eq!(failure.violations[0].pointer, pointer);
    }
}

#[tokio::test]
async fn a_key_ends_within_the_years_that_can_be_written() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let caller = Caller::operator(org.id);
    let last = Timestamp::MAX_UTC;
    let refused = test.hub.create_api_key(org.id, new("x", &[Scope::Read], Some(last))).await.unwrap_err();
    assert_eq!(refused.violations[0].pointer, "/expires_at");
    let written: Timestamp = "9999-12-31T23:59:59Z".parse().unwrap();
    let (key, _) = test.hub.create_api_key(org.id, new("x", &[Scope::Read], Some(written))).await.unwrap();
    let rotate = RotateApiKey { expires_at: Some(last), ..RotateApiKey::default() };
    let refused = test.hub.rotate_api_key(&caller, key.id, rotate).await.unwrap_err();
    assert_eq!(refused.violations[0].pointer, "/expires_at");
    test.clock.advance(Duration::days(1));
    let (view, _) = test.hub.rotate_api_key(&caller, key.id, RotateApiKey::default()).await.unwrap();
    assert_eq!(view.key.expires_at, Some(written), "no later than can be written");
}

#[tokio::test]
async fn another_orgs_key_is_not_found() {
    let test = TestHub::open().await;
    let (ours, theirs) = (test.org().await, test.org().await);
    let (caller, theirs) = (test.caller(&ours).await, test.caller(&theirs).await.key().unwrap());
    assert_eq!(test.hub.end_api_key(&caller, theirs).await.unwrap_err().code, Code::NotFound);
    assert_eq!(test.hub.api_key(&caller, theirs).await.unwrap_err().code, Code::NotFound);
    let rotate = RotateApiKey::default();
    assert_eq!(test.hub.rotate_api_key(&caller, theirs, rotate).await.unwrap_err().code, Code::NotFound);
    assert_eq!(test.hub.api_keys(&caller, None, None).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn nobody_makes_a_key_that_may_do_more_than_they_may() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let mut caller = test.caller(&org).await;
    caller.permissions = Permissions::of(&[Permission::ManageKeys, Permission::CallActions]);
    test.hub.issue_api_key(&caller, new("fits", &[Scope::Invoke, Scope::Keys], None)).await.unwrap();
    for scope in [Scope::Read, Scope::Admin, Scope::Operator, Scope::Members] {
        let refused = test.hub.issue_api_key(&caller, new("more", &[Scope::Invoke, scope], None)).await;
        assert_eq!(refused.unwrap_err().code, Code::Forbidden, "{scope:?}");
    }
    let (more, _) = test.hub.create_api_key(org.id, new("more", &[Scope::Read], None)).await.unwrap();
    let refused = test.hub.rotate_api_key(&caller, more.id, RotateApiKey::default()).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden, "a new secret for it would be the same");
    test.hub.end_api_key(&caller, more.id).await.unwrap();
}

#[tokio::test]
async fn a_replaced_key_works_on_until_its_overlap_ends() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let caller = Caller::operator(org.id);
    let month = Some(test.hub.0.clock.now() + Duration::days(30));
    let (old, old_secret) = test.hub.create_api_key(org.id, new("ci", &[Scope::Read], month)).await.unwrap();
    test.hub.authenticate(old_secret.expose_secret()).await.unwrap();
    test.clock.advance(Duration::days(10));
    let rotate = RotateApiKey { overlap_s: Some(3600), expires_at: None };
    let (ApiKeyView { key, .. }, secret) = test.hub.rotate_api_key(&caller, old.id, rotate).await.unwrap();
    let now = test.hub.0.clock.now();
    assert_eq!((&key.name, &key.scopes, key.replaces), (&old.name, &old.scopes, Some(old.id)));
    assert_eq!(key.expires_at, Some(now + Duration::days(30)), "as long as the old one was made for");
    for secret in [&old_secret, &secret] {
        test.hub.authenticate(secret.expose_secret()).await.unwrap();
    }
    test.clock.advance(Duration::hours(1));
    let ended = test.hub.authenticate(old_secret.expose_secret()).await.unwrap_err();
    assert_eq!(ended.code, Code::KeyExpired);
    test.hub.authenticate(secret.expose_secret()).await.unwrap();
    let again = test.hub.rotate_api_key(&caller, old.id, rotate).await;
    assert_eq!(again.unwrap_err().code, Code::Conflict);
}

#[tokio::test]
async fn the_limits_of_keys_end_with_the_last_that_shares_them() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let caller = Caller::operator(org.id);
    test.hub.set_plan(org.id, "pro", None).await.unwrap();
    let limited = async |expires_at| {
        let limits = [(BudgetUnit::Metric(Metric::Calls), 3)].into_iter().collect();
        let new = NewApiKey { spend_limits: limits, ..new("ci", &[Scope::Read], expires_at) };
        test.clock.advance(Duration::milliseconds(1));
        test.hub.issue_api_key(&caller, new).await.unwrap().0.key
    };
    let with_limits = async || -> Vec<ApiKeyId> {
        let budgets = test.hub.budgets(&caller).await.unwrap();
        let of_key = |view: crate::BudgetView| match view.budget.subject {
            BudgetSubject::ApiKey(key) => key,
            other => panic!("{other}"),
        };
        budgets.into_iter().map(of_key).collect()
    };
    let (first, bystander) = (limited(None).await, limited(None).await);
    let rotated = test.hub.rotate_api_key(&caller, first.id, RotateApiKey::default()).await.unwrap().0.key;
    test.hub.end_api_key(&caller, first.id).await.unwrap();
    test.clock.advance(Duration::hours(2));
    let (other, _) = test.hub.create_api_key(org.id, new("other", &[Scope::Read], None)).await.unwrap();
    test.hub.end_api_key(&caller, other.id).await.unwrap();
    assert_eq!(with_limits().await, [first.id, bystander.id], "the key in its place shares them");

    test.hub.end_api_key(&caller, rotated.id).await.unwrap();
    assert_eq!(with_limits().await, [first.id, bystander.id], "a call may still be at work");
    test.clock.advance(Duration::hours(2));
    let soon = limited(Some(test.hub.0.clock.now() + Duration::hours(1))).await;
    assert_eq!(with_limits().await, [bystander.id, soon.id]);
    test.clock.advance(Duration::hours(3));
    test.hub.end_api_key(&caller, bystander.id).await.unwrap();
    assert_eq!(with_limits().await, [bystander.id], "of one that expired nothing stays either");
}

#[tokio::test]
async fn an_overlap_is_seven_days_at_most_and_never_makes_a_key_live_longer() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let caller = Caller::operator(org.id);
    let soon = Some(test.hub.0.clock.now() + Duration::minutes(5));
    let (old, _) = test.hub.create_api_key(org.id, new("ci", &[Scope::Read], soon)).await.unwrap();
    let rotate = |overlap_s| RotateApiKey { overlap_s: Some(overlap_s), expires_at: None };
    let refused = test.hub.rotate_api_key(&caller, old.id, rotate(7 * 86_400 + 1)).await.unwrap_err();
    assert_eq!(refused.violations[0].pointer, "/overlap_seconds");
    test.hub.rotate_api_key(&caller, old.id, rotate(7 * 86_400)).await.unwrap();
    assert_eq!(test.hub.api_key(&caller, old.id).await.unwrap().key.expires_at, soon);
}
