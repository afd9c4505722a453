//! Who asked for an authorization: what a person at a browser is told of them, and whether they may still have it.
//!
//! Minutes pass between the wish and the vendor's answer. A key that was revoked meanwhile, has expired or lost its scope
//! connects nothing any more, nor does somebody who left or a connect session that has ended; so it is looked at again at each
//! step, in the database and not in a cache.

use patchbay_model::{
    ApiKeyId, Code, ConnectSessionId, Failure, Permission, Timestamp, UserId,
    identity::Actor,
    org::{ApiKey, Scope},
};
use patchbay_storage::OrgTx;

/// Somebody who asked, and may have it now.
#[derive(Debug)]
pub(super) struct Asker {
    /// For the audit log.
    pub(super) actor: Actor,
    /// For people; none for the link to reconnect, which nobody asked for, and for end users, who ask for themselves.
    pub(super) name: Option<String>,
}

/// Who asked, by the text that was kept of them. `conflict` if they may not connect accounts any more.
pub(super) async fn asker(tx: &mut OrgTx<'_>, asked_by: &str, now: Timestamp) -> Result<Asker, Failure> {
    let actor = asked_by.parse().map_err(|_| may_not("who asked for this is not known"))?;
    let name = match actor {
        Actor::Key(id) => Some(key(tx, id, now).await?),
        Actor::Member(id) => Some(member(tx, id).await?),
        Actor::Connect(id) => end_user(tx, id, now).await.map(|()| None)?,
        Actor::Operator => Some("the operator of the hub".to_owned()),
        Actor::ReconnectLink => None,
        Actor::Hub => return Err(may_not("the hub asks for nothing of its own accord")),
    };
    Ok(Asker { actor, name })
}

async fn key(tx: &mut OrgTx<'_>, id: ApiKeyId, now: Timestamp) -> Result<String, Failure> {
    let known = tx.api_keys().get(id).await?;
    let key = known.ok_or_else(|| may_not("the API key that asked for this is gone"))?;
    check(&key, now)?;
    Ok(format!("the API key “{}”", key.name))
}

fn check(key: &ApiKey, now: Timestamp) -> Result<(), Failure> {
    if key.revoked_at.is_some() {
        return Err(may_not("the API key that asked for this was revoked"));
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err(may_not("the API key that asked for this has expired"));
    }
    if !Scope::all_permissions(&key.scopes).contains(Permission::ManageConnections) {
        return Err(may_not("the API key that asked for this may not connect accounts any more"));
    }
    Ok(())
}

async fn member(tx: &mut OrgTx<'_>, id: UserId) -> Result<String, Failure> {
    let known = tx.members().get(id).await?;
    let member = known.ok_or_else(|| may_not("who asked for this is no member of the organization any more"))?;
    if !member.role.permissions().contains(Permission::ManageConnections) {
        return Err(may_not("the member who asked for this may not connect accounts any more"));
    }
    Ok(member.name)
}

async fn end_user(tx: &mut OrgTx<'_>, id: ConnectSessionId, now: Timestamp) -> Result<(), Failure> {
    let known = tx.connect_sessions().get(id).await?;
    let session = known.filter(|session| session.expires_at > now);
    let session = session.ok_or_else(|| may_not("the connect session that this was begun in has ended"))?;
    if session.connected.is_some() {
        return Err(may_not("the connect session has connected an account already"));
    }
    Ok(())
}

fn may_not(why: &str) -> Failure {
    Failure::new(Code::Conflict, format!("{why}: ask for it again"))
}
