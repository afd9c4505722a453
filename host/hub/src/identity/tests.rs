use chrono::Duration;
use patchbay_model::{
    Code, Permission, UserId,
    identity::{Actor, Member, Role, SignInMethod},
    org::{Org, Scope},
};
use patchbay_storage::AuditFilter;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    Client,
    members::NewMember,
    sessions::{NewSession, SignedIn},
    sign_in::SignIn,
};
use crate::{Caller, testing::TestHub};

mod invitations;

const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "another good password";

fn client() -> Client {
    Client { address: Some("192.0.2.7".parse().unwrap()), user_agent: Some("tests\n/1".to_owned()) }
}

impl TestHub {
    async fn member(&self, org: &Org, email: &str, role: Role) -> Member {
        let new = NewMember { email: email.to_owned(), name: None, role, password: Some(PASSWORD.into()) };
        self.hub.add_member(&Caller::operator(org.id), new).await.unwrap()
    }

    async fn try_sign_in(&self, email: &str, password: &str) -> Result<NewSession, patchbay_model::Failure> {
        let sign_in = SignIn { email: email.to_owned(), password: password.into(), org: None };
        self.hub.sign_in(sign_in, &client()).await
    }

    async fn signed_in(&self, email: &str) -> (SecretString, SignedIn) {
        let new = self.try_sign_in(email, PASSWORD).await.unwrap();
        (new.token, new.signed_in)
    }

    async fn is_good(&self, token: &SecretString) -> bool {
        self.hub.session(token.expose_secret()).await.is_ok()
    }

    /// Begins sessions without asking for the password each time.
    async fn sign_in_often(&self, user: UserId, times: usize) {
        let hub = &*self.hub.0;
        let mut tx = hub.database.begin().await.unwrap();
        let membership = tx.hub().identities().memberships(user).await.unwrap().remove(0);
        let mut entries = crate::audit::Entries::default();
        for _ in 0..times {
            self.clock.advance(Duration::milliseconds(1));
            let begun = hub.begin_session(&mut tx, user, &membership, SignInMethod::Password, &client()).await;
            hub.store_session(&mut tx, &mut entries, &begun.unwrap()).await.unwrap();
        }
        entries.append(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        self.clock.advance(Duration::milliseconds(1));
    }

    /// What the last entry of an action says.
    async fn detail(&self, org: &Org, action: &str) -> serde_json::Value {
        let mut tx = self.hub.0.database.read().await.unwrap();
        let entries = tx.org(org.id).audit().list(&AuditFilter { limit: 100, ..AuditFilter::default() }).await.unwrap();
        entries.into_iter().find(|line| line.entry.action == action).unwrap().entry.detail
    }

    async fn audited(&self, org: &Org) -> Vec<(String, String)> {
        let mut tx = self.hub.0.database.read().await.unwrap();
        let entries = tx.org(org.id).audit().list(&AuditFilter { limit: 100, ..AuditFilter::default() }).await.unwrap();
        entries.into_iter().rev().map(|line| (line.entry.actor, line.entry.action)).collect()
    }
}

#[tokio::test]
async fn a_password_begins_a_session_with_the_members_rights() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let member = test.member(&org, "Ada@Example.com", Role::Viewer).await;
    assert_eq!((member.email.as_str(), member.name.as_str()), ("ada@example.com", "ada"));
    let (token, signed_in) = test.signed_in(" ADA@example.com").await;
    assert!(token.expose_secret().starts_with("pbs_"));
    assert_eq!(signed_in.session.user_agent.as_deref(), Some("tests/1"));
    assert_eq!(signed_in.session.address.as_deref(), Some("192.0.2.7"));
    let caller = test.hub.authenticate(token.expose_secret()).await.unwrap();
    assert_eq!((caller.org, caller.actor), (org.id, Actor::Member(member.user)));
    assert_eq!(caller.permissions, Role::Viewer.permissions());
    let actor = member.user.to_string();
    let audited = test.audited(&org).await;
    assert!(audited.contains(&("operator".to_owned(), "member.create".to_owned())), "{audited:?}");
    assert!(audited.contains(&(actor, "session.create".to_owned())), "{audited:?}");
}

