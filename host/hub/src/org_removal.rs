//! The end of an org.
//!
//! First its data keys are destroyed, with what its callers and calls need, in one transaction: from its commit on nothing
//! of it can be read, and nothing new begins. Then its rows go in batches, so that nobody waits for one large
//! deletion, then its files, and last the org itself. What breaks off is taken up by asking for the same again, or by a hub
//! within an hour. What happened is in the hub's own log, because the org's is gone.

use std::sync::Arc;

use patchbay_model::{Code, Failure, OrgId, PluginId};
use patchbay_storage::Change;
use serde::Serialize;
use serde_json::json;

use crate::{
    audit::Actor,
    hub::{Hub, Inner},
};

/// Rows that go in one transaction.
const BATCH: u32 = 500;
/// Orgs that are deleted to their end in one round.
const ORGS: u32 = 100;

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeletedOrg {
    /// Which.
    pub org: OrgId,
    /// What it was called.
    pub name: String,
    /// How many data keys were destroyed by this; 0 if it was begun before.
    pub data_keys: u64,
    /// How many rows went in batches; what is little went with the org and is not counted.
    pub rows: u64,
    /// What was deleted is overwritten in the database's file too: SQLite, unless somebody was reading just then.
    pub erased: bool,
}

impl Hub {
    /// Deletes an org: its secrets at once and for good, its calls within a second on every hub that shares a
    /// PostgreSQL, and within a minute in another process on SQLite, then all that it has. Goes on where a former one broke
    /// off. `not_found` if there is no such org.
    pub async fn delete_org(&self, org: OrgId) -> Result<DeletedOrg, Failure> {
        let hub = &self.0;
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        tx.org(org).lock().await?;
        let Some(known) = tx.hub().org(org).await? else {
            return Err(Failure::new(Code::NotFound, "there is no such organization"));
        };
        let plugins = tx.org(org).connections().list().await?.into_iter().map(|connection| connection.plugin);
        let plugins: Vec<PluginId> = plugins.collect();
        let begun_before = tx.hub().deleting_since(org).await?.is_some();
        let data_keys = tx.operator(org).shred(now).await?;
        tx.hub().notify(Change::Org { org }).await?;
        if !begun_before {
            let detail = json!({ "name": known.name, "data_keys": data_keys });
            let entry = hub.hub_audit(Actor::Operator, "org.delete", org, detail);
            tx.hub().audit().append(&entry).await?;
        }
        tx.commit().await?;
        hub.org_left(org);
        for plugin in plugins {
            hub.refresher.forget(&(org, plugin));
        }
        // What is destroyed counts as destroyed only once it is nowhere.
        hub.database.scrub().await?;

        let mut rows = 0;
        loop {
            let mut tx = hub.database.begin().await?;
            let removed = tx.operator(org).remove_some(BATCH).await?;
            if removed == 0 {
                break;
            }
            tx.commit().await?;
            rows += removed;
            tokio::task::yield_now().await;
        }
        // While there is a row yet by which the deletion is found again, if it breaks off here.
        hub.blobs.remove_org(org).await.map_err(Failure::internal)?;
        let mut tx = hub.database.begin().await?;
        // of two hubs that come to the end at once, one says so
        if tx.operator(org).remove().await? {
            tx.hub().notify(Change::Org { org }).await?;
            let entry = hub.hub_audit(Actor::Operator, "org.deleted", org, json!({ "name": known.name, "rows": rows }));
            tx.hub().audit().append(&entry).await?;
            tx.commit().await?;
        }
        // and what a call has written in between that was still on its way
        hub.blobs.remove_org(org).await.map_err(Failure::internal)?;
        let erased = hub.database.scrub().await?;
        Ok(DeletedOrg { org, name: known.name, data_keys, rows, erased })
    }
}

