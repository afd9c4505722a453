//! Users, members, invitations, sessions and sign-ins: what an org sees, what counts once, and what ends with what.

mod attempts;

use patchbay_model::{
    ApiKeyId, ConnectSessionId, InvitationId, OrgId, SessionId, UserId,
    identity::{ConnectSession, Connected, Invitation, Member, Membership, Role, Session, SignInMethod, User},
};
use patchbay_storage::{Ended, FoundSession, StorageError, Tx};

use crate::{Store, isolation::api_key, store::plugin};

pub use attempts::*;

pub fn user(store: &Store, email: &str) -> User {
    store.tick();
    User {
        id: UserId::new(&store.clock, &store.random),
        email: email.to_owned(),
        email_verified_at: None,
        name: "Ada \u{0} Lovelace".to_owned(),
        created_at: store.now(),
    }
}

pub fn member(store: &Store, org: OrgId, user: &User, role: Role) -> Member {
    Member {
        org,
        user: user.id,
        email: user.email.clone(),
        name: user.name.clone(),
        role,
        created_at: store.now(),
        updated_at: store.now(),
    }
}

pub fn invitation(store: &Store, org: OrgId, email: &str) -> Invitation {
    store.tick();
    Invitation {
        id: InvitationId::new(&store.clock, &store.random),
        org,
        email: email.to_owned(),
        role: Role::Viewer,
        invited_by: "operator".to_owned(),
        created_at: store.now(),
        expires_at: store.later(1_000),
    }
}

pub fn session(store: &Store, org: OrgId, user: UserId) -> Session {
    store.tick();
    Session {
        id: SessionId::new(&store.clock, &store.random),
        org,
        user,
        method: SignInMethod::Password,
        user_agent: Some("curl/8".to_owned()),
        address: None,
        created_at: store.now(),
        used_at: store.now(),
        expires_at: store.later(60_000),
    }
}

pub fn connect_session(store: &Store, org: OrgId) -> ConnectSession {
    store.tick();
    ConnectSession {
        id: ConnectSessionId::new(&store.clock, &store.random),
        org,
        plugins: vec![plugin("openai"), plugin("stripe")],
        end_user: "customer-1".to_owned(),
        account: Some("Acme".to_owned()),
        made_by: "key_1".to_owned(),
        created_at: store.now(),
        expires_at: store.later(1_000),
        connected: None,
    }
}

/// A user who is a member of these orgs.
async fn joined(store: &Store, email: &str, orgs: &[(OrgId, Role)]) -> User {
    let user = user(store, email);
    let mut tx = store.database.begin().await.unwrap();
    tx.hub().identities().insert_user(&user, Some("hash")).await.unwrap();
    for (org, role) in orgs {
        tx.org(*org).members().insert(&member(store, *org, &user, *role)).await.unwrap();
    }
    tx.commit().await.unwrap();
    user
}

async fn begin(store: &Store) -> Tx {
    store.database.begin().await.unwrap()
}

pub async fn a_user_is_found_by_address_and_by_subject(store: Store) {
    let ada = user(&store, "ada@example.com");
    let mut tx = begin(&store).await;
    let mut hub = tx.hub();
    let mut identities = hub.identities();
    identities.insert_user(&ada, Some("hash")).await.unwrap();
    let found = identities.user_by_email("ada@example.com").await.unwrap().unwrap();
    assert_eq!((&found.user, found.password_hash.as_deref()), (&ada, Some("hash")));
    assert_eq!(identities.user(ada.id).await.unwrap().unwrap().user, ada);
    assert_eq!(identities.user_by_email("Ada@example.com").await.unwrap(), None);
    assert!(!format!("{found:?}").contains("hash"));

    identities.insert_subject("https://id.example", "7", ada.id, store.now()).await.unwrap();
    assert_eq!(identities.user_by_subject("https://id.example", "7").await.unwrap().unwrap().user, ada);
    assert_eq!(identities.user_by_subject("https://other.example", "7").await.unwrap(), None);
    identities.set_email_verified(ada.id, store.now()).await.unwrap();
    let first = Some(store.now());
    store.tick();
    identities.set_email_verified(ada.id, store.now()).await.unwrap();
    assert_eq!(identities.user(ada.id).await.unwrap().unwrap().user.email_verified_at, first, "the first time stays");
    tx.commit().await.unwrap();

    let mut tx = begin(&store).await;
    let taken = tx.hub().identities().insert_user(&user(&store, "ada@example.com"), None).await;
    assert!(matches!(taken, Err(StorageError::AlreadyExists(_))), "{taken:?}");
}