#[tokio::test]
async fn what_is_wrong_is_not_told() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.member(&org, "ada@example.com", Role::Owner).await;
    let without = NewMember { email: "sso@example.com".to_owned(), name: None, role: Role::Viewer, password: None };
    test.hub.add_member(&Caller::operator(org.id), without).await.unwrap();
    let long = "x".repeat(10_000);
    for (email, password) in [
        ("ada@example.com", OTHER),
        ("nobody@example.com", PASSWORD),
        ("sso@example.com", PASSWORD),
        ("ada@example.com", ""),
        ("ada@example.com", long.as_str()),
    ] {
        let failure = test.try_sign_in(email, password).await.unwrap_err();
        assert_eq!((failure.code, failure.detail.as_str()), (Code::InvalidCredentials, ""), "{email}");
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_for_an_account_that_is_there_and_for_one_that_is_not() {
    let test = TestHub::open().await;
    test.member(&test.org().await, "ada@example.com", Role::Owner).await;
    for email in ["ada@example.com", "nobody@example.com"] {
        for _ in 0..5 {
            assert_eq!(test.try_sign_in(email, OTHER).await.unwrap_err().code, Code::InvalidCredentials);
        }
        let waits = test.try_sign_in(email, PASSWORD).await.unwrap_err();
        assert_eq!(waits.code, Code::RateLimited, "{email}: also for the right one");
        assert_eq!(waits.retry_after.unwrap().as_secs(), 2);
    }
    test.clock.advance(Duration::seconds(2));
    test.signed_in("ada@example.com").await;
    for _ in 0..5 {
        let again = test.try_sign_in("ada@example.com", OTHER).await.unwrap_err();
        assert_eq!(again.code, Code::InvalidCredentials, "a success begins the count anew");
    }
}

#[tokio::test]
async fn guessing_from_one_address_is_slowed_down_whatever_the_account() {
    let test = TestHub::open().await;
    let hub = &test.hub.0;
    let address = client().address;
    for number in 0..50 {
        hub.count_attempt(&format!("{number}@example.com"), address).await.unwrap();
    }
    let refused = hub.count_attempt("one-more@example.com", address).await;
    assert_eq!(refused.err().unwrap().code, Code::RateLimited);
    hub.count_attempt("one-more@example.com", "192.0.2.8".parse().ok()).await.unwrap();
    hub.count_attempt("one-more@example.com", None).await.unwrap();
}

#[tokio::test]
async fn a_hash_by_old_parameters_is_made_anew_with_the_next_sign_in() {
    let test = TestHub::open().await;
    let member = test.member(&test.org().await, "ada@example.com", Role::Owner).await;
    // of the same password, made by another program: m=1024, t=1
    let old = "$argon2id$v=19$m=1024,t=1,p=1$AQEBAQEBAQEBAQEBAQEBAQ$1FRKDIrDJw1ybbOEzgNqpEI93vh30pNjdDSS0uq0edM";
    let stored = async || {
        let mut tx = test.hub.0.database.read().await.unwrap();
        tx.hub().identities().user(member.user).await.unwrap().unwrap().password_hash.unwrap()
    };
    let before = stored().await;
    test.signed_in("ada@example.com").await;
    assert_eq!(stored().await, before, "today's is left alone");
    let mut tx = test.hub.0.database.begin().await.unwrap();
    tx.hub().identities().set_password(member.user, Some(old)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(test.try_sign_in("ada@example.com", OTHER).await.unwrap_err().code, Code::InvalidCredentials);
    assert_eq!(stored().await, old, "only who knows the password has it hashed");
    test.signed_in("ada@example.com").await;
    assert!(stored().await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    test.signed_in("ada@example.com").await;
}

#[tokio::test]
async fn a_right_password_for_an_org_of_others_is_no_guess() {
    let test = TestHub::open().await;
    let (org, other) = (test.org().await, test.org().await);
    test.member(&org, "ada@example.com", Role::Owner).await;
    for _ in 0..7 {
        let sign_in = SignIn { email: "ada@example.com".to_owned(), password: PASSWORD.into(), org: Some(other.id) };
        assert_eq!(test.hub.sign_in(sign_in, &client()).await.unwrap_err().code, Code::Forbidden);
    }
    test.signed_in("ada@example.com").await;
}

#[tokio::test]
async fn the_oldest_of_too_many_sessions_ends_at_once() {
    let test = TestHub::open().await;
    let ada = test.member(&test.org().await, "ada@example.com", Role::Owner).await;
    let (oldest, _) = test.signed_in("ada@example.com").await;
    test.sign_in_often(ada.user, 49).await;
    assert!(test.is_good(&oldest).await, "there may be fifty");
    test.signed_in("ada@example.com").await;
    assert!(!test.is_good(&oldest).await);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_at_the_latest_after_thirty_days() {
    let test = TestHub::open().await;
    test.member(&test.org().await, "ada@example.com", Role::Owner).await;
    let (idle, _) = test.signed_in("ada@example.com").await;
    test.clock.advance(Duration::hours(12) - Duration::seconds(1));
    assert!(test.is_good(&idle).await);
    test.clock.advance(Duration::hours(12));
    assert!(!test.is_good(&idle).await);

    let (used, _) = test.signed_in("ada@example.com").await;
    for _ in 0..60 {
        test.clock.advance(Duration::hours(12) - Duration::minutes(1));
        assert!(test.is_good(&used).await);
        // as the background task does
        test.hub.0.write_uses().await;
        test.hub.0.sessions.invalidate_all();
    }
    test.clock.advance(Duration::hours(2));
    assert!(!test.is_good(&used).await, "thirty days");
}

#[tokio::test]
async fn a_session_is_listed_and_ended_by_its_user_alone() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.member(&org, "ada@example.com", Role::Owner).await;
    test.member(&org, "grace@example.com", Role::Owner).await;
    let (first, _) = test.signed_in("ada@example.com").await;
    test.clock.advance(Duration::milliseconds(1));
    let (second, ada) = test.signed_in("ada@example.com").await;
    let (_, grace) = test.signed_in("grace@example.com").await;
    let listed = test.hub.sessions(&ada).await.unwrap();
    assert_eq!(listed.len(), 2);
    let foreign = test.hub.end_session(&grace, ada.session.id).await.unwrap_err();
    assert_eq!(foreign.code, Code::NotFound);
    test.hub.end_session(&ada, listed[1].session.id).await.unwrap();
    assert!(!test.is_good(&first).await && test.is_good(&second).await);
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_in_all_orgs_but_gives_another() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.clock.advance(Duration::milliseconds(1));
    let other = test.org().await;
    test.member(&org, "ada@example.com", Role::Owner).await;
    let again = NewMember { email: "ada@example.com".to_owned(), name: None, role: Role::Viewer, password: None };
    test.hub.add_member(&Caller::operator(other.id), again).await.unwrap();
    let (first, signed_in) = test.signed_in("ada@example.com").await;
    let there = test.hub.switch_org(&test.signed_in("ada@example.com").await.1, other.id, &client()).await.unwrap();
    let change = async |current: &str, new: &str| {
        test.hub.change_password(&signed_in, current.into(), new.into(), &client()).await
    };
    assert_eq!(change(OTHER, OTHER).await.unwrap_err().code, Code::InvalidCredentials);
    assert_eq!(change(PASSWORD, "short").await.unwrap_err().violations[0].pointer, "/new");
    assert!(test.is_good(&first).await && test.is_good(&there.token).await);
    let new = change(PASSWORD, OTHER).await.unwrap();
    assert!(!test.is_good(&first).await && !test.is_good(&there.token).await);
    assert!(test.is_good(&new.token).await);
    assert_eq!(test.try_sign_in("ada@example.com", PASSWORD).await.unwrap_err().code, Code::InvalidCredentials);
    assert!(test.try_sign_in("ada@example.com", OTHER).await.is_ok());
    for org in [&org, &other] {
        assert_eq!(test.detail(org, "member.password").await["sessions_ended"], 1, "an org's own alone");
    }
}

#[tokio::test]
async fn a_session_acts_in_one_org_and_another_takes_its_place_for_another() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.clock.advance(Duration::milliseconds(1));
    let (other, foreign) = (test.org().await, test.org().await);
    test.member(&org, "ada@example.com", Role::Owner).await;
    let again = NewMember { email: "ada@example.com".to_owned(), name: None, role: Role::Viewer, password: None };
    test.hub.add_member(&Caller::operator(other.id), again).await.unwrap();
    let (token, signed_in) = test.signed_in("ada@example.com").await;
    assert_eq!((signed_in.session.org, signed_in.role), (org.id, Role::Owner));
    let refused = test.hub.switch_org(&signed_in, foreign.id, &client()).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound);
    test.clock.advance(Duration::hours(5));
    let new = test.hub.switch_org(&signed_in, other.id, &client()).await.unwrap();
    assert_eq!((new.signed_in.session.org, new.signed_in.role), (other.id, Role::Viewer));
    assert_eq!(new.signed_in.session.expires_at, signed_in.session.expires_at, "no longer than before");
    assert!(!test.is_good(&token).await && test.is_good(&new.token).await);
    let twice = test.hub.switch_org(&signed_in, other.id, &client()).await.unwrap_err();
    assert_eq!(twice.code, Code::Unauthenticated);
    let sign_in = SignIn { email: "ada@example.com".to_owned(), password: PASSWORD.into(), org: Some(foreign.id) };
    assert_eq!(test.hub.sign_in(sign_in, &client()).await.unwrap_err().code, Code::Forbidden);
}

#[tokio::test]
async fn a_role_that_changes_holds_for_sessions_that_go_on_and_who_is_removed_has_none() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.member(&org, "owner@example.com", Role::Owner).await;
    let ada = test.member(&org, "ada@example.com", Role::Admin).await;
    let (token, signed_in) = test.signed_in("ada@example.com").await;
    let operator = Caller::operator(org.id);
    test.hub.set_role(&operator, ada.user, Role::Viewer).await.unwrap();
    let caller = test.hub.authenticate(token.expose_secret()).await.unwrap();
    assert_eq!(caller.require(Permission::ManageKeys).unwrap_err().code, Code::Forbidden);
    test.hub.remove_member(&operator, ada.user).await.unwrap();
    assert!(!test.is_good(&token).await);
    assert_eq!(test.hub.leave(&signed_in).await.unwrap_err().code, Code::NotFound);
    assert_eq!(test.try_sign_in("ada@example.com", PASSWORD).await.unwrap_err().code, Code::Forbidden, "of no org");
}

