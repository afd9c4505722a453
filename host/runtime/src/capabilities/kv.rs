//! Small values with expiry. Each write is a transaction of its own: concurrent calls must see it. It is an fsync of
//! its own as well, on the connection that commits everybody's runs, so an org's writes wait for each other.

use chrono::Duration;
use patchbay_model::Timestamp;
use patchbay_storage::{KvWrite, StorageError};

use super::{HostError, invalid};
use crate::{
    bindings::{
        kv::{Entry, Host},
        types::Error,
    },
    call::CallState,
};

/// The largest value, in bytes.
const VALUE_CAP: usize = 64 << 10;

fn check_key(key: &str) -> Result<(), HostError> {
    if key.is_empty() || key.len() > 256 || key.contains('\0') {
        return Err(invalid("/key", "1 to 256 bytes without NUL"));
    }
    Ok(())
}

fn expiry(now: Timestamp, ttl_ms: Option<u64>) -> Result<Option<Timestamp>, HostError> {
    let Some(ttl) = ttl_ms else { return Ok(None) };
    let at = i64::try_from(ttl).ok().and_then(Duration::try_milliseconds).and_then(|ttl| now.checked_add_signed(ttl));
    at.map(Some).ok_or_else(|| invalid("/ttl-ms", "a time that a calendar can hold"))
}

impl Host for CallState {
    async fn get(&mut self, key: String) -> Result<Option<Entry>, HostError> {
        self.enter()?;
        check_key(&key)?;
        let now = self.services.clock.now();
        let (_place, mut tx) = self.reading().await?;
        let entry = tx.org(self.tenant.org).kv(&self.grants.plugin).get(&key, now).await?;
        Ok(entry.map(|entry| Entry { value: entry.value, version: entry.version }))
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
        expected: Option<u64>,
    ) -> Result<u64, HostError> {
        self.enter()?;
        check_key(&key)?;
        if value.len() > VALUE_CAP {
            return Err(invalid("/value", format!("at most {VALUE_CAP} bytes")));
        }
        let now = self.services.clock.now();
        let expires_at = expiry(now, ttl_ms)?;
        let (_place, mut tx) = self.writing().await?;
        let written =
            tx.org(self.tenant.org).kv(&self.grants.plugin).set(&key, &value, expires_at, expected, now).await?;
        match written {
            KvWrite::Written(version) => {
                tx.commit().await?;
                Ok(version)
            }
            KvWrite::Conflict(version) => {
                Err(HostError::Guest(Error::Conflict(format!("{key:?} has version {version}"))))
            }
        }
    }

    async fn delete(&mut self, key: String) -> Result<bool, HostError> {
        self.enter()?;
        check_key(&key)?;
        let now = self.services.clock.now();
        let (_place, mut tx) = self.writing().await?;
        let deleted = tx.org(self.tenant.org).kv(&self.grants.plugin).delete(&key, now).await?;
        tx.commit().await?;
        Ok(deleted)
    }

    async fn add(&mut self, key: String, delta: i64, ttl_ms: Option<u64>) -> Result<i64, HostError> {
        self.enter()?;
        check_key(&key)?;
        let now = self.services.clock.now();
        let expires_at = expiry(now, ttl_ms)?;
        let (_place, mut tx) = self.writing().await?;
        let sum = match tx.org(self.tenant.org).kv(&self.grants.plugin).add(&key, delta, expires_at, now).await {
            Ok(sum) => sum,
            Err(StorageError::NotACounter) => return Err(invalid("/key", "the key of a counter within 64 bits")),
            Err(error) => return Err(error.into()),
        };
        tx.commit().await?;
        Ok(sum)
    }
}
