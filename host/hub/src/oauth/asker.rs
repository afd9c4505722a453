//! Who asked for an authorization: what a person at a browser is told of them, and whether they may still have it.
//!
//! Minutes pass between the wish and the vendor's answer. A key that was revoked meanwhile, has expired or lost its scope
//! connects nothing any more; so it is looked at again at each step, in the database and not in a cache.

use patchbay_model::{ApiKeyId, Code, Failure, Timestamp, org::ApiKey, org::Scope};
use patchbay_storage::OrgTx;

use crate::audit::Actor;

/// What an authorization by the link to reconnect says of who asked for it.
pub(super) const RECONNECT: &str = "reconnect-link";

/// Somebody who asked, and may have it now.
#[derive(Debug)]
pub(super) struct Asker {
    /// For the audit log.
    pub(super) actor: Actor,
    /// For people; none for the link to reconnect, which nobody asked for.
    pub(super) name: Option<String>,
}

/// Who asked, by the text that was kept of them. `conflict` if they may not connect accounts any more.
pub(super) async fn asker(tx: &mut OrgTx<'_>, asked_by: &str, now: Timestamp) -> Result<Asker, Failure> {
    if asked_by == RECONNECT {
        return Ok(Asker { actor: Actor::ReconnectLink, name: None });
    }
    let id: ApiKeyId = asked_by.parse().map_err(|_| may_not("is not known"))?;
    let key = tx.api_keys().get(id).await?.ok_or_else(|| may_not("is gone"))?;
    check(&key, now)?;
    Ok(Asker { actor: Actor::Key(id), name: Some(format!("the API key “{}”", key.name)) })
}

fn check(key: &ApiKey, now: Timestamp) -> Result<(), Failure> {
    if key.revoked_at.is_some() {
        return Err(may_not("was revoked"));
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err(may_not("has expired"));
    }
    if !key.scopes.contains(&Scope::Admin) {
        return Err(may_not("has no scope `admin`"));
    }
    Ok(())
}

fn may_not(why: &str) -> Failure {
    Failure::new(Code::Conflict, format!("the API key that asked for this {why}: ask for it again with another one"))
}
