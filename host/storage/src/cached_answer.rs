//! Answers of vendors that are kept to be given again. The bytes are files, whose names are here.
//!
//! A file is taken away before its row, and put in its place after its row: whatever breaks off in between leaves a row without
//! a file, which counts as no answer, and never a file that nobody knows of.

use patchbay_model::{OrgId, PluginId, Timestamp};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{limit as row_limit, plugin, signed, time, unsigned},
    text::Text,
};

/// An org's kept answers.
#[derive(Debug)]
pub struct CachedAnswers<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedAnswer {
    /// Which plugin keeps it.
    pub plugin: PluginId,
    /// A hash of all that it depends on.
    pub key: [u8; 32],
    /// Names its file.
    pub file: Uuid,
    /// What it was kept with.
    pub headers: Vec<(String, String)>,
    /// Of its body, in bytes.
    pub size: u64,
    /// When it was given.
    pub created_at: Timestamp,
    /// From then on it counts as absent.
    pub expires_at: Timestamp,
    /// When it was last known to be used.
    pub used_at: Timestamp,
}

impl CachedAnswer {
    /// What its file takes beside its bytes, as it counts: many small ones take room too.
    pub const FILE: u64 = 4096;

    /// What it counts, in bytes.
    #[must_use]
    pub const fn counts(&self) -> u64 {
        self.size.saturating_add(Self::FILE)
    }
}

/// What became of an answer that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePut {
    /// It is kept, and this file belongs to nobody any more, if there was one in its place.
    Kept(Option<Uuid>),
    /// Somebody else has kept one meanwhile.
    Taken,
}

#[derive(sqlx::FromRow)]
struct Row {
    plugin: String,
    key: Vec<u8>,
    file: Uuid,
    headers: Text,
    size: i64,
    created_at: i64,
    expires_at: i64,
    used_at: i64,
}

impl TryFrom<Row> for CachedAnswer {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            plugin: plugin(&row.plugin)?,
            key: row.key.try_into().map_err(|_| StorageError::corrupt("cached_answer.key"))?,
            file: row.file,
            headers: serde_json::from_str(&row.headers.0)
                .map_err(|_| StorageError::corrupt("cached_answer.headers"))?,
            size: unsigned(row.size),
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
            used_at: time(row.used_at)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT plugin, key, file, headers, size, created_at, expires_at, used_at FROM cached_answer ", $rest)
    };
}

impl CachedAnswers<'_> {
    /// The answer under a key, unless it has expired.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(
        &mut self,
        plugin: &PluginId,
        key: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<CachedAnswer>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND plugin = $2 AND key = $3 AND expires_at > $4"),
            self.org.0,
            plugin.as_str(),
            key.as_slice(),
            now.timestamp_micros(),
        )?
        .map(CachedAnswer::try_from)
        .transpose()
    }

    /// Keeps an answer, unless another one that has not expired took its place since `instead_of` was found there. Under the
    /// org's lock.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put(
        &mut self,
        answer: &CachedAnswer,
        instead_of: Option<Uuid>,
        now: Timestamp,
    ) -> Result<CachePut, StorageError> {
        let (plugin, key) = (answer.plugin.as_str(), answer.key.as_slice());
        let before = fetch_optional!(
            self.tx,
            (Uuid, i64),
            "SELECT file, expires_at FROM cached_answer WHERE org_id = $1 AND plugin = $2 AND key = $3",
            self.org.0,
            plugin,
            key,
        )?;
        let before = match before {
            Some((file, expires_at)) => {
                let may_go = Some(file) == instead_of || file == answer.file;
                if !may_go && time(expires_at)? > now {
                    return Ok(CachePut::Taken);
                }
                Some(file).filter(|file| *file != answer.file)
            }
            None => None,
        };
        let headers =
            serde_json::to_string(&answer.headers).map_err(|error| StorageError::Corrupt(error.to_string()))?;
        execute!(
            self.tx,
            "INSERT INTO cached_answer (org_id, plugin, key, file, headers, size, created_at, expires_at, used_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (org_id, plugin, key) DO UPDATE SET file = excluded.file, headers = excluded.headers,
               size = excluded.size, created_at = excluded.created_at, expires_at = excluded.expires_at,
               used_at = excluded.used_at",
            self.org.0,
            plugin,
            key,
            answer.file,
            Text(&headers),
            signed(answer.size),
            answer.created_at.timestamp_micros(),
            answer.expires_at.timestamp_micros(),
            answer.used_at.timestamp_micros(),
        )?;
        Ok(CachePut::Kept(before))
    }

    /// Remembers that an answer is used. Harmless if it is gone.
    ///
    /// # Errors
    /// The database fails.
    pub async fn used(&mut self, answer: &CachedAnswer, at: Timestamp) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE cached_answer SET used_at = $5
             WHERE org_id = $1 AND plugin = $2 AND key = $3 AND file = $4 AND used_at < $5",
            self.org.0,
            answer.plugin.as_str(),
            answer.key.as_slice(),
            answer.file,
            at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// What the org's kept answers count together ([`CachedAnswer::counts`]): those of a plugin, or all.
    ///
    /// # Errors
    /// The database fails.
    pub async fn total_bytes(&mut self, plugin: Option<&PluginId>) -> Result<u64, StorageError> {
        let total = fetch_optional!(
            self.tx,
            (i64,),
            "SELECT CAST(COALESCE(SUM(size + 4096), 0) AS BIGINT) FROM cached_answer
             WHERE org_id = $1 AND ($2 IS NULL OR plugin = $2)",
            self.org.0,
            plugin.map(PluginId::as_str),
        )?;
        Ok(total.map_or(0, |(total,)| unsigned(total)))
    }

    /// Those that were not used for longest, of a plugin or of all, without the one of this file.
    ///
    /// # Errors
    /// The database fails.
    pub async fn least_used(
        &mut self,
        plugin: Option<&PluginId>,
        but: Uuid,
        limit: u32,
    ) -> Result<Vec<CachedAnswer>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!(
                "WHERE org_id = $1 AND ($2 IS NULL OR plugin = $2) AND file <> $3
                 ORDER BY used_at, created_at, file LIMIT $4"
            ),
            self.org.0,
            plugin.map(PluginId::as_str),
            but,
            row_limit(limit),
        )?
        .into_iter()
        .map(CachedAnswer::try_from)
        .collect()
    }

    /// Those that have expired.
    ///
    /// # Errors
    /// The database fails.
    pub async fn expired(&mut self, now: Timestamp, limit: u32) -> Result<Vec<CachedAnswer>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND expires_at <= $2 ORDER BY expires_at LIMIT $3"),
            self.org.0,
            now.timestamp_micros(),
            row_limit(limit),
        )?
        .into_iter()
        .map(CachedAnswer::try_from)
        .collect()
    }

    /// Forgets an answer, whose file is to be taken away before. False if it is gone, or another one has its place.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, answer: &CachedAnswer) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "DELETE FROM cached_answer WHERE org_id = $1 AND plugin = $2 AND key = $3 AND file = $4",
            self.org.0,
            answer.plugin.as_str(),
            answer.key.as_slice(),
            answer.file,
        )?;
        Ok(rows > 0)
    }
}

/// Orgs of which answers have expired.
pub(crate) async fn orgs_with_expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<OrgId>, StorageError> {
    let rows = fetch_all!(
        tx,
        (Uuid,),
        "SELECT DISTINCT org_id FROM cached_answer WHERE expires_at <= $1 LIMIT $2",
        now.timestamp_micros(),
        row_limit(limit),
    )?;
    Ok(rows.into_iter().map(|(org,)| OrgId(org)).collect())
}