#[tokio::test]
async fn sessions_end_with_their_org_at_once() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.member(&org, "ada@example.com", Role::Owner).await;
    let (token, _) = test.signed_in("ada@example.com").await;
    assert!(test.is_good(&token).await);
    test.hub.delete_org(org.id).await.unwrap();
    assert!(!test.is_good(&token).await);
}

#[tokio::test]
async fn an_admin_neither_makes_owners_nor_touches_them() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let owner = test.member(&org, "owner@example.com", Role::Owner).await;
    let admin = test.member(&org, "admin@example.com", Role::Admin).await;
    let viewer = test.member(&org, "viewer@example.com", Role::Viewer).await;
    let caller = test.signed_in("admin@example.com").await.1.caller();
    let code = |result: Result<Member, patchbay_model::Failure>| result.unwrap_err().code;
    assert_eq!(code(test.hub.set_role(&caller, viewer.user, Role::Owner).await), Code::Forbidden);
    assert_eq!(code(test.hub.set_role(&caller, owner.user, Role::Viewer).await), Code::Forbidden);
    assert_eq!(test.hub.remove_member(&caller, owner.user).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(test.hub.invite(&caller, "x@example.com", Role::Owner).await.unwrap_err().code, Code::Forbidden);
    test.hub.set_role(&caller, viewer.user, Role::Admin).await.unwrap();
    test.hub.invite(&caller, "x@example.com", Role::Admin).await.unwrap();
    test.hub.remove_member(&caller, admin.user).await.unwrap();
    // a key manages those whose rights it has
    let key = test.key(&org, &[Scope::Members]).await;
    let key = test.hub.authenticate(key.expose_secret()).await.unwrap();
    assert_eq!(code(test.hub.set_role(&key, viewer.user, Role::Viewer).await), Code::Forbidden);
    assert_eq!(test.hub.invite(&key, "y@example.com", Role::Viewer).await.unwrap_err().code, Code::Forbidden);
}

