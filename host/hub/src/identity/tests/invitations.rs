//! Who is invited becomes a member, once.

use super::*;
use crate::identity::invitations::Acceptance;

async fn accept(test: &TestHub, token: &SecretString, password: &str) -> Result<NewSession, patchbay_model::Failure> {
    let acceptance = Acceptance { password: password.into(), name: Some("Grace".to_owned()) };
    test.hub.accept_invitation(token.expose_secret(), acceptance, &client()).await
}

#[tokio::test]
async fn an_invitation_makes_a_member_once() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let new = test.hub.invite(&Caller::operator(org.id), "Grace@example.com", Role::Member).await.unwrap();
    assert!(new.url.expose_secret().ends_with(&format!("/invitations/{}", new.token.expose_secret())));
    let shown = test.hub.invited(new.token.expose_secret()).await.unwrap();
    assert_eq!(
        (shown.organization.as_str(), shown.email.as_str(), shown.role),
        ("Acme", "grace@example.com", Role::Member)
    );
    let short = accept(&test, &new.token, "short").await.unwrap_err();
    assert_eq!(short.violations[0].pointer, "/password");
    let begun = accept(&test, &new.token, PASSWORD).await.unwrap();
    assert_eq!((begun.signed_in.session.org, begun.signed_in.role), (org.id, Role::Member));
    assert_eq!(accept(&test, &new.token, PASSWORD).await.unwrap_err().code, Code::NotFound);
    let again = test.hub.invite(&Caller::operator(org.id), "grace@example.com", Role::Admin).await;
    assert_eq!(again.unwrap_err().code, Code::Conflict);
}

#[tokio::test]
async fn an_invitation_ends_after_seven_days_when_it_is_taken_back_or_replaced() {
    let test = TestHub::open().await;
    let operator = Caller::operator(test.org().await.id);
    let invite = async |role| test.hub.invite(&operator, "grace@example.com", role).await.unwrap();
    let replaced = invite(Role::Viewer).await;
    let taken_back = invite(Role::Viewer).await;
    assert_eq!(accept(&test, &replaced.token, PASSWORD).await.unwrap_err().code, Code::NotFound);
    let foreign = Caller::operator(test.org().await.id);
    let refused = test.hub.revoke_invitation(&foreign, taken_back.invitation.id).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound);
    test.hub.revoke_invitation(&operator, taken_back.invitation.id).await.unwrap();
    assert_eq!(accept(&test, &taken_back.token, PASSWORD).await.unwrap_err().code, Code::NotFound);
    let late = invite(Role::Viewer).await;
    test.clock.advance(Duration::days(7));
    assert_eq!(accept(&test, &late.token, PASSWORD).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn who_has_an_account_accepts_with_its_password_or_signed_in() {
    let test = TestHub::open().await;
    let (org, second, third) = (test.org().await, test.org().await, test.org().await);
    test.member(&org, "grace@example.com", Role::Owner).await;
    let invite = async |org: &Org| {
        let caller = Caller::operator(org.id);
        test.hub.invite(&caller, "grace@example.com", Role::Viewer).await.unwrap().token
    };
    let token = invite(&second).await;
    assert_eq!(accept(&test, &token, OTHER).await.unwrap_err().code, Code::InvalidCredentials);
    let begun = accept(&test, &token, PASSWORD).await.unwrap();
    assert_eq!(begun.signed_in.session.org, second.id);

    let token = invite(&third).await;
    test.member(&org, "ada@example.com", Role::Owner).await;
    let (_, ada) = test.signed_in("ada@example.com").await;
    let refused = test.hub.accept_invitation_as(&ada, token.expose_secret()).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden, "it is for somebody else");
    let (_, grace) = test.signed_in("grace@example.com").await;
    let membership = test.hub.accept_invitation_as(&grace, token.expose_secret()).await.unwrap();
    assert_eq!((membership.org, membership.role), (third.id, Role::Viewer));
    let who = test.hub.who_am_i(&grace.caller(), Some(grace)).await.unwrap();
    assert_eq!(who.memberships.len(), 3);
}

#[tokio::test]
async fn an_invitation_that_is_accepted_ends_the_oldest_of_too_many_sessions_at_once() {
    let test = TestHub::open().await;
    let (org, other) = (test.org().await, test.org().await);
    let ada = test.member(&org, "ada@example.com", Role::Owner).await;
    let invitation = test.hub.invite(&Caller::operator(other.id), "ada@example.com", Role::Viewer).await.unwrap();
    let (oldest, _) = test.signed_in("ada@example.com").await;
    test.sign_in_often(ada.user, 49).await;
    assert!(test.is_good(&oldest).await, "there may be fifty");
    accept(&test, &invitation.token, PASSWORD).await.unwrap();
    assert!(!test.is_good(&oldest).await);
}
