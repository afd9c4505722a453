//! Sessions of members: how they begin, are known again, move and end.

use patchbay_model::{
    Code, Failure, OrgId, SessionId, Timestamp, UserId,
    identity::{Actor, Membership, Role, Session, SignInMethod, User},
    org::Org,
};
use patchbay_storage::{Change, FoundSession, Tx};
use patchbay_vault::TokenKind;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{Client, IDLE, LONGEST};
use crate::{
    audit::Entries,
    auth::Caller,
    hub::{Hub, Inner},
    queries::not_found,
    uses::LastUse,
};

/// How many sessions a user has at once; the oldest give way.
const MOST: u32 = 50;

/// A member whose session was good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// What the member is in the session's org.
    pub role: Role,
}

impl SignedIn {
    /// The member as a caller.
    #[must_use]
    pub const fn caller(&self) -> Caller {
        Caller {
            org: self.session.org,
            actor: Actor::Member(self.session.user),
            permissions: self.role.permissions(),
            spends_as: None,
        }
    }
}

/// A session that has just begun. The token is given here and never again.
#[derive(Debug)]
pub struct NewSession {
    /// To be presented with each request.
    pub token: SecretString,
    /// The session.
    pub signed_in: SignedIn,
    /// It took the place of older ones, which caches may still have.
    pub replaces_others: bool,
}

/// A caller, as told to themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhoAmI {
    /// Who and with what rights.
    pub caller: Caller,
    /// For which org.
    pub org: Org,
    /// The member's session, if it is one.
    pub session: Option<SignedIn>,
    /// The member.
    pub user: Option<User>,
    /// The orgs that they could act in.
    pub memberships: Vec<Membership>,
}

/// A session, ready to be checked.
pub(crate) struct LiveSession {
    found: FoundSession,
    last_use: LastUse,
}

impl LiveSession {
    fn new(found: FoundSession) -> Self {
        Self { last_use: LastUse::new(Some(found.session.used_at)), found }
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        let idle_since = (now - IDLE).timestamp_micros();
        self.found.session.expires_at <= now || self.last_use.micros() <= idle_since
    }
}

impl Hub {
    /// The session behind a token. `unauthenticated` if there is none or if it has ended.
    pub async fn session(&self, token: &str) -> Result<SignedIn, Failure> {
        let hub = &*self.0;
        let ended = || Failure::new(Code::Unauthenticated, "the session has ended, or never was: sign in again");
        if !TokenKind::Session.fits(token) {
            return Err(ended());
        }
        let hash = hub.hasher.hash(token);
        let load = || async {
            let mut tx = hub.database.read().await?;
            Ok::<_, Failure>(tx.hub().identities().session_by_hash(&hash).await?.map(LiveSession::new))
        };
        let live = hub.sessions.get(&hash, load).await?.ok_or_else(ended)?;
        let now = hub.clock.now();
        if live.has_ended(now) {
            return Err(ended());
        }
        let FoundSession { session, role } = &live.found;
        if live.last_use.is_news(now) {
            hub.uses.session(session.org, session.id, now);
        }
        Ok(SignedIn { session: session.clone(), role: *role })
    }

    /// Tells a caller who they are. `session` is theirs, if they are a member.
    pub async fn who_am_i(&self, caller: &Caller, session: Option<SignedIn>) -> Result<WhoAmI, Failure> {
        let mut tx = self.0.database.read().await?;
        let org = tx.hub().org(caller.org).await?.ok_or_else(|| not_found("organization"))?;
        let (mut user, mut memberships) = (None, Vec::new());
        if let Some(SignedIn { session, .. }) = &session {
            let mut hub = tx.hub();
            user = hub.identities().user(session.user).await?.map(|found| found.user);
            memberships = hub.identities().memberships(session.user).await?;
        }
        Ok(WhoAmI { caller: *caller, org, session, user, memberships })
    }

    /// A member's own sessions in all orgs, the newest first, without those that have ended.
    pub async fn sessions(&self, signed_in: &SignedIn) -> Result<Vec<SignedIn>, Failure> {
        let now = self.0.clock.now();
        let mut tx = self.0.database.read().await?;
        let found = tx.hub().identities().sessions(signed_in.session.user).await?;
        let good = found.into_iter().filter(|found| !LiveSession::new(found.clone()).has_ended(now));
        Ok(good.map(|FoundSession { session, role }| SignedIn { session, role }).collect())
    }

