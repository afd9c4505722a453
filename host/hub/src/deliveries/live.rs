//! An endpoint ready to be sent to: its secrets opened once, and kept until it changes.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use patchbay_egress::Redactor;
use patchbay_model::{Failure, Timestamp, endpoint::Endpoint};
use patchbay_storage::LaneKey;
use secrecy::ExposeSecret as _;
use url::Url;

use crate::{
    endpoints::{secrets::Secrets, sign::Signer},
    hub::Inner,
};

/// An endpoint with its secrets. Its text for people has none of them.
pub(crate) struct LiveEndpoint {
    pub(crate) endpoint: Endpoint,
    pub(super) url: Url,
    /// What it is signed with, and until when.
    signers: Vec<(Signer, Option<Timestamp>)>,
    /// The org's own.
    pub(super) headers: HeaderMap,
    /// Takes what is secret out of answers.
    pub(super) redact: Arc<Redactor>,
}

impl fmt::Debug for LiveEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveEndpoint").field("id", &self.endpoint.id).finish_non_exhaustive()
    }
}

impl LiveEndpoint {
    fn new(endpoint: Endpoint, secrets: &Secrets) -> Result<Self, Failure> {
        let url = Url::parse(&endpoint.settings.url).map_err(Failure::internal)?;
        let mut headers = HeaderMap::new();
        let open = endpoint.settings.headers.iter().map(|(name, value)| (name, value.as_str(), false));
        let secret = secrets.headers.iter().map(|(name, value)| (name, value.expose_secret(), true));
        for (name, value, is_secret) in open.chain(secret) {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(Failure::internal)?;
            let mut value = HeaderValue::from_str(value).map_err(|_| Failure::internal("a header's value"))?;
            value.set_sensitive(is_secret);
            headers.insert(name, value);
        }
        let signers = secrets.keys.iter().map(|key| Ok((Signer::new(&key.text)?, key.until)));
        let texts = secrets.keys.iter().map(|key| &key.text).chain(secrets.headers.values());
        let redact = Arc::new(Redactor::new(texts.map(|text| text.expose_secret())));
        Ok(Self { url, signers: signers.collect::<Result<_, Failure>>()?, headers, redact, endpoint })
    }

    /// The list of signatures: one by each key that counts now, the newest first.
    pub(super) fn signatures(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        let counts = self.signers.iter().filter(|(_, until)| until.is_none_or(|until| until > now));
        let signatures: Vec<String> = counts.map(|(signer, _)| signer.sign(id, now.timestamp(), body)).collect();
        signatures.join(" ")
    }
}

impl Inner {
    /// The endpoint of a lane; none if it was deleted.
    pub(crate) async fn live_endpoint(&self, key: LaneKey) -> Result<Option<Arc<LiveEndpoint>>, Failure> {
        let load = || async {
            let mut tx = self.database.read().await?;
            let Some(endpoint) = tx.org(key.org).endpoints().get(key.endpoint).await? else { return Ok(None) };
            let secrets = Secrets::open(&self.vault, &mut tx.org(key.org), &endpoint).await?;
            LiveEndpoint::new(endpoint, &secrets).map(Some)
        };
        self.deliveries.live.get(&(key.org, key.endpoint), load).await
    }
}
