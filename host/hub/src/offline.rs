//! What the hub needs to answer a vendor while its database is away.
//!
//! A vendor that waits with a caller on the line waits for seconds, and a database that is restarted takes longer. So of
//! installations whose manifests ask for it ([`is_for`]) the hub has in memory what an answer needs: what the database said last of
//! the installation (`known.rs`), and the documents that the manifest keeps in memory (`documents.rs`). Both are read when the hub
//! starts, when they change, and every quarter of an hour (`keeper.rs`), so that nobody has to have called before. The database is
//! asked first all the same; only if it does not answer in time, what it said last counts, for an hour at most.

mod documents;
mod keeper;
mod known;

use std::time::Duration;

use patchbay_model::{Code, Failure, OrgId};
use patchbay_package::Manifest;
use patchbay_storage::StorageError;

use crate::hub::Inner;

use keeper::Wanted;
pub(crate) use keeper::start;
pub(crate) use known::{Key, Known};

/// How long the database is waited for by who knows what it said last.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// What the hub has in memory for that.
#[derive(Default)]
pub(crate) struct Offline {
    pub(crate) known: Known,
    wanted: Wanted,
}

/// What was asked of the database.
pub(crate) enum Found<T> {
    /// It says this.
    Told(Option<T>),
    /// It does not answer; this is what it said last.
    Known(T),
}

/// True for plugins whose installations are kept in memory. Tokens that are renewed are not: they change in the database.
pub(crate) fn is_for(manifest: &Manifest) -> bool {
    manifest.oauth.is_none() && (manifest.answers_offline() || manifest.kept_in_memory().next().is_some())
}

/// True for failures that pass with the database's absence.
pub(crate) fn is_away(failure: &Failure) -> bool {
    failure.code == Code::Unavailable
}

/// Asks the database; where it is known what it said last, not for long.
pub(crate) async fn or_known<T>(
    known: Option<T>,
    asking: impl Future<Output = Result<Option<T>, Failure>>,
) -> Result<Found<T>, Failure> {
    let Some(known) = known else { return asking.await.map(Found::Told) };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Err(failure)) if is_away(&failure) => Ok(Found::Known(known)),
        Ok(told) => told.map(Found::Told),
        Err(_) => Ok(Found::Known(known)),
    }
}

impl Inner {
    /// True if the database takes writes, within half a second.
    pub(crate) async fn takes_writes(&self) -> bool {
        let asking = async {
            let mut tx = self.database.begin_within(PATIENCE).await?;
            tx.hub().orgs(None, 1).await?;
            tx.rollback().await;
            Ok::<_, StorageError>(())
        };
        matches!(tokio::time::timeout(PATIENCE, asking).await, Ok(Ok(())))
    }

    /// An installation or its connection was changed: what is known of it counts no more, and is read anew soon.
    pub(crate) fn read_anew(&self, key: &Key) {
        if self.offline.known.forget(key) {
            self.offline.wanted.add(key.clone());
        }
    }

    /// The same of all of an org.
    pub(crate) fn read_org_anew(&self, org: OrgId) {
        for key in self.offline.known.forget_org(org) {
            self.offline.wanted.add(key);
        }
    }

    /// Changes may have been missed. What is known counts on where the database does not answer, and is read anew soon.
    pub(crate) fn read_all_anew(&self) {
        drop(self.kept.doubt_all());
        self.offline.wanted.add_all();
    }

    /// Another hub wrote documents that are kept in memory.
    pub(crate) fn documents_changed(&self, key: Key) {
        self.kept.doubt(&key);
        self.offline.wanted.add(key);
    }

    /// Forgets what an org had that is gone.
    pub(crate) fn forget_offline(&self, org: OrgId) {
        drop(self.offline.known.forget_org(org));
        self.kept.forget_org(org);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn manifest(with: serde_json::Value) -> Manifest {
        let mut manifest = serde_json::json!({ "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.0.0" });
        let members = with.as_object().unwrap().clone();
        manifest.as_object_mut().unwrap().extend(members);
        serde_json::from_value(manifest).unwrap()
    }

    #[test]
    fn it_is_for_who_asks_for_it_and_has_no_tokens_that_are_renewed() {
        use serde_json::json;
        let answers = json!({ "webhooks": { "body-kib": 1, "answers-offline": true } });
        let keeps = json!({ "collections": [{ "name": "menus", "schema": {}, "keep-in-memory": true }] });
        assert!(is_for(&manifest(answers)) && is_for(&manifest(keeps)));
        assert!(!is_for(&manifest(json!({ "webhooks": { "body-kib": 1 } }))));
        assert!(!is_for(&manifest(json!({ "collections": [{ "name": "calls", "schema": {} }] }))));
    }

    #[tokio::test]
    async fn what_the_database_said_last_counts_only_where_it_does_not_answer() {
        let away = || Failure::new(Code::Unavailable, "");
        let told = or_known(Some(1), ready(Ok(Some(2)))).await.unwrap();
        assert!(matches!(told, Found::Told(Some(2))));
        let gone = or_known(Some(1), ready(Ok(None))).await.unwrap();
        assert!(matches!(gone, Found::Told(None)), "it is not there any more");
        let known = or_known(Some(1), ready(Err(away()))).await.unwrap();
        assert!(matches!(known, Found::Known(1)));
        let known = or_known(Some(1), pending()).await.unwrap();
        assert!(matches!(known, Found::Known(1)), "half a second later");
        let broken = or_known(Some(1), ready(Err(Failure::internal("a stored value is not readable")))).await;
        assert!(broken.is_err_and(|failure| failure.code == Code::Internal));
        assert!(or_known::<u8>(None, ready(Err(away()))).await.is_err_and(|failure| is_away(&failure)));
    }
}
