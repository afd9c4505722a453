//! What is secret of an endpoint, between its sealed form and memory.

use std::{borrow::Cow, collections::BTreeMap};

use patchbay_model::{EndpointId, Failure, Timestamp, endpoint::Endpoint, wiped};
use patchbay_storage::OrgTx;
use patchbay_vault::{TextPlace, Vault};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

/// A key that deliveries are signed with.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// With its prefix.
    pub(crate) text: SecretString,
    /// Until when it signs beside those before it; none for the newest.
    pub(crate) until: Option<Timestamp>,
}

/// All that is secret of an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    /// The newest first.
    pub(crate) keys: Vec<Key>,
    /// Headers, by name.
    pub(crate) headers: BTreeMap<String, SecretString>,
}

/// As it is sealed.
#[derive(Serialize, Deserialize)]
struct Plain<'a> {
    #[serde(borrow)]
    keys: Vec<(Text<'a>, Option<i64>)>,
    #[serde(borrow)]
    headers: BTreeMap<String, Text<'a>>,
}

/// Text that is wiped where it had to be copied.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

const fn place(id: &EndpointId) -> TextPlace<'_> {
    TextPlace { table: "endpoint", row: id.0.as_bytes() }
}

impl Secrets {
    /// Without former keys whose time is over.
    pub(crate) fn current(&self, now: Timestamp) -> Vec<Key> {
        self.keys.iter().filter(|key| key.until.is_none_or(|until| until > now)).cloned().collect()
    }

    /// Seals them for an endpoint's row.
    pub(crate) async fn seal(&self, vault: &Vault, tx: &mut OrgTx<'_>, id: EndpointId) -> Result<Vec<u8>, Failure> {
        fn text(secret: &SecretString) -> Text<'_> {
            Text(Cow::Borrowed(secret.expose_secret()))
        }
        let micros = |key: &Key| key.until.map(|until| until.timestamp_micros());
        let plain = Plain {
            keys: self.keys.iter().map(|key| (text(&key.text), micros(key))).collect(),
            headers: self.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        };
        let json = wiped::to_json(&plain).map_err(Failure::internal)?;
        let text = SecretString::from(std::str::from_utf8(&json).map_err(Failure::internal)?);
        Ok(vault.seal_text(tx, place(&id), &text).await?)
    }

    /// Opens those of an endpoint.
    pub(crate) async fn open(vault: &Vault, tx: &mut OrgTx<'_>, endpoint: &Endpoint) -> Result<Self, Failure> {
        let text = vault.open_text(tx, place(&endpoint.id), &endpoint.sealed).await?;
        let malformed = || Failure::internal("an endpoint's secrets are not readable");
        let plain: Plain<'_> = serde_json::from_str(text.expose_secret()).map_err(|_| malformed())?;
        let secret = |text: &Text<'_>| SecretString::from(&*text.0);
        let key = |(text, until): &(Text<'_>, Option<i64>)| {
            let until = until.map(|until| Timestamp::from_timestamp_micros(until).ok_or_else(malformed)).transpose()?;
            Ok(Key { text: secret(text), until })
        };
        Ok(Self {
            keys: plain.keys.iter().map(key).collect::<Result<_, Failure>>()?,
            headers: plain.headers.iter().map(|(name, value)| (name.clone(), secret(value))).collect(),
        })
    }
}