#[tokio::test]
async fn the_last_owner_stays_and_stays_owner() {
    let test = TestHub::open().await;
    let (org, other) = (test.org().await, test.org().await);
    let first = test.member(&org, "first@example.com", Role::Owner).await;
    test.member(&other, "elsewhere@example.com", Role::Owner).await;
    let (_, signed_in) = test.signed_in("first@example.com").await;
    let operator = Caller::operator(org.id);
    assert_eq!(test.hub.leave(&signed_in).await.unwrap_err().code, Code::Conflict);
    assert_eq!(test.hub.remove_member(&operator, first.user).await.unwrap_err().code, Code::Conflict);
    let demoted = test.hub.set_role(&operator, first.user, Role::Admin).await;
    assert_eq!(demoted.unwrap_err().code, Code::Conflict);
    test.member(&org, "second@example.com", Role::Owner).await;
    test.hub.leave(&signed_in).await.unwrap();
    let gone = test.hub.member(&operator, first.user).await.unwrap_err();
    assert_eq!(gone.code, Code::NotFound);
    let nobody = test.hub.remove_member(&operator, UserId(uuid(7))).await.unwrap_err();
    assert_eq!(nobody.code, Code::NotFound);
}

fn uuid(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}

#[tokio::test]
async fn a_reset_password_ends_sessions_and_waits() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let ada = test.member(&org, "ada@example.com", Role::Owner).await;
    let (token, signed_in) = test.signed_in("ada@example.com").await;
    for _ in 0..6 {
        let _ = test.try_sign_in("ada@example.com", OTHER).await;
    }
    let by_owner = test.hub.reset_password(&signed_in.caller(), ada.user, OTHER.into()).await;
    assert_eq!(by_owner.unwrap_err().code, Code::Forbidden, "the account is the user's, in other orgs too");
    let elsewhere = Caller::operator(test.org().await.id);
    let foreign = test.hub.reset_password(&elsewhere, ada.user, OTHER.into()).await;
    assert_eq!(foreign.unwrap_err().code, Code::NotFound);
    test.hub.reset_password(&Caller::operator(org.id), ada.user, OTHER.into()).await.unwrap();
    assert!(!test.is_good(&token).await);
    assert!(test.try_sign_in("ada@example.com", OTHER).await.is_ok());
}

#[test]
fn an_address_is_stored_in_lower_case() {
    assert_eq!(super::email("/email", " Ada.Lovelace+x@Example.COM ").unwrap(), "ada.lovelace+x@example.com");
}

#[test]
fn what_is_no_address_is_refused_with_its_place() {
    let long = format!("{}@example.com", "a".repeat(250));
    let mangled =
        ["", "ada", "@example.com", "ada@", "Ada <ada@example.com>", "a b@example.com", "ada@[127.0.0.1]", &long];
    for text in mangled {
        assert_eq!(super::email("/email", text).unwrap_err().violations[0].pointer, "/email", "{text}");
    }
}
