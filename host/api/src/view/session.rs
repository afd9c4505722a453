//! Sessions, and who somebody is.

use patchbay_hub::{SignedIn, WhoAmI};
use patchbay_model::{
    OrgId, Permissions, SessionId, Timestamp, UserId,
    identity::{self, Role, SignInMethod},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Org;

/// A member who signed in, in one org. The token never comes out again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Its id.
    #[schema(value_type = String, example = "ses_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: SessionId,
    /// In which org it acts.
    #[schema(value_type = String)]
    org: OrgId,
    /// Who.
    #[schema(value_type = String)]
    user: UserId,
    /// What they are there.
    #[schema(value_type = String, example = "admin")]
    role: Role,
    /// How they signed in: `password` or `oidc`.
    #[schema(value_type = String, example = "password")]
    method: SignInMethod,
    /// What their program calls itself.
    user_agent: Option<String>,
    /// From where they signed in.
    address: Option<String>,
    /// When they did.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last used, to a minute or so. It ends when it is not used for 12 hours.
    #[schema(value_type = String, format = DateTime)]
    used_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<SignedIn> for Session {
    fn from(signed_in: SignedIn) -> Self {
        let SignedIn { session, role } = signed_in;
        let identity::Session { id, org, user, method, user_agent, address, created_at, used_at, expires_at } = session;
        Self { id, org, user, role, method, user_agent, address, created_at, used_at, expires_at }
    }
}

/// A session that has just begun.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionReply {
    /// The session.
    pub(crate) session: Session,
    /// Its token, if it was asked for; else it is in a cookie. It is shown only now.
    #[schema(example = "pbs_…")]
    pub(crate) token: Option<String>,
}

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Identity {
    /// Who it is in the audit log: a key's, a user's or a connect session's id.
    actor: String,
    /// For which org.
    org: Org,
    /// What they may do.
    #[schema(value_type = Vec<String>, example = json!(["call_actions", "read_activity"]))]
    permissions: Permissions,
    /// The member's session.
    session: Option<Session>,
    /// The member.
    user: Option<User>,
    /// The orgs that they could act in.
    memberships: Vec<Membership>,
}

/// Somebody with an account on the hub.
#[derive(Debug, Serialize, ToSchema)]
struct User {
    /// Their id.
    #[schema(value_type = String)]
    id: UserId,
    /// Their e-mail address.
    email: String,
    /// What people call them.
    name: String,
}

/// An org that somebody is a member of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Membership {
    /// Which.
    #[schema(value_type = String)]
    org: OrgId,
    /// What it is called.
    name: String,
    /// What they are there.
    #[schema(value_type = String, example = "member")]
    role: Role,
}

impl From<identity::Membership> for Membership {
    fn from(membership: identity::Membership) -> Self {
        let identity::Membership { org, name, role } = membership;
        Self { org, name, role }
    }
}

impl From<WhoAmI> for Identity {
    fn from(who: WhoAmI) -> Self {
        let WhoAmI { caller, org, session, user, memberships } = who;
        let user = user.map(|identity::User { id, email, name, .. }| User { id, email, name });
        Self {
            actor: caller.actor.to_string(),
            org: org.into(),
            permissions: caller.permissions,
            session: session.map(Session::from),
            user,
            memberships: super::all(memberships),
        }
    }
}
