//! Files that plugins stored.

mod link;

use chrono::{DateTime, Duration};
use patchbay_model::{BlobId, Code, Failure, Permission, Timestamp, record::Blob};
use patchbay_runtime::BodyStream;
use serde_json::json;

use self::link::Link;
use super::not_found;
use crate::{auth::Caller, hub::Hub};

/// The longest that a link leads to a file, in seconds; also how long if nothing else is said.
const MOST_LINK_S: u32 = 86_400;

/// A link to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobLink {
    /// Leads to the file without a key.
    pub url: String,
    /// Until then.
    pub expires_at: Timestamp,
}

impl Hub {
    /// A link that leads to a file of the org without a key, for so many seconds: 1 to 86,400, which is also what it is if nothing
    /// is said. It is not kept, and leads nowhere once the file is deleted. Needs the permission `read_activity`; `not_found` for
    /// another org's file, `invalid_input` for another number of seconds. It is in the audit log who made one.
    pub async fn link_blob(
        &self,
        caller: &Caller,
        blob: BlobId,
        expires_in_s: Option<u32>,
    ) -> Result<BlobLink, Failure> {
        caller.require(Permission::ReadActivity)?;
        let seconds = expires_in_s.unwrap_or(MOST_LINK_S);
        if !(1..=MOST_LINK_S).contains(&seconds) {
            return Err(Failure::violation("/expires_in_s", format!("1 to {MOST_LINK_S}")));
        }
        let hub = &*self.0;
        let until = hub.clock.now() + Duration::seconds(seconds.into());
        // whole seconds, as the link says it
        let expires_at = DateTime::from_timestamp(until.timestamp(), 0).unwrap_or(until);
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        if ours.blobs().find(blob).await?.is_none() {
            return Err(not_found("blob"));
        }
        let entry = hub.audit(caller.org, caller.actor, "blob.link", blob, json!({ "expires_at": expires_at }));
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        let link = Link { org: caller.org, blob, expires_at };
        Ok(BlobLink { url: link.url(&hub.config.public_url, &hub.hasher), expires_at })
    }

    /// The file that a link leads to, with its bytes. `not_found` for a link that the hub did not make, that is over, or whose
    /// file is gone.
    pub async fn linked_blob(&self, link: &str) -> Result<(Blob, BodyStream), Failure> {
        let hub = &*self.0;
        let link = Link::check(link, &hub.hasher, hub.clock.now());
        let link =
            link.ok_or_else(|| Failure::new(Code::NotFound, "the link is over, or was never good: ask for a new one"))?;
        let found = {
            let mut tx = hub.database.read().await?;
            tx.org(link.org).blobs().find(link.blob).await?.ok_or_else(|| not_found("file"))?
        };
        let bytes = hub.blobs.open(link.org, &found.sha256).await.map_err(Failure::internal)?;
        Ok((found, bytes))
    }

    /// A file of the org, of whichever plugin, with its bytes; `not_found` for another org's. Needs the permission `read_activity`.
    pub async fn blob(&self, caller: &Caller, blob: BlobId) -> Result<(Blob, BodyStream), Failure> {
        caller.require(Permission::ReadActivity)?;
        let hub = &*self.0;
        let found = {
            let mut tx = hub.database.read().await?;
            tx.org(caller.org).blobs().find(blob).await?.ok_or_else(|| not_found("blob"))?
        };
        let bytes = hub.blobs.open(caller.org, &found.sha256).await.map_err(Failure::internal)?;
        Ok((found, bytes))
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use patchbay_model::OrgId;

    use super::*;
    use crate::testing::TestHub;

    /// A file of this org, with four bytes.
    async fn stored(test: &TestHub, org: OrgId) -> Blob {
        let hub = &*test.hub.0;
        let blob = Blob {
            id: BlobId::new(&*hub.clock, &*hub.random),
            org,
            plugin: "calls".parse().unwrap(),
            content_type: "audio/mpeg".to_owned(),
            size: 4,
            sha256: "aa".repeat(32),
            created_at: hub.clock.now(),
        };
        let mut tx = hub.database.begin().await.unwrap();
        tx.org(org).blobs().insert(&blob).await.unwrap();
        tx.commit().await.unwrap();
        let folder = hub.config.data_dir.join("blobs").join(org.to_string()).join("aa");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(&blob.sha256), "data").unwrap();
        blob
    }

    #[tokio::test]
    async fn a_file_is_its_orgs_alone() {
        let test = TestHub::open().await;
        let (ours, theirs) = (test.org().await, test.org().await);
        let (our_caller, their_caller) = (test.caller(&ours).await, test.caller(&theirs).await);
        let blob = stored(&test, ours.id).await;
        let (found, bytes) = test.hub.blob(&our_caller, blob.id).await.unwrap();
        let chunks: Vec<_> = bytes.map(Result::unwrap).collect().await;
        assert_eq!((found, chunks.concat()), (blob.clone(), b"data".to_vec()));
        assert_eq!(test.hub.blob(&their_caller, blob.id).await.err().unwrap().code, Code::NotFound);
    }
    #[tokio::test]
    async fn a_link_needs_no_key_and_ends_with_its_time_or_its_file() {
        let test = TestHub::open().await;
        let (ours, theirs) = (test.org().await, test.org().await);
        let (our_caller, their_caller) = (test.caller(&ours).await, test.caller(&theirs).await);
        let blob = stored(&test, ours.id).await;
        assert_eq!(test.hub.link_blob(&their_caller, blob.id, None).await.unwrap_err().code, Code::NotFound);
        for wrong in [0, 86_401] {
            let refused = test.hub.link_blob(&our_caller, blob.id, Some(wrong)).await.unwrap_err();
            assert_eq!(refused.code, Code::InvalidInput);
        }
        let link = test.hub.link_blob(&our_caller, blob.id, Some(60)).await.unwrap();
        let text = link.url.rsplit_once("/files/").unwrap().1.to_owned();
        let (found, bytes) = test.hub.linked_blob(&text).await.unwrap();
        let chunks: Vec<_> = bytes.map(Result::unwrap).collect().await;
        assert_eq!((found, chunks.concat()), (blob.clone(), b"data".to_vec()));
        // that of another org does not become one by its name
        let forged = text.replacen(&ours.id.to_string(), &theirs.id.to_string(), 1);
        assert_eq!(test.hub.linked_blob(&forged).await.err().unwrap().code, Code::NotFound);

        let hub = &*test.hub.0;
        let mut tx = hub.database.begin().await.unwrap();
        assert!(tx.org(ours.id).blobs().delete(&blob.plugin, blob.id).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(test.hub.linked_blob(&text).await.err().unwrap().code, Code::NotFound);
    }
}
