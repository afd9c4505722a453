//! The audit log as a chain: what the hash of an entry is over, and the statements that are signed about its end.
//!
//! Who changes, takes out or adds an entry in the middle breaks every hash after it. Who computes them all anew, or cuts
//! the end off, contradicts a [`Checkpoint`], which only the holder of the signing key can make, and which may be kept
//! where the database's owner cannot reach it.
//!
//! A hash is over fields with their lengths before them and not over JSON: no two entries can be spelled alike, and the
//! detail counts to the letter. Rejected: RFC 8785, under which numbers lose digits that the log keeps.

use std::{fmt, str::FromStr};

use chrono::SecondsFormat;
use patchbay_model::{OrgId, Timestamp, org::AuditEntry};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeStruct as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// SHA-256. As text: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hexadecimal(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

/// Which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// The hub's own.
    Hub,
    /// An org's.
    Org(OrgId),
}

impl Chain {
    /// Its id in the database: the org's, or zeros for the hub's.
    #[must_use]
    pub const fn id(self) -> Uuid {
        match self {
            Self::Hub => Uuid::nil(),
            Self::Org(org) => org.0,
        }
    }

    /// The log of an id.
    #[must_use]
    pub const fn of(id: Uuid) -> Self {
        if id.is_nil() { Self::Hub } else { Self::Org(OrgId(id)) }
    }

    /// What the first entry's hash is over, in the place of the one before.
    #[must_use]
    pub fn genesis(self) -> Hash {
        digest(&[b"patchbay audit genesis 1", self.id().as_bytes()])
    }

    /// The hash of an entry of this log: over the one before it, its number and all of its fields. `detail` is the text of
    /// its JSON, to the letter.
    #[must_use]
    pub fn link(self, previous: Hash, seq: u64, entry: &AuditEntry, detail: &str) -> Hash {
        digest(&[
            b"patchbay audit entry 1",
            &previous.0,
            self.id().as_bytes(),
            &seq.to_be_bytes(),
            entry.id.0.as_bytes(),
            &entry.at.timestamp_micros().to_be_bytes(),
            entry.actor.as_bytes(),
            entry.action.as_bytes(),
            entry.subject.as_bytes(),
            detail.as_bytes(),
            entry.request.as_ref().map_or(&[][..], |request| request.0.as_bytes()),
        ])
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub => f.write_str("hub"),
            Self::Org(org) => org.fmt(f),
        }
    }
}

impl FromStr for Chain {
    type Err = patchbay_model::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "hub" { Ok(Self::Hub) } else { text.parse().map(Self::Org) }
    }
}

impl Serialize for Chain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditLine {
    /// Its number in its log, from 1, without gaps.
    pub seq: u64,
    /// What it says.
    pub entry: AuditEntry,
    /// Its detail to the letter, which is what its hash is over.
    pub detail: String,
    /// None for an entry of before there were chains, which the first hash after it is over as well.
    pub hash: Option<Hash>,
}

impl AuditLine {
    /// What its hash has to be.
    #[must_use]
    pub fn link(&self, chain: Chain, previous: Hash) -> Hash {
        chain.link(previous, self.seq, &self.entry, &self.detail)
    }
}

impl Serialize for AuditLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let AuditEntry { id, org, actor, action, subject, detail: _, at, request } = &self.entry;
        // The very text, so that whoever has an export can compute the hash.
        let detail: &serde_json::value::RawValue =
            serde_json::from_str(&self.detail).map_err(serde::ser::Error::custom)?;
        let mut line = serializer.serialize_struct("AuditLine", 10)?;
        line.serialize_field("chain", &Chain::of(org.0))?;
        line.serialize_field("seq", &self.seq)?;
        line.serialize_field("id", id)?;
        line.serialize_field("at", &at.to_rfc3339_opts(SecondsFormat::Micros, true))?;
        line.serialize_field("actor", actor)?;
        line.serialize_field("action", action)?;
        line.serialize_field("resource", subject)?;
        line.serialize_field("detail", detail)?;
        line.serialize_field("request_id", request)?;
        line.serialize_field("hash", &self.hash)?;
        line.end()
    }
}

/// A signed statement of how far a log went at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Of which log.
    pub chain: Chain,
    /// How many entries it had.
    pub entries: u64,
    /// The hash of the last of them.
    pub head: Hash,
    /// When.
    #[serde(serialize_with = "to_micros")]
    pub at: Timestamp,
    /// The digest of the log's checkpoint before this one; none for the first.
    pub previous: Option<Hash>,
    /// Which key signed it: the first 8 bytes of the SHA-256 of its public half.
    #[serde(rename = "key", serialize_with = "as_hex", deserialize_with = "from_hex")]
    pub key_id: [u8; 8],
    /// Ed25519 over [`Checkpoint::statement`].
    #[serde(serialize_with = "as_hex", deserialize_with = "from_hex")]
    pub signature: [u8; 64],
}

