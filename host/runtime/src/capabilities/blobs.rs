//! Files. The row says whose a file is; the bytes are on disk, by content.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use patchbay_model::{BlobId, record::Blob};
use wasmtime::component::Resource;

use super::{
    HostError, invalid,
    source::{BodyStream, Source},
};
use crate::{
    bindings::{
        blobs::{self as contract, Host},
        types::Error,
    },
    blob_store::StoreError,
    call::CallState,
};

pub(super) fn failed(error: StoreError) -> HostError {
    match error {
        StoreError::TooLarge(limit) => {
            HostError::Guest(Error::Exhausted(format!("a file may have at most {limit} bytes")))
        }
        StoreError::Full(_) => HostError::Guest(Error::Exhausted(error.to_string())),
        StoreError::Source(error) => HostError::Guest(Error::Unavailable(format!("the source broke off: {error}"))),
        StoreError::Disk(error) => {
            tracing::error!(error.r#type = "blob_store", %error, "a host call failed");
            HostError::Guest(Error::Unavailable("the hub's blob store".to_owned()))
        }
    }
}

fn describe(blob: &Blob) -> contract::Blob {
    contract::Blob {
        id: blob.id.to_string(),
        size: blob.size,
        content_type: blob.content_type.clone(),
        sha256: blob.sha256.clone(),
    }
}

impl CallState {
    /// How much more the org may keep.
    async fn room(&mut self) -> Result<u64, HostError> {
        let (_place, mut tx) = self.reading().await?;
        let kept = tx.org(self.tenant.org).blobs().total_bytes().await?;
        self.services.blobs.room(kept, 0).map_err(failed)
    }

    async fn keep(&mut self, content_type: String, body: BodyStream) -> Result<contract::Blob, HostError> {
        let (org, services) = (self.tenant.org, Arc::clone(&self.services));
        let room = self.room().await?;
        let received = services.blobs.receive(room, body).await.map_err(failed)?;
        let _lock = services.blobs.lock(org).await;
        let _turn = services.blobs.turn().await;
        let (_place, mut tx) = self.writing().await?;
        // other hubs' too
        tx.org(org).lock().await?;
        // others may have kept something meanwhile
        let kept = tx.org(org).blobs().total_bytes().await?;
        services.blobs.room(kept, received.stored.size).map_err(failed)?;
        let (stored, file) = services.blobs.place(org, received).await.map_err(failed)?;
        let blob = Blob {
            id: BlobId::new(&*services.clock, &*services.random),
            org,
            plugin: self.grants.plugin.clone(),
            content_type,
            size: stored.size,
            sha256: stored.sha256,
            created_at: services.clock.now(),
        };
        tx.org(org).blobs().insert(&blob).await?;
        // Before the commit: a file too many is better than a row without one.
        file.claim();
        tx.commit().await?;
        Ok(describe(&blob))
    }
}

fn check_type(content_type: &str) -> Result<(), HostError> {
    if content_type.len() > 256 || !content_type.contains('/') || content_type.contains(char::is_control) {
        return Err(invalid("/content-type", "a media type, as in audio/mpeg"));
    }
    Ok(())
}

impl Host for CallState {
    async fn put(&mut self, content_type: String, body: Resource<Source>) -> Result<contract::Blob, HostError> {
        self.enter()?;
        check_type(&content_type)?;
        let source = self.table.delete(body)?;
        let (stream, mishap) = source.into_stream();
        let kept = self.keep(content_type, stream).await;
        match mishap.take() {
            // says whose fault it was
            Some(broken) if kept.is_err() => Err(broken.refuse(self)),
            _ => kept,
        }
    }

    async fn put_bytes(&mut self, content_type: String, body: Vec<u8>) -> Result<contract::Blob, HostError> {
        self.enter()?;
        check_type(&content_type)?;
        let stream = futures::stream::iter([Ok(Bytes::from(body))]).boxed();
        self.keep(content_type, stream).await
    }

    async fn open(&mut self, id: String) -> Result<(contract::Blob, Resource<Source>), HostError> {
        self.enter()?;
        let missing = || HostError::Guest(Error::NotFound(format!("no blob {id:?} of this plugin in this org")));
        let blob_id: BlobId = id.parse().map_err(|_| missing())?;
        let blob = {
            let (_place, mut tx) = self.reading().await?;
            tx.org(self.tenant.org).blobs().get(&self.grants.plugin, blob_id).await?.ok_or_else(missing)?
        };
        let stream = self.services.blobs.open(self.tenant.org, &blob.sha256).await.map_err(failed)?;
        let source = self.push(Source::file(stream, blob.size))?;
        Ok((describe(&blob), source))
    }

    async fn delete(&mut self, id: String) -> Result<bool, HostError> {
        self.enter()?;
        let Ok(blob_id) = id.parse::<BlobId>() else { return Ok(false) };
        self.demand_storage()?;
        let services = Arc::clone(&self.services);
        let _lock = services.blobs.lock(self.tenant.org).await;
        let _turn = services.blobs.turn().await;
        let (place, mut tx) = self.writing().await?;
        let mut org = tx.org(self.tenant.org);
        let Some(blob) = org.blobs().get(&self.grants.plugin, blob_id).await? else { return Ok(false) };
        org.blobs().delete(&self.grants.plugin, blob_id).await?;
        tx.commit().await?;
        drop(place);
        // After the commit: a file too many is better than a row without one. It is looked for other rows anew, under
        // the lock that other hubs take as well, because one of them may have named the same bytes meanwhile.
        let (_place, mut tx) = self.writing().await?;
        let mut org = tx.org(self.tenant.org);
        org.lock().await?;
        if org.blobs().references(&blob.sha256).await? == 0 {
            services.blobs.delete(self.tenant.org, &blob.sha256).await.map_err(failed)?;
        }
        Ok(true)
    }
}