pub async fn a_password_is_replaced_only_by_who_has_seen_it(store: Store) {
    let ada = joined(&store, "ada@example.com", &[]).await;
    let mut tx = begin(&store).await;
    let mut hub = tx.hub();
    let mut identities = hub.identities();
    assert!(!identities.replace_password(ada.id, "other", "new").await.unwrap());
    assert!(identities.replace_password(ada.id, "hash", "hash").await.unwrap());
    assert!(identities.replace_password(ada.id, "hash", "new").await.unwrap());
    assert!(!identities.replace_password(ada.id, "hash", "newer").await.unwrap());
    assert!(identities.set_password(ada.id, None).await.unwrap());
    assert!(!identities.replace_password(ada.id, "new", "newer").await.unwrap());
    assert_eq!(identities.user(ada.id).await.unwrap().unwrap().password_hash, None);
    assert!(!identities.set_password(UserId(uuid::Uuid::nil()), Some("x")).await.unwrap());
}

pub async fn an_org_does_not_see_anothers_members(store: Store) {
    let ada = joined(&store, "ada@example.com", &[(store.ours, Role::Owner)]).await;
    let mut tx = begin(&store).await;
    let mut theirs = tx.org(store.theirs);
    assert_eq!(theirs.members().get(ada.id).await.unwrap(), None);
    assert_eq!(theirs.members().by_email(&ada.email).await.unwrap(), None);
    assert_eq!(theirs.members().list(None, 10).await.unwrap(), []);
    assert_eq!(theirs.members().count(Role::Owner).await.unwrap(), 0);
    assert!(!theirs.members().set_role(ada.id, Role::Viewer, store.now()).await.unwrap());
    assert!(!theirs.members().delete(ada.id).await.unwrap());
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.members().get(ada.id).await.unwrap().unwrap().role, Role::Owner);
    assert_eq!(ours.members().count(Role::Owner).await.unwrap(), 1);
    let nobody = user(&store, "nobody@example.com");
    let refused = ours.members().insert(&member(&store, store.ours, &nobody, Role::Viewer)).await;
    assert!(matches!(refused, Err(StorageError::Missing(_))), "{refused:?}");
}

pub async fn a_user_is_a_member_of_several_orgs(store: Store) {
    let roles = [(store.ours, Role::Owner), (store.theirs, Role::Viewer)];
    let ada = joined(&store, "ada@example.com", &roles).await;
    let mut tx = begin(&store).await;
    tx.org(store.theirs).members().set_role(ada.id, Role::Admin, store.later(1)).await.unwrap();
    let found = tx.hub().identities().memberships(ada.id).await.unwrap();
    let membership = |org, name: &str, role| Membership { org, name: name.to_owned(), role };
    let expected = [membership(store.ours, "ours", Role::Owner), membership(store.theirs, "theirs", Role::Admin)];
    assert_eq!(found, expected);
    assert_eq!(tx.org(store.ours).members().get(ada.id).await.unwrap().unwrap().role, Role::Owner);
}

pub async fn members_page_in_the_order_of_their_ids(store: Store) {
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(joined(&store, &format!("{number}@example.com"), &[(store.ours, Role::Member)]).await.id);
    }
    let mut tx = begin(&store).await;
    let mut seen = Vec::new();
    loop {
        let page = tx.org(store.ours).members().list(seen.last().copied(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|member| member.user));
    }
    assert_eq!(seen, all);
}

