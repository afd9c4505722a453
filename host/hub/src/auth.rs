//! Who is calling: API keys, members' sessions, end users' connect sessions.
//!
//! Each is found by the HMAC of its token, so neither the database nor the cache holds a token that somebody could use.
//! What is cached is checked against the clock on each use, because it ends without anybody telling the cache; revoking
//! tells it. What a caller may do is looked up in the one table ([`patchbay_model::permission`]) when the cache is filled.

use patchbay_model::{
    ApiKeyId, Code, ConnectSessionId, Failure, OrgId, Permission, Permissions, Timestamp,
    identity::{Actor, Role},
    job::JobCaller,
    org::{ApiKey, Scope},
};
use patchbay_vault::TokenKind;

use crate::{
    hub::{Hub, Inner},
    uses::LastUse,
};

/// Somebody who proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// For which org they act.
    pub org: OrgId,
    /// Who they are.
    pub actor: Actor,
    /// What they may do.
    pub permissions: Permissions,
    /// The API key whose spend budgets they spend of, if it is a key.
    pub spends_as: Option<ApiKeyId>,
}

impl Caller {
    /// Whoever types at the hub's own machine, acting for an org: may do everything.
    #[must_use]
    pub const fn operator(org: OrgId) -> Self {
        Self { org, actor: Actor::Operator, permissions: Permissions::ALL, spends_as: None }
    }

    /// The hub of its own accord: may do nothing that needs a permission.
    pub(crate) const fn hub(org: OrgId) -> Self {
        Self { org, actor: Actor::Hub, permissions: Permissions::NONE, spends_as: None }
    }

    /// Whoever asked for a job, as they were then.
    pub(crate) const fn of_job(org: OrgId, caller: JobCaller) -> Self {
        let JobCaller { actor, permissions, spends_as } = caller;
        Self { org, actor, permissions, spends_as }
    }

    /// With which API key, if it is one.
    #[must_use]
    pub const fn key(&self) -> Option<ApiKeyId> {
        match self.actor {
            Actor::Key(key) => Some(key),
            _ => None,
        }
    }

    /// Fails if they may not do this: with `scope_missing` for an API key that another scope would help, with `forbidden`
    /// for everybody else.
    pub fn require(&self, permission: Permission) -> Result<(), Failure> {
        if self.permissions.contains(permission) { Ok(()) } else { Err(self.may_not(permission)) }
    }

    /// Fails unless they have all of these themselves: nobody gives what they do not have. `what` is what they would give.
    pub(crate) fn require_all(&self, given: Permissions, what: &str) -> Result<(), Failure> {
        match self.permissions.lacks(given).iter().next() {
            None => Ok(()),
            Some(lacking) => {
                let detail = format!("{what} may do more than you: `{}`", lacking.as_str());
                Err(Failure::new(Code::Forbidden, detail))
            }
        }
    }

    fn may_not(&self, permission: Permission) -> Failure {
        let named = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        let scopes: Vec<_> = Scope::that_give(permission).map(Scope::as_str).collect();
        let roles = Role::ALL.into_iter().filter(|role| role.permissions().contains(permission));
        let roles: Vec<_> = roles.map(Role::as_str).collect();
        if self.key().is_some() && !scopes.is_empty() {
            return Failure::new(Code::ScopeMissing, format!("this needs an API key with the scope {}", named(scopes)));
        }
        let who = match (roles.is_empty(), scopes.is_empty()) {
            (false, _) => format!("a member with the role {}", named(roles)),
            (true, false) => format!("an API key with the scope {}", named(scopes)),
            (true, true) => "a connect session".to_owned(),
        };
        Failure::new(Code::Forbidden, format!("this needs {who}"))
    }
}

/// An API key, ready to be checked.
pub(crate) struct KnownKey {
    key: ApiKey,
    permissions: Permissions,
    last_use: LastUse,
}

impl KnownKey {
    pub(crate) fn new(key: ApiKey) -> Self {
        Self { permissions: Scope::all_permissions(&key.scopes), last_use: LastUse::new(key.used_at), key }
    }
}

impl Hub {
    /// The caller behind a token (alone, without `Bearer `): an API key, a session's or a connect session's.
    /// `unauthenticated` for one that is malformed, unknown, revoked or ended; `key_expired` for a key that was good
    /// once.
    pub async fn authenticate(&self, presented: &str) -> Result<Caller, Failure> {
        match TokenKind::of(presented) {
            Some(TokenKind::ApiKey) => self.0.key_caller(presented).await,
            Some(TokenKind::Session) => Ok(self.session(presented).await?.caller()),
            Some(TokenKind::Connect) => self.0.connect_caller(presented).await,
            Some(TokenKind::Invitation) | None => Err(Failure::new(
                Code::Unauthenticated,
                "a token starts with `pb_` (an API key), `pbs_` (a session) or `pbc_` (a connect session) and goes on \
                 with 43 characters",
            )),
        }
    }
}

impl Inner {
    async fn key_caller(&self, presented: &str) -> Result<Caller, Failure> {
        let hash = self.hasher.hash(presented);
        let load = || async {
            let mut tx = self.database.read().await?;
            Ok::<_, Failure>(tx.hub().api_key_by_hash(&hash).await?.map(KnownKey::new))
        };
        let Some(known) = self.keys.get(&hash, load).await? else {
            return Err(Failure::new(Code::Unauthenticated, "there is no such API key"));
        };
        let now = self.clock.now();
        check(&known.key, now)?;
        if known.last_use.is_news(now) {
            self.uses.key(known.key.org, known.key.id, now);
        }
        Ok(Caller {
            org: known.key.org,
            actor: Actor::Key(known.key.id),
            permissions: known.permissions,
            spends_as: Some(known.key.spender()),
        })
    }

    /// Asked of the database each time: a connect session is used a few times and then no more.
    async fn connect_caller(&self, presented: &str) -> Result<Caller, Failure> {
        let hash = self.hasher.hash(presented);
        let mut tx = self.database.read().await?;
        let found = tx.hub().identities().connect_session_by_hash(&hash).await?;
        let Some(session) = found.filter(|session| session.expires_at > self.clock.now()) else {
            return Err(Failure::new(
                Code::Unauthenticated,
                "the connect session has ended, or never was: begin another",
            ));
        };
        let actor = Actor::Connect(session.id);
        Ok(Caller { org: session.org, actor, permissions: Permissions::CONNECT_SESSION, spends_as: None })
    }
}

/// The connect session that a caller acts by. Our defect if it is none: its permission is nobody else's but the operator's.
pub(crate) fn connect_session_of(caller: &Caller) -> Result<ConnectSessionId, Failure> {
    caller.require(Permission::ConnectAccount)?;
    match caller.actor {
        Actor::Connect(id) => Ok(id),
        _ => Err(Failure::new(Code::Forbidden, "this needs a connect session")),
    }
}

/// True for what could be an API key. Costs nothing, so junk never reaches the database.
pub(crate) fn looks_like_a_key(text: &str) -> bool {
    TokenKind::ApiKey.fits(text)
}

fn check(key: &ApiKey, now: Timestamp) -> Result<(), Failure> {
    if key.revoked_at.is_some() {
        return Err(Failure::new(Code::Unauthenticated, "the API key was revoked"));
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err(Failure::new(Code::KeyExpired, ""));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