impl Hub {
    /// Deletes to its end what a command or a hub that ended has begun to.
    pub(crate) async fn finish_deletions(&self) -> Result<(), Failure> {
        let begun = self.0.database.read().await?.hub().orgs_being_deleted(ORGS).await?;
        for org in begun {
            match self.delete_org(org).await {
                // whoever has begun it was faster
                Err(failure) if failure.code == Code::NotFound => {}
                done => drop(done?),
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Another hub, or this one, changed an org. Of one that is being deleted or gone, nothing may be used any more.
    pub(crate) async fn org_changed(self: &Arc<Self>, org: OrgId) -> Result<(), Failure> {
        let mut tx = self.database.read().await?;
        let gone = tx.hub().org(org).await?.is_none() || tx.hub().deleting_since(org).await?.is_some();
        drop(tx);
        if gone {
            self.org_left(org);
        }
        Ok(())
    }

    /// Another hub may have begun to delete orgs without this one being told: their calls end here too.
    pub(crate) async fn leave_orgs_being_deleted(&self) -> Result<(), Failure> {
        let begun = self.database.read().await?.hub().orgs_being_deleted(ORGS).await?;
        for org in begun {
            self.org_left(org);
        }
        Ok(())
    }

    /// Forgets all that is kept of an org, and breaks its calls off. What other orgs had cached is read anew: this is rare.
    fn org_left(&self, org: OrgId) {
        self.keys.invalidate_all();
        // they went with its members
        self.sessions.invalidate_all();
        self.tenants.invalidate_all();
        self.standings.invalidate_all();
        self.hooks.invalidate_all();
        self.runtime.stop_org(org);
        self.egress.forget_org(org);
        self.relay.forget_org(org);
        self.deliveries.forget_org(org);
        self.vault.forget(org);
        self.forget_offline(org);
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::org::Scope;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::{NewApiKey, testing::TestHub};

    #[tokio::test]
    async fn an_org_goes_with_its_keys_and_others_stay() {
        let test = TestHub::open().await;
        let (ours, theirs) = (test.org().await, test.org().await);
        let (our_key, their_key) = (test.key(&ours, &[Scope::Read]).await, test.key(&theirs, &[Scope::Read]).await);
        for _ in 0..=BATCH {
            test.run(&ours, "openai", None).await;
        }
        test.hub.authenticate(our_key.expose_secret()).await.unwrap();
        let deleted = test.hub.delete_org(ours.id).await.unwrap();
        // The runs, and what counts them.
        assert_eq!((deleted.rows, deleted.name.as_str()), (u64::from(BATCH) + 1 + 1, "Acme"));
        // PostgreSQL keeps former rows until its vacuum.
        assert_eq!(deleted.erased, test.database.is_none());
        let refused = test.hub.authenticate(our_key.expose_secret()).await.unwrap_err();
        assert_eq!(refused.code, Code::Unauthenticated);
        test.hub.authenticate(their_key.expose_secret()).await.unwrap();
        assert_eq!(test.hub.delete_org(ours.id).await.unwrap_err().code, Code::NotFound);
    }

    #[tokio::test]
    async fn its_end_is_in_the_hubs_own_log() {
        let test = TestHub::open().await;
        let org = test.org().await;
        test.hub.delete_org(org.id).await.unwrap();
        let mut tx = test.hub.0.database.read().await.unwrap();
        let lines = tx.hub().audit().after(0, 10).await.unwrap();
        let told: Vec<_> = lines.iter().map(|line| (line.entry.action.as_str(), line.entry.subject.clone())).collect();
        let id = org.id.to_string();
        assert_eq!(told, [("org.create", id.clone()), ("org.delete", id.clone()), ("org.deleted", id)]);
    }

    #[tokio::test]
    async fn two_that_delete_an_org_at_once_tell_of_one_end() {
        let test = TestHub::open().await;
        let org = test.org().await;
        for _ in 0..=BATCH {
            test.run(&org, "openai", None).await;
        }
        let (first, second) = tokio::join!(test.hub.delete_org(org.id), test.hub.delete_org(org.id));
        for done in [first, second] {
            assert!(done.as_ref().is_ok() || done.as_ref().is_err_and(|failure| failure.code == Code::NotFound));
        }
        let mut tx = test.hub.0.database.read().await.unwrap();
        let lines = tx.hub().audit().after(0, 10).await.unwrap();
        let told: Vec<_> = lines.iter().map(|line| line.entry.action.as_str()).collect();
        assert_eq!(told, ["org.create", "org.delete", "org.deleted"]);
    }

    #[tokio::test]
    async fn a_deletion_whose_files_could_not_be_removed_is_found_again_and_goes_on() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let hub = &test.hub.0;
        let folder = hub.config.data_dir.join("blobs").join(org.id.to_string());
        // A file in the place of the folder.
        std::fs::write(&folder, "in the way").unwrap();
        test.hub.delete_org(org.id).await.unwrap_err();
        std::fs::remove_file(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("a file"), "of the org").unwrap();
        test.hub.finish_deletions().await.unwrap();
        assert!(!folder.exists());
        let mut tx = hub.database.read().await.unwrap();
        assert!(tx.hub().org(org.id).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_deletion_that_broke_off_goes_on_and_nothing_is_added_meanwhile() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let run = test.run(&org, "openai", None).await;
        let hub = &test.hub.0;
        let mut tx = hub.database.begin().await.unwrap();
        tx.operator(org.id).shred(hub.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let new = NewApiKey { name: "late".to_owned(), scopes: vec![Scope::Read], ..NewApiKey::default() };
        assert_eq!(test.hub.create_api_key(org.id, new).await.unwrap_err().code, Code::NotFound);
        test.hub.finish_deletions().await.unwrap();
        let mut tx = hub.database.read().await.unwrap();
        assert!(tx.org(org.id).runs().get(run.id).await.unwrap().is_none());
        assert!(tx.hub().org(org.id).await.unwrap().is_none());
    }
}