pub async fn an_invitation_counts_once_and_for_its_org(store: Store) {
    let ours = invitation(&store, store.ours, "grace@example.com");
    let mut tx = begin(&store).await;
    tx.org(store.ours).invitations().put(&ours, &[1; 32]).await.unwrap();
    let mut theirs = tx.org(store.theirs);
    assert_eq!(theirs.invitations().get(ours.id).await.unwrap(), None);
    assert_eq!(theirs.invitations().list(None, 10).await.unwrap(), []);
    assert!(!theirs.invitations().delete(ours.id).await.unwrap());
    assert_eq!(tx.org(store.ours).invitations().list(None, 10).await.unwrap(), std::slice::from_ref(&ours));
    assert_eq!(tx.hub().identities().invitation_by_hash(&[1; 32]).await.unwrap(), Some(ours.clone()));
    assert_eq!(tx.hub().identities().take_invitation(&[2; 32]).await.unwrap(), None);
    assert_eq!(tx.hub().identities().take_invitation(&[1; 32]).await.unwrap(), Some(ours));
    assert_eq!(tx.hub().identities().take_invitation(&[1; 32]).await.unwrap(), None);
}

pub async fn a_new_invitation_takes_the_place_of_the_one_before(store: Store) {
    let first = invitation(&store, store.ours, "grace@example.com");
    let second = Invitation { role: Role::Admin, ..invitation(&store, store.ours, "grace@example.com") };
    let elsewhere = invitation(&store, store.theirs, "grace@example.com");
    let mut tx = begin(&store).await;
    tx.org(store.ours).invitations().put(&first, &[1; 32]).await.unwrap();
    tx.org(store.theirs).invitations().put(&elsewhere, &[3; 32]).await.unwrap();
    tx.org(store.ours).invitations().put(&second, &[2; 32]).await.unwrap();
    assert_eq!(tx.org(store.ours).invitations().list(None, 10).await.unwrap(), std::slice::from_ref(&second));
    assert_eq!(tx.org(store.theirs).invitations().list(None, 10).await.unwrap(), [elsewhere]);
    assert_eq!(tx.hub().identities().invitation_by_hash(&[1; 32]).await.unwrap(), None);
    assert!(tx.org(store.ours).invitations().delete(second.id).await.unwrap());
    assert!(!tx.org(store.ours).invitations().delete(second.id).await.unwrap());
}

pub async fn a_session_is_found_with_the_role_of_the_moment(store: Store) {
    let ada = joined(&store, "ada@example.com", &[(store.ours, Role::Owner)]).await;
    let session = session(&store, store.ours, ada.id);
    let mut tx = begin(&store).await;
    tx.org(store.ours).sessions().insert(&session, &[1; 32]).await.unwrap();
    let found = |role| Some(FoundSession { session: session.clone(), role });
    assert_eq!(tx.hub().identities().session_by_hash(&[1; 32]).await.unwrap(), found(Role::Owner));
    tx.org(store.ours).members().set_role(ada.id, Role::Viewer, store.now()).await.unwrap();
    assert_eq!(tx.hub().identities().session_by_hash(&[1; 32]).await.unwrap(), found(Role::Viewer));
    assert_eq!(tx.hub().identities().session_by_hash(&[2; 32]).await.unwrap(), None);

    tx.org(store.theirs).sessions().used(session.id, store.later(50)).await.unwrap();
    let used = async |tx: &mut Tx| tx.hub().identities().sessions(ada.id).await.unwrap()[0].session.used_at;
    assert_eq!(used(&mut tx).await, session.used_at, "another org's session is out of reach");
    tx.org(store.ours).sessions().used(session.id, store.later(50)).await.unwrap();
    tx.org(store.ours).sessions().used(session.id, store.later(20)).await.unwrap();
    assert_eq!(used(&mut tx).await, store.later(50), "it never goes back");
    tx.commit().await.unwrap();

    let mut tx = begin(&store).await;
    let stranger = Session { user: UserId(uuid::Uuid::nil()), ..session };
    let refused = tx.org(store.ours).sessions().insert(&stranger, &[9; 32]).await;
    assert!(matches!(refused, Err(StorageError::Missing(_) | StorageError::AlreadyExists(_))), "{refused:?}");
}

