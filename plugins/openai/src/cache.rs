//! Answers that are given again to the very same request.
//!
//! By the hash of all that the answer depends on: where it goes, whose account it is, and the body byte for byte. Only whole
//! answers of at most 64 KiB, which is what a small value of the hub holds. Two that ask the same thing at the same time are both
//! answered by the vendor.

use std::fmt::Write as _;
use std::time::Duration;

use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Error, Headers, kv};
use sha2::{Digest as _, Sha256};

use crate::config::Config;

/// The largest answer that is kept, in bytes.
const LARGEST: usize = 64 << 10;

/// The header that says whether an answer was kept.
pub(crate) const HEADER: &str = "patchbay-cache";

/// The place of one answer.
#[derive(Debug)]
pub(crate) struct Place {
    key: String,
    ttl: Duration,
}

impl Place {
    /// Where the answer to a request is kept; none if the organization wants none kept, or this client.
    pub(crate) fn of(config: &Config, headers: &Headers, path: &str, body: &[u8]) -> Option<Self> {
        let cache = config.cache.as_ref()?;
        let mut unwanted = headers.get_all("cache-control").flat_map(|value| value.split(','));
        if unwanted.any(|word| matches!(word.trim(), "no-cache" | "no-store")) {
            return None;
        }
        let account = [&config.base_url, &config.api_version, &config.organization, &config.project];
        let mut hash = Sha256::new();
        for part in account.into_iter().map(|part| part.as_deref().unwrap_or_default()).chain([path]) {
            hash.update(part.as_bytes());
            hash.update([0_u8]);
        }
        hash.update(body);
        let mut key = "answer:".to_owned();
        for byte in hash.finalize().iter() {
            // writing to a String cannot fail
            let _ = write!(key, "{byte:02x}");
        }
        Some(Self { key, ttl: Duration::from_secs(cache.ttl_s) })
    }

    /// The answer, if it is kept; a hit is metered by itself, and nothing else.
    pub(crate) fn look(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some(entry) = kv::get(&self.key)? else { return Ok(None) };
        usage::add("cache_hits", 1, Basis::Reported, None)?;
        Ok(Some(entry.value))
    }

    /// Keeps an answer.
    pub(crate) fn keep(&self, body: &[u8]) -> Result<(), Error> {
        if body.len() > LARGEST {
            return Ok(());
        }
        kv::set(&self.key, body, Some(self.ttl), None).map(|_| ())
    }
}
