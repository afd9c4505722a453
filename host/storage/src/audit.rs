//! Audit logs: an org's, and the hub's own. Both are chains of hashes, see [`crate::chain`].

use patchbay_model::{AuditId, OrgId, RequestId, Timestamp, org::AuditEntry};
use uuid::Uuid;

use crate::{
    StorageError, Tx, Walk,
    chain::{AuditLine, Chain, Hash},
    column::{limit as row_limit, signed, time, unsigned},
    text::{Json, JsonText, Text},
};

/// An org's audit log. Nothing here changes or deletes an entry.
#[derive(Debug)]
pub struct Audit<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// The hub's own: what concerns no org, or one that is gone.
#[derive(Debug)]
pub struct HubAudit<'a> {
    pub(crate) tx: &'a mut Tx,
}

/// Which entries to list; what is not said is not asked for.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// By whom.
    pub actor: Option<String>,
    /// An action, as in `connection.put`, or what several begin with before a dot, as in `connection`.
    pub action: Option<String>,
    /// To what.
    pub resource: Option<String>,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
    /// With a smaller number: the last of the page before.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// Of which log.
    pub chain: Chain,
    /// The number of its last entry.
    pub entries: u64,
    /// The hash of that; none if that has none of its own.
    pub hash: Option<Hash>,
}

#[derive(sqlx::FromRow)]
struct Row {
    chain: Uuid,
    seq: i64,
    id: Uuid,
    actor: Text,
    action: Text,
    subject: Text,
    detail: JsonText,
    at: i64,
    request_id: Option<Uuid>,
    hash: Option<Vec<u8>>,
}

impl TryFrom<Row> for AuditLine {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let entry = AuditEntry {
            id: AuditId(row.id),
            org: OrgId(row.chain),
            actor: row.actor.0,
            action: row.action.0,
            subject: row.subject.0,
            detail: serde_json::from_str(&row.detail.0).map_err(|_| StorageError::corrupt("audit.detail"))?,
            at: time(row.at)?,
            request: row.request_id.map(RequestId),
        };
        Ok(Self { seq: unsigned(row.seq), entry, detail: row.detail.0, hash: row.hash.map(hash).transpose()? })
    }
}

pub(crate) fn hash(bytes: Vec<u8>) -> Result<Hash, StorageError> {
    bytes.try_into().map(Hash).map_err(|_| StorageError::corrupt("a hash of the audit log"))
}

/// Rows of before there were chains that are read at a time.
const PAGE: u32 = 500;

/// The lines of one log, of which there is more to be said.
macro_rules! lines_of {
    ($key:literal, $lines:literal) => {
        concat!(
            "SELECT ",
            $key,
            " AS chain, seq, id, actor, action, subject, detail, at, request_id, hash FROM ",
            $lines,
            " WHERE ",
            $key,
            " = $1"
        )
    };
}

