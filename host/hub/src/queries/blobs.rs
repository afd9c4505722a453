//! Files that plugins stored.

use patchbay_model::{BlobId, Failure, Permission, record::Blob};
use patchbay_runtime::BodyStream;

use super::not_found;
use crate::{auth::Caller, hub::Hub};

impl Hub {
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
    use patchbay_model::Code;

    use super::*;
    use crate::testing::TestHub;

    #[tokio::test]
    async fn a_file_is_its_orgs_alone() {
        let test = TestHub::open().await;
        let (ours, theirs) = (test.org().await, test.org().await);
        let (our_caller, their_caller) = (test.caller(&ours).await, test.caller(&theirs).await);
        let hub = &*test.hub.0;
        let blob = Blob {
            id: BlobId::new(&*hub.clock, &*hub.random),
            org: ours.id,
            plugin: "calls".parse().unwrap(),
            content_type: "audio/mpeg".to_owned(),
            size: 4,
            sha256: "aa".repeat(32),
            created_at: hub.clock.now(),
        };
        let mut tx = hub.database.begin().await.unwrap();
        tx.org(ours.id).blobs().insert(&blob).await.unwrap();
        tx.commit().await.unwrap();
        let folder = hub.config.data_dir.join("blobs").join(ours.id.to_string()).join("aa");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(&blob.sha256), "data").unwrap();

        let (found, bytes) = test.hub.blob(&our_caller, blob.id).await.unwrap();
        let chunks: Vec<_> = bytes.map(Result::unwrap).collect().await;
        assert_eq!((found, chunks.concat()), (blob.clone(), b"data".to_vec()));
        assert_eq!(test.hub.blob(&their_caller, blob.id).await.err().unwrap().code, Code::NotFound);
    }
}