pub async fn who_is_removed_is_signed_out_there_and_nowhere_else(store: Store) {
    let roles = [(store.ours, Role::Owner), (store.theirs, Role::Viewer)];
    let ada = joined(&store, "ada@example.com", &roles).await;
    let mut tx = begin(&store).await;
    for (number, org) in [(1, store.ours), (2, store.theirs)] {
        tx.org(org).sessions().insert(&session(&store, org, ada.id), &[number; 32]).await.unwrap();
    }
    assert!(tx.org(store.ours).members().delete(ada.id).await.unwrap());
    assert_eq!(tx.hub().identities().session_by_hash(&[1; 32]).await.unwrap(), None);
    assert!(tx.hub().identities().session_by_hash(&[2; 32]).await.unwrap().is_some());
}

pub async fn sessions_end_one_by_one_all_at_once_and_the_oldest_first(store: Store) {
    let ada = joined(&store, "ada@example.com", &[(store.ours, Role::Owner)]).await;
    let grace = joined(&store, "grace@example.com", &[(store.ours, Role::Owner)]).await;
    let mut tx = begin(&store).await;
    let mut all = Vec::new();
    for number in 0..5 {
        let one = session(&store, store.ours, ada.id);
        tx.org(store.ours).sessions().insert(&one, &[number; 32]).await.unwrap();
        all.push(one.id);
    }
    tx.org(store.ours).sessions().insert(&session(&store, store.ours, grace.id), &[9; 32]).await.unwrap();
    let mut hub = tx.hub();
    let mut identities = hub.identities();
    assert_eq!(identities.end_session(grace.id, all[4]).await.unwrap(), None, "hers alone");
    assert_eq!(identities.end_session(ada.id, all[4]).await.unwrap(), Some(store.ours));
    assert_eq!(identities.end_session(ada.id, all[4]).await.unwrap(), None);
    assert_eq!(identities.keep_newest_sessions(ada.id, 2).await.unwrap(), 2);
    let left: Vec<SessionId> =
        identities.sessions(ada.id).await.unwrap().iter().map(|found| found.session.id).collect();
    assert_eq!(left, [all[3], all[2]]);
    assert_eq!(identities.end_sessions(ada.id).await.unwrap(), [store.ours, store.ours]);
    assert!(identities.session_by_hash(&[9; 32]).await.unwrap().is_some());
}

pub async fn a_connect_session_connects_once_and_for_its_org(store: Store) {
    let ours = connect_session(&store, store.ours);
    let openai = plugin("openai");
    let mut tx = begin(&store).await;
    tx.org(store.ours).connect_sessions().insert(&ours, &[1; 32]).await.unwrap();
    assert_eq!(tx.hub().identities().connect_session_by_hash(&[1; 32]).await.unwrap(), Some(ours.clone()));
    let mut theirs = tx.org(store.theirs);
    assert_eq!(theirs.connect_sessions().get(ours.id).await.unwrap(), None);
    assert!(!theirs.connect_sessions().settle(ours.id, &openai, store.now()).await.unwrap());
    assert!(!theirs.connect_sessions().delete(ours.id).await.unwrap());
    let mut tx_ours = tx.org(store.ours);
    assert!(tx_ours.connect_sessions().settle(ours.id, &openai, store.now()).await.unwrap());
    assert!(!tx_ours.connect_sessions().settle(ours.id, &plugin("stripe"), store.now()).await.unwrap());
    let connected = Some(Connected { plugin: openai, at: store.now() });
    assert_eq!(
        tx_ours.connect_sessions().get(ours.id).await.unwrap(),
        Some(ConnectSession { connected, ..ours.clone() })
    );
    assert!(tx_ours.connect_sessions().delete(ours.id).await.unwrap());
}