impl Checkpoint {
    /// What is signed.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        framed(&[
            b"patchbay audit checkpoint 1",
            self.chain.id().as_bytes(),
            &self.entries.to_be_bytes(),
            &self.head.0,
            &self.at.timestamp_micros().to_be_bytes(),
            self.previous.as_ref().map_or(&[][..], |previous| &previous.0),
            &self.key_id,
        ])
    }

    /// What the next checkpoint names it by.
    #[must_use]
    pub fn digest(&self) -> Hash {
        digest(&[&self.statement(), &self.signature])
    }
}

/// Each part with its length before it.
fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        framed.extend_from_slice(part);
    }
    framed
}

fn digest(parts: &[&[u8]]) -> Hash {
    Hash(Sha256::digest(framed(parts)).into())
}

fn hexadecimal<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| format!("expected {} hexadecimal digits", N * 2))?;
    Ok(bytes)
}

fn to_micros<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn as_hex<const N: usize, S: Serializer>(bytes: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

fn from_hex<'de, const N: usize, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; N], D::Error> {
    hexadecimal(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use patchbay_model::{AuditId, RequestId};
    use serde_json::json;

    use super::*;

    fn entry() -> AuditEntry {
        AuditEntry {
            id: AuditId(Uuid::from_u128(1)),
            org: OrgId(Uuid::from_u128(2)),
            actor: "operator".to_owned(),
            action: "org.create".to_owned(),
            subject: "org".to_owned(),
            detail: json!({ "a": 1 }),
            at: DateTime::from_timestamp_micros(1).unwrap(),
            request: None,
        }
    }

    #[test]
    fn every_field_counts_and_so_does_where_it_ends() {
        let (chain, first) = (Chain::Org(entry().org), Hash([7; 32]));
        let whole = chain.link(first, 1, &entry(), "{}");
        let id = AuditId(Uuid::from_u128(3));
        let request = Some(RequestId(Uuid::from_u128(3)));
        let changed = [
            chain.link(Hash([8; 32]), 1, &entry(), "{}"),
            chain.link(first, 2, &entry(), "{}"),
            chain.link(first, 1, &entry(), "{ }"),
            Chain::Hub.link(first, 1, &entry(), "{}"),
            chain.link(first, 1, &AuditEntry { id, ..entry() }, "{}"),
            chain.link(first, 1, &AuditEntry { actor: "operato".to_owned(), ..entry() }, "{}"),
            chain.link(first, 1, &AuditEntry { action: "org.creat".to_owned(), ..entry() }, "{}"),
            chain.link(first, 1, &AuditEntry { subject: String::new(), ..entry() }, "{}"),
            chain.link(first, 1, &AuditEntry { at: DateTime::from_timestamp_micros(2).unwrap(), ..entry() }, "{}"),
            chain.link(first, 1, &AuditEntry { request, ..entry() }, "{}"),
            // The same bytes in a row, divided elsewhere.
            chain.link(
                first,
                1,
                &AuditEntry { actor: "operatoro".to_owned(), action: "rg.create".to_owned(), ..entry() },
                "{}",
            ),
        ];
        for (index, changed) in changed.iter().enumerate() {
            assert_ne!(*changed, whole, "{index}");
        }
    }

    /// Written down, because every log that exists depends on it: whoever changes this makes them all invalid.
    #[test]
    fn the_form_of_a_hash_stays() {
        let chain = Chain::Org(entry().org);
        assert_eq!(
            chain.link(chain.genesis(), 1, &entry(), "{\"a\":1}").to_string(),
            "0204bedb3d15e131031486fbdeef3e1075747d9ae7aec3344dc2d0e932680981"
        );
    }

    #[test]
    fn a_checkpoint_is_a_line_of_json_and_back() {
        let checkpoint = Checkpoint {
            chain: Chain::Org(OrgId(Uuid::from_u128(2))),
            entries: 3,
            head: Hash([1; 32]),
            at: DateTime::from_timestamp_micros(1_000_001).unwrap(),
            previous: None,
            key_id: [2; 8],
            signature: [3; 64],
        };
        let line = serde_json::to_string(&checkpoint).unwrap();
        assert!(line.contains("\"at\":\"1970-01-01T00:00:01.000001Z\"") && line.contains("\"key\":\"0202"), "{line}");
        assert_eq!(serde_json::from_str::<Checkpoint>(&line).unwrap(), checkpoint);
        assert_ne!(checkpoint.digest(), Checkpoint { signature: [4; 64], ..checkpoint.clone() }.digest());
        assert!(serde_json::from_str::<Checkpoint>(&line.replace("0202", "02")).is_err());
    }
}
