//! Organizations: made at the command line, so without a caller; looked at and renamed by whoever may.

use patchbay_model::{Code, Failure, OrgId, Permission, org::Org};
use patchbay_storage::{Change, Tx};
use serde_json::json;

use crate::{
    audit::Actor,
    auth::Caller,
    hub::Hub,
    queries::{Page, Size},
};

impl Hub {
    /// Makes an org. `invalid_input` unless the name has 1 to 200 characters.
    pub async fn create_org(&self, name: &str) -> Result<Org, Failure> {
        let hub = &*self.0;
        check_name(name, 200)?;
        let id = OrgId::new(&*hub.clock, &*hub.random);
        let org = Org { id, name: name.to_owned(), created_at: hub.clock.now() };
        let entry = hub.audit(id, Actor::Operator, "org.create", id, json!({ "name": name }));
        let beside = hub.hub_audit(Actor::Operator, "org.create", id, json!({ "name": name }));
        let mut tx = hub.database.begin().await?;
        tx.hub().insert_org(&org).await?;
        tx.org(id).audit().append(&entry).await?;
        tx.hub().audit().append(&beside).await?;
        tx.commit().await?;
        Ok(org)
    }

    /// The oldest org of this name. Names are not unique; this is for commands that run again.
    pub async fn org_named(&self, name: &str) -> Result<Option<Org>, Failure> {
        org_named(&mut self.0.database.read().await?, name).await
    }

    /// All orgs, the oldest first: for the operator, so without a caller. At most 200 at once, 50 if not said.
    pub async fn all_orgs(&self, after: Option<OrgId>, limit: Option<u32>) -> Result<Page<Org>, Failure> {
        let size = Size::new(limit)?;
        let mut tx = self.0.database.read().await?;
        let orgs = tx.hub().orgs(after, size.and_one()).await?;
        Ok(size.page(orgs, |org| org.id.to_string()))
    }

    /// The caller's org. Needs the permission `read_settings`.
    pub async fn org(&self, caller: &Caller) -> Result<Org, Failure> {
        caller.require(Permission::ReadSettings)?;
        let mut tx = self.0.database.read().await?;
        tx.hub().org(caller.org).await?.ok_or_else(no_org)
    }

    /// Gives the caller's org another name. Needs the permission `manage_org`; `invalid_input` unless it has 1 to 200
    /// characters.
    pub async fn rename_org(&self, caller: &Caller, name: &str) -> Result<Org, Failure> {
        caller.require(Permission::ManageOrg)?;
        let hub = &*self.0;
        check_name(name, 200)?;
        let mut tx = hub.database.begin().await?;
        let before = tx.hub().org(caller.org).await?.ok_or_else(no_org)?;
        let detail = json!({ "old": { "name": before.name }, "new": { "name": name } });
        let entry = hub.audit(caller.org, caller.actor, "org.rename", caller.org, detail);
        tx.org(caller.org).settings().rename(name).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.hub().notify(Change::Org { org: caller.org }).await?;
        tx.commit().await?;
        Ok(Org { name: name.to_owned(), ..before })
    }
}

/// The oldest org of a name.
pub(crate) async fn org_named(tx: &mut Tx, name: &str) -> Result<Option<Org>, Failure> {
    let mut after = None;
    loop {
        let orgs = tx.hub().orgs(after, 1000).await?;
        let Some(last) = orgs.last() else { return Ok(None) };
        after = Some(last.id);
        if let Some(org) = orgs.into_iter().find(|org| org.name == name) {
            return Ok(Some(org));
        }
    }
}

fn no_org() -> Failure {
    Failure::new(Code::NotFound, "there is no such organization")
}

/// `invalid_input` at `/name` unless it is 1 to so many characters.
pub(crate) fn check_name(name: &str, most: usize) -> Result<(), Failure> {
    check_text("/name", name, most)
}

/// `invalid_input` at this place unless it is 1 to so many characters.
pub(crate) fn check_text(pointer: &str, text: &str, most: usize) -> Result<(), Failure> {
    let length = text.chars().count();
    if (1..=most).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Failure::violation(pointer, format!("1 to {most} characters without control characters")))
}
