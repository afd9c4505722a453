//! Ids: a prefix that says what the thing is, and a UUIDv7, so that ids sort by the time they were
//! made and databases can index them in order. As text: `run_018f3c…` (prefix and 32 hexadecimal
//! digits); in the database: the UUID alone.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{Clock, Random, Timestamp};

/// A text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id of the form {prefix}_ and 32 hexadecimal digits")]
pub struct InvalidId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

fn new_uuid(clock: &dyn Clock, random: &dyn Random) -> Uuid {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    let millis = u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What stands before the underscore in its text form.
            pub const PREFIX: &'static str = $prefix;

            /// A new id: the clock's milliseconds, then randomness.
            pub fn new(clock: &dyn Clock, random: &dyn Random) -> Self {
                Self(new_uuid(clock, random))
            }

            /// The least that an id made at this time can be.
            #[must_use]
            pub fn least_at(at: Timestamp) -> Self {
                let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(InvalidId { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// An organization.
    OrgId = "org";
    /// An API key (not its secret).
    ApiKeyId = "key";
    /// Somebody with an account on the hub.
    UserId = "user";
    /// A member's session (not its token).
    SessionId = "ses";
    /// An invitation (not its token).
    InvitationId = "inv";
    /// An end user's session to connect an account with (not its token).
    ConnectSessionId = "csn";
    /// A plugin switched on for one org.
    InstallationId = "inst";
    /// An org's credentials for a plugin.
    ConnectionId = "conn";
    /// One call into a plugin.
    RunId = "run";
    /// One metered quantity.
    UsageId = "use";
    /// Tokens that a vendor shall end.
    RevocationId = "rev";
    /// A published fact.
    EventId = "evt";
    /// An org's URL that subscribes to events.
    EndpointId = "ep";
    /// One event to one endpoint.
    DeliveryId = "dlv";
    /// A vendor's webhook as received.
    WebhookId = "whk";
    /// Durable background work.
    JobId = "job";
    /// What makes jobs by the clock.
    ScheduleId = "sch";
    /// A stored file.
    BlobId = "blob";
    /// Rows that are written into a file.
    ExportId = "exp";
    /// One going through of what a vendor has, or of what changed there.
    SyncRunId = "syn";
    /// Two values of a field of which one had to give way.
    SyncConflictId = "cfl";
    /// One line of the audit log.
    AuditId = "aud";
    /// A spend budget.
    BudgetId = "bud";
    /// Billable units that a vendor is told of.
    ReadingId = "rdg";
    /// One HTTP request to the hub.
    RequestId = "req";
}

impl UsageId {
    /// The id of a run's metered quantity: the same for the same run, meter and place among the run's quantities, so that
    /// one that is recorded again is the same record.
    #[must_use]
    pub fn of(run: RunId, meter: &str, index: usize) -> Self {
        Self(derived(run.0, &[&(index as u64).to_be_bytes(), meter.as_bytes()]))
    }
}

impl JobId {
    /// The id of the job that a run makes to drive a plugin's sync of an object: the same for the same run and sync.
    #[must_use]
    pub fn of_sync(run: RunId, plugin: &PluginId, object: &str) -> Self {
        // neither has a space in it
        Self(derived(run.0, &[b"sync ", plugin.as_str().as_bytes(), b" ", object.as_bytes()]))
    }
}

impl EventId {
    /// The id of an event that follows from a run: the same for the same run, type and fact.
    #[must_use]
    pub fn of(run: RunId, kind: &str, fact: &str) -> Self {
        // a type has no space in it
        Self(derived(run.0, &[b"event ", kind.as_bytes(), b" ", fact.as_bytes()]))
    }
}

impl DeliveryId {
    /// The id of an event's delivery to an endpoint: the same however often it is made, so that it is made once, and its
    /// receiver knows a repeat. It begins with the event's time.
    #[must_use]
    pub fn of(event: EventId, endpoint: EndpointId) -> Self {
        Self(derived(event.0, &[b"delivery", endpoint.0.as_bytes()]))
    }
}

impl ReadingId {
    /// The id of what an org used of a metric, from so many units to so many, of what was counted from an hour on: the same
    /// however often it is read.
    #[must_use]
    pub fn of_usage(org: OrgId, metric: &str, counted_from: Timestamp, from: u64, to: u64) -> Self {
        Self(Self::derived(org, b"usage", metric, counted_from, &[from, to]))
    }

    /// The id of what makes good for units of a day that the vendor lost: the same for the same loss, until the vendor
    /// refuses it. `refused`: how often it did.
    #[must_use]
    pub fn of_repair(org: OrgId, metric: &str, day: Timestamp, theirs: u64, ours: u64, refused: u64) -> Self {
        Self(Self::derived(org, b"repair", metric, day, &[theirs, ours, refused]))
    }

    fn derived(org: OrgId, what: &[u8], metric: &str, at: Timestamp, numbers: &[u64]) -> Uuid {
        let at = at.timestamp_micros().to_be_bytes();
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        // the texts end where they do: a metric has no space in it, and of what follows each kind has its own length
        derived(org.0, &[what, b" ", metric.as_bytes(), b" ", &at, &numbers])
    }
}

/// An id that follows from another one, whose time it begins with.
fn derived(from: Uuid, parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(from.as_bytes());
    for part in parts {
        hash.update(part);
    }
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    for (byte, time) in bytes.iter_mut().zip(from.as_bytes()).take(6) {
        *byte = *time;
    }
    let builder = uuid::Builder::from_bytes(bytes).with_variant(uuid::Variant::RFC4122);
    builder.with_version(uuid::Version::SortRand).into_uuid()
}

/// A plugin's id: 1 to 64 of `a-z`, `0-9` and `-`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PluginId(String);

/// A text that cannot be a plugin's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a plugin's id is 1 to 64 characters of a-z, 0-9 and -, and starts with a letter")]
pub struct InvalidPluginId;

impl PluginId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PluginId {
    type Err = InvalidPluginId;
    fn from_str(text: &str) -> Result<Self, InvalidPluginId> {
        let valid = text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidPluginId) }
    }
}

impl<'de> Deserialize<'de> for PluginId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// SHA-256 of a plugin's packed bytes: the address of a plugin version. As text: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 hexadecimal digits")]
pub struct InvalidDigest;

impl FromStr for Digest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(InvalidDigest);
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let pair = text.get(index * 2..index * 2 + 2).ok_or(InvalidDigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidDigest)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManualClock, SeededRandom};

    #[test]
    fn a_metered_quantity_has_the_same_id_each_time_and_no_other_has_it() {
        let clock = ManualClock::new(chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let random = SeededRandom::new(1);
        let (run, other) = (RunId::new(&clock, &random), RunId::new(&clock, &random));
        let id = UsageId::of(run, "tokens", 0);
        assert_eq!(id, UsageId::of(run, "tokens", 0));
        for different in
            [UsageId::of(run, "tokens", 1), UsageId::of(run, "minutes", 0), UsageId::of(other, "tokens", 0)]
        {
            assert_ne!(id, different);
        }
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(id.0.get_timestamp(), run.0.get_timestamp(), "it sorts by the run's time");
    }

    #[test]
    fn an_event_has_one_delivery_to_each_endpoint_which_sorts_by_its_time() {
        let clock = ManualClock::new(chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let random = SeededRandom::new(1);
        let (event, other) = (EventId::new(&clock, &random), EventId::new(&clock, &random));
        let (here, there) = (EndpointId::new(&clock, &random), EndpointId::new(&clock, &random));
        let id = DeliveryId::of(event, here);
        assert_eq!(id, DeliveryId::of(event, here));
        assert_ne!(id, DeliveryId::of(event, there));
        assert_ne!(id, DeliveryId::of(other, here));
        assert_eq!(id.0.get_timestamp(), event.0.get_timestamp());
        assert!(!id.to_string().contains('.'), "Standard Webhooks signs it before a dot");
    }
}