    /// Ends one of a member's own sessions, this one too. `not_found` for anybody else's.
    pub async fn end_session(&self, signed_in: &SignedIn, id: SessionId) -> Result<(), Failure> {
        let hub = &*self.0;
        let user = signed_in.session.user;
        let mut tx = hub.database.begin().await?;
        let ended = tx.hub().identities().end_session(user, id).await?;
        let org = ended.ok_or_else(|| not_found("session"))?;
        let entry = hub.audit(org, Actor::Member(user), "session.end", id, json!({}));
        tx.org(org).audit().append(&entry).await?;
        tx.hub().notify(Change::Member { org, user }).await?;
        tx.commit().await?;
        hub.sessions.invalidate_all();
        Ok(())
    }

    /// Begins a session in another org in the place of this one, which ends. It ends no later than this one would have.
    /// `not_found` for an org that the user is no member of.
    pub async fn switch_org(&self, signed_in: &SignedIn, org: OrgId, client: &Client) -> Result<NewSession, Failure> {
        let hub = &*self.0;
        let SignedIn { session, .. } = signed_in;
        let mut tx = hub.database.begin().await?;
        let memberships = tx.hub().identities().memberships(session.user).await?;
        let membership = memberships.into_iter().find(|membership| membership.org == org);
        let membership = membership.ok_or_else(|| not_found("organization"))?;
        // whoever ends a session at the same time has ended this one too
        if tx.hub().identities().end_session(session.user, session.id).await?.is_none() {
            return Err(Failure::new(Code::Unauthenticated, "the session has ended: sign in again"));
        }
        let new = hub.begin_session(&mut tx, session.user, &membership, session.method, client).await?;
        let new = hub.ending_by(new, session.expires_at);
        let mut entries = Entries::default();
        hub.store_session(&mut tx, &mut entries, &new).await?;
        let (from, user) = (session.org, session.user);
        let detail = json!({ "switched_to": org });
        entries.push(hub.audit(from, Actor::Member(user), "session.end", session.id, detail));
        tx.hub().notify(Change::Member { org: from, user }).await?;
        entries.append(&mut tx).await?;
        tx.commit().await?;
        hub.sessions.invalidate_all();
        Ok(new)
    }
}

impl Inner {
    /// A session that is not stored yet.
    pub(crate) async fn begin_session(
        &self,
        tx: &mut Tx,
        user: UserId,
        membership: &Membership,
        method: SignInMethod,
        client: &Client,
    ) -> Result<NewSession, Failure> {
        let now = self.clock.now();
        let session = Session {
            id: SessionId::new(&*self.clock, &*self.random),
            org: membership.org,
            user,
            method,
            user_agent: client.user_agent(),
            address: client.address.map(|address| address.to_canonical().to_string()),
            created_at: now,
            used_at: now,
            expires_at: now + LONGEST,
        };
        // one less than there may be: this one is coming
        let replaces_others = tx.hub().identities().keep_newest_sessions(user, MOST - 1).await? > 0;
        if replaces_others {
            tx.hub().notify(Change::Member { org: membership.org, user }).await?;
        }
        let signed_in = SignedIn { session, role: membership.role };
        Ok(NewSession { token: TokenKind::Session.generate(&*self.random), signed_in, replaces_others })
    }

    fn ending_by(&self, mut new: NewSession, latest: Timestamp) -> NewSession {
        let session = &mut new.signed_in.session;
        session.expires_at = session.expires_at.min(latest);
        new
    }

    /// Stores a session; its audit entry is the caller's to append.
    pub(crate) async fn store_session(
        &self,
        tx: &mut Tx,
        entries: &mut Entries,
        new: &NewSession,
    ) -> Result<(), Failure> {
        let SignedIn { session, role } = &new.signed_in;
        let hash = self.hasher.hash(new.token.expose_secret());
        let detail = json!({
            "method": session.method, "role": role, "address": session.address, "expires_at": session.expires_at,
        });
        entries.push(self.audit(session.org, Actor::Member(session.user), "session.create", session.id, detail));
        Ok(tx.org(session.org).sessions().insert(session, &hash).await?)
    }

    /// Chooses the org that a session acts in: the one that was asked for, or else the oldest. `forbidden` for somebody who is
    /// a member of none, or not of that one.
    pub(crate) fn choose(memberships: Vec<Membership>, wanted: Option<OrgId>) -> Result<Membership, Failure> {
        let any = !memberships.is_empty();
        let found = memberships.into_iter().find(|membership| wanted.is_none_or(|org| membership.org == org));
        found.ok_or_else(|| {
            let detail = if any {
                "you are not a member of that organization"
            } else {
                "you are a member of no organization: ask for an invitation"
            };
            Failure::new(Code::Forbidden, detail)
        })
    }
}