macro_rules! log {
    ($log:ident, $lines:literal, $heads:literal, $key:literal) => {
        impl $log<'_> {
            /// Adds an entry, in the transaction of the change that it tells of, and as the last thing in it: from here to
            /// the commit nobody else adds to the log.
            ///
            /// # Errors
            /// `AlreadyExists` if its id is taken, `Missing` if there is no such org.
            pub async fn append(&mut self, entry: &AuditEntry) -> Result<(), StorageError> {
                let chain = self.chain();
                // Changes nothing of a row that is there, but locks it.
                let head = fetch_optional!(
                    self.tx,
                    (i64, Option<Vec<u8>>),
                    concat!(
                        "INSERT INTO ",
                        $heads,
                        " (",
                        $key,
                        ", seq, hash) VALUES ($1, 0, $2)
                         ON CONFLICT (",
                        $key,
                        ") DO UPDATE SET seq = ",
                        $heads,
                        ".seq RETURNING seq, hash"
                    ),
                    chain.id(),
                    chain.genesis().0.as_slice(),
                )?;
                let (last, before) = head.ok_or_else(|| StorageError::corrupt("the end of the audit log"))?;
                let before = match before {
                    Some(bytes) => hash(bytes)?,
                    None => self.fold(chain).await?,
                };
                let seq = unsigned(last) + 1;
                let detail =
                    serde_json::to_string(&entry.detail).map_err(|error| StorageError::Corrupt(error.to_string()))?;
                let hash = chain.link(before, seq, entry, &detail);
                execute!(
                    self.tx,
                    concat!(
                        "INSERT INTO ",
                        $lines,
                        " (",
                        $key,
                        ", seq, id, actor, action, subject, detail, at, request_id, hash)
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                    ),
                    chain.id(),
                    signed(seq),
                    entry.id.0,
                    Text(&entry.actor),
                    Text(&entry.action),
                    Text(&entry.subject),
                    Json(&entry.detail),
                    entry.at.timestamp_micros(),
                    entry.request.map(|request| request.0),
                    hash.0.as_slice(),
                )?;
                execute!(
                    self.tx,
                    concat!("UPDATE ", $heads, " SET seq = $2, hash = $3 WHERE ", $key, " = $1"),
                    chain.id(),
                    signed(seq),
                    hash.0.as_slice(),
                )?;
                Ok(())
            }

            /// The hash that entries of before there were chains come to.
            async fn fold(&mut self, chain: Chain) -> Result<Hash, StorageError> {
                let (mut before, mut after) = (chain.genesis(), 0);
                loop {
                    let lines = self.after(after, PAGE).await?;
                    let Some(last) = lines.last() else { return Ok(before) };
                    after = last.seq;
                    before = lines.iter().fold(before, |before, line| line.link(chain, before));
                }
            }

            /// Entries that match, the newest first.
            ///
            /// # Errors
            /// The database fails.
            pub async fn list(&mut self, filter: &AuditFilter) -> Result<Vec<AuditLine>, StorageError> {
                let text = |wanted: &Option<String>| Text(wanted.clone().unwrap_or_default());
                let chain = self.chain().id();
                fetch_all!(
                    self.tx,
                    Row,
                    concat!(
                        lines_of!($key, $lines),
                        " AND seq < $2 AND ($3 = '' OR actor = $3)
                           AND ($4 = '' OR action = $4 OR substr(action, 1, length($4) + 1) = $4 || '.')
                           AND ($5 = '' OR subject = $5) AND at >= $6 AND at < $7
                         ORDER BY seq DESC LIMIT $8"
                    ),
                    chain,
                    filter.before.map_or(i64::MAX, signed),
                    text(&filter.actor),
                    text(&filter.action),
                    text(&filter.resource),
                    filter.from.map_or(i64::MIN, |at| at.timestamp_micros()),
                    filter.to.map_or(i64::MAX, |at| at.timestamp_micros()),
                    row_limit(filter.limit),
                )?
                .into_iter()
                .map(AuditLine::try_from)
                .collect()
            }

            /// Entries after a number, the oldest first.
            ///
            /// # Errors
            /// The database fails.
            pub async fn after(&mut self, seq: u64, limit: u32) -> Result<Vec<AuditLine>, StorageError> {
                let chain = self.chain().id();
                fetch_all!(
                    self.tx,
                    Row,
                    concat!(lines_of!($key, $lines), " AND seq > $2 ORDER BY seq LIMIT $3"),
                    chain,
                    signed(seq),
                    row_limit(limit),
                )?
                .into_iter()
                .map(AuditLine::try_from)
                .collect()
            }

            /// How many entries there are after a number.
            ///
            /// # Errors
            /// The database fails.
            pub async fn count_after(&mut self, seq: u64) -> Result<u64, StorageError> {
                let chain = self.chain().id();
                let counted = fetch_optional!(
                    self.tx,
                    (i64,),
                    concat!("SELECT COUNT(*) FROM ", $lines, " WHERE ", $key, " = $1 AND seq > $2"),
                    chain,
                    signed(seq),
                )?;
                Ok(counted.map_or(0, |(count,)| unsigned(count)))
            }

            /// Where it ends; none while nothing was ever added.
            ///
            /// # Errors
            /// The database fails.
            pub async fn head(&mut self) -> Result<Option<AuditHead>, StorageError> {
                let chain = self.chain().id();
                let found = fetch_optional!(
                    self.tx,
                    HeadRow,
                    concat!("SELECT ", $key, " AS chain, seq, hash FROM ", $heads, " WHERE ", $key, " = $1"),
                    chain,
                )?;
                Ok(found.map(head))
            }
        }
    };
}

log!(Audit, "audit", "audit_head", "org_id");
log!(HubAudit, "hub_audit", "hub_audit_head", "chain");

impl Audit<'_> {
    /// A page of entries, the oldest first, whoever's plugin they are about.
    ///
    /// # Errors
    /// The database fails.
    pub async fn walk(&mut self, walk: &Walk<u64>) -> Result<Vec<AuditLine>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            concat!(
                lines_of!("org_id", "audit"),
                " AND seq > $2 AND seq <= $3 AND at >= $4 AND at < $5 ORDER BY seq LIMIT $6"
            ),
            self.org.0,
            walk.after.map_or(0, signed),
            signed(walk.upto),
            walk.from(),
            walk.to(),
            row_limit(walk.limit),
        )?
        .into_iter()
        .map(AuditLine::try_from)
        .collect()
    }

    const fn chain(&self) -> Chain {
        Chain::Org(self.org)
    }
}

impl HubAudit<'_> {
    const fn chain(&self) -> Chain {
        Chain::Hub
    }
}

pub(crate) type HeadRow = (Uuid, i64, Option<Vec<u8>>);

/// No entry has this hash.
const OF_NO_ENTRY: Hash = Hash([0; 32]);

/// What is no hash is read as one that no entry has: it is damage, which is told of with the log, and no reason to fail
/// for those who read the ends of all logs.
pub(crate) fn head((chain, seq, bytes): HeadRow) -> AuditHead {
    let hash = bytes.map(|bytes| hash(bytes).unwrap_or(OF_NO_ENTRY));
    AuditHead { chain: Chain::of(chain), entries: unsigned(seq), hash }
}