pub async fn what_has_ended_is_swept(store: Store) {
    let ada = joined(&store, "ada@example.com", &[(store.ours, Role::Owner)]).await;
    let ends = |at| Session { expires_at: at, ..session(&store, store.ours, ada.id) };
    let (ended, lives) = (ends(store.later(500)), ends(store.later(86_400_000 * 9)));
    let idle = Session { used_at: store.later(-60_000), ..ends(store.later(86_400_000 * 9)) };
    let mut tx = begin(&store).await;
    for (number, one) in [(1, &ended), (2, &lives), (3, &idle)] {
        tx.org(store.ours).sessions().insert(one, &[number; 32]).await.unwrap();
    }
    tx.org(store.ours).invitations().put(&invitation(&store, store.ours, "x@example.com"), &[4; 32]).await.unwrap();
    let connects = connect_session(&store, store.ours);
    tx.org(store.ours).connect_sessions().insert(&connects, &[5; 32]).await.unwrap();
    tx.commit().await.unwrap();
    attempt(&store, 1).await;

    let sweep = async |now, forget_before| {
        let mut tx = begin(&store).await;
        let swept = Ended { now, idle_since: store.later(-30_000), forget_before };
        let swept = tx.hub().identities().sweep(swept, 100).await.unwrap();
        tx.commit().await.unwrap();
        swept
    };
    assert_eq!(sweep(store.later(2_000), store.later(-1)).await, 2, "one session has ended, one was not used");
    let mut tx = begin(&store).await;
    assert!(tx.hub().identities().session_by_hash(&[2; 32]).await.unwrap().is_some());
    assert_eq!(tx.hub().identities().invitation_by_hash(&[4; 32]).await.unwrap(), None);
    assert!(tx.org(store.ours).connect_sessions().get(connects.id).await.unwrap().is_some(), "kept for a day");
    drop(tx);
    assert_eq!(sweep(store.later(86_400_000 + 2_000), store.later(1)).await, 1);
    let mut tx = begin(&store).await;
    assert_eq!(tx.org(store.ours).connect_sessions().get(connects.id).await.unwrap(), None);
}

pub async fn a_key_says_when_it_was_used_and_ends_when_it_is_told(store: Store) {
    let mut key = api_key(&store, store.ours);
    key.replaces = Some(ApiKeyId::new(&store.clock, &store.random));
    let mut tx = begin(&store).await;
    tx.org(store.ours).api_keys().insert(&key, &[1; 32]).await.unwrap();
    assert_eq!(tx.hub().api_key_by_hash(&[1; 32]).await.unwrap(), Some(key.clone()));
    tx.org(store.theirs).api_keys().used(key.id, store.later(5)).await.unwrap();
    assert!(!tx.org(store.theirs).api_keys().expire(key.id, store.later(5)).await.unwrap());
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.api_keys().get(key.id).await.unwrap(), Some(key.clone()));
    ours.api_keys().used(key.id, store.later(5)).await.unwrap();
    ours.api_keys().used(key.id, store.later(2)).await.unwrap();
    assert!(ours.api_keys().expire(key.id, store.later(500)).await.unwrap());
    assert!(!ours.api_keys().expire(key.id, store.later(600)).await.unwrap(), "never later");
    let found = ours.api_keys().get(key.id).await.unwrap().unwrap();
    assert_eq!((found.used_at, found.expires_at), (Some(store.later(5)), Some(store.later(500))));
    let spends = key.spends_as.unwrap();
    assert!(ours.api_keys().spenders(store.later(499)).await.unwrap().contains(&spends));
    assert!(ours.api_keys().spenders(store.later(500)).await.unwrap().is_empty(), "it has expired by then");
    ours.api_keys().revoke(key.id, store.now()).await.unwrap();
    assert!(ours.api_keys().spenders(store.now()).await.unwrap().is_empty());
    assert!(ours.api_keys().spenders(store.later(-1)).await.unwrap().contains(&spends), "it worked until now");
    assert!(!ours.api_keys().expire(key.id, store.later(1)).await.unwrap());
    assert!(tx.org(store.theirs).api_keys().spenders(store.later(0)).await.unwrap().is_empty());
}

pub async fn an_org_renames_itself_and_no_other(store: Store) {
    let mut tx = begin(&store).await;
    assert!(tx.org(store.ours).settings().rename("Ours & Sons").await.unwrap());
    assert_eq!(tx.hub().org(store.ours).await.unwrap().unwrap().name, "Ours & Sons");
    assert_eq!(tx.hub().org(store.theirs).await.unwrap().unwrap().name, "theirs");
}
