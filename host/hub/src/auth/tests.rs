use patchbay_model::UserId;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::*;
use crate::{NewApiKey, testing::TestHub};

async fn code(test: &TestHub, key: &str) -> Code {
    test.hub.authenticate(key).await.unwrap_err().code
}

#[tokio::test]
async fn a_key_opens_its_own_org_with_its_own_scopes() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let key = test.key(&org, &[Scope::Read]).await;
    let caller = test.hub.authenticate(key.expose_secret()).await.unwrap();
    assert_eq!(caller.org, org.id);
    caller.require(Permission::ReadActivity).unwrap();
    assert_eq!(caller.require(Permission::CallActions).unwrap_err().code, Code::ScopeMissing);
}

#[test]
fn who_may_not_is_told_what_would_help() {
    let org = OrgId(Uuid::nil());
    let key = Caller { org, actor: Actor::Key(ApiKeyId(Uuid::nil())), permissions: Permissions::NONE, spends_as: None };
    let member = Caller { actor: Actor::Member(UserId(Uuid::nil())), ..key };
    let told = |caller: &Caller, permission| {
        let failure = caller.require(permission).unwrap_err();
        (failure.code, failure.detail)
    };
    let text = |text: &str| text.to_owned();
    assert_eq!(
        told(&key, Permission::ManageConnectSessions),
        (Code::ScopeMissing, text("this needs an API key with the scope `admin` or `connect`"))
    );
    assert_eq!(
        told(&key, Permission::ManageBilling),
        (Code::Forbidden, text("this needs a member with the role `owner`"))
    );
    assert_eq!(
        told(&member, Permission::ManageKeys),
        (Code::Forbidden, text("this needs a member with the role `owner` or `admin`"))
    );
    assert_eq!(
        told(&member, Permission::OperateHub),
        (Code::Forbidden, text("this needs an API key with the scope `operator`"))
    );
    assert_eq!(told(&key, Permission::ConnectAccount), (Code::Forbidden, text("this needs a connect session")));
    for permission in Permission::ALL {
        Caller::operator(org).require(*permission).unwrap();
    }
}

#[tokio::test]
async fn an_unknown_token_is_nobodys() {
    let test = TestHub::open().await;
    for prefix in ["pb_", "pbs_", "pbc_", "pbi_"] {
        assert_eq!(code(&test, &format!("{prefix}{}", "A".repeat(43))).await, Code::Unauthenticated, "{prefix}");
    }
    assert_eq!(code(&test, "sk-something").await, Code::Unauthenticated);
}

#[tokio::test]
async fn a_key_expires_by_the_clock_also_when_it_is_cached() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let expires_at = Some(test.hub.0.clock.now() + chrono::Duration::minutes(1));
    let new = NewApiKey { name: "short".to_owned(), scopes: vec![Scope::Read], expires_at, ..NewApiKey::default() };
    let (_, key) = test.hub.create_api_key(org.id, new).await.unwrap();
    test.hub.authenticate(key.expose_secret()).await.unwrap();
    test.clock.advance(chrono::Duration::minutes(1));
    assert_eq!(code(&test, key.expose_secret()).await, Code::KeyExpired);
}

#[tokio::test]
async fn a_revoked_key_stops_working_at_once() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let new = NewApiKey { name: "leaked".to_owned(), scopes: vec![Scope::Read], ..NewApiKey::default() };
    let (stored, key) = test.hub.create_api_key(org.id, new).await.unwrap();
    test.hub.authenticate(key.expose_secret()).await.unwrap();
    test.hub.revoke_api_key(org.id, stored.id).await.unwrap();
    assert_eq!(code(&test, key.expose_secret()).await, Code::Unauthenticated);
    test.hub.revoke_api_key(org.id, stored.id).await.unwrap();
}

#[tokio::test]
async fn the_last_use_of_a_key_is_written_once_a_minute_and_not_by_the_call() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let key = test.key(&org, &[Scope::Read]).await;
    let stored = async || {
        let mut tx = test.hub.0.database.read().await.unwrap();
        tx.org(org.id).api_keys().list(None, 10).await.unwrap()[0].used_at
    };
    let first = test.hub.0.clock.now();
    test.hub.authenticate(key.expose_secret()).await.unwrap();
    assert_eq!(stored().await, None, "no call waits for a write");
    test.hub.0.write_uses().await;
    assert_eq!(stored().await, Some(first));
    test.clock.advance(chrono::Duration::seconds(59));
    test.hub.authenticate(key.expose_secret()).await.unwrap();
    test.hub.0.write_uses().await;
    assert_eq!(stored().await, Some(first));
    test.clock.advance(chrono::Duration::seconds(1));
    test.hub.authenticate(key.expose_secret()).await.unwrap();
    test.hub.0.write_uses().await;
    assert_eq!(stored().await, Some(test.hub.0.clock.now()));
}
