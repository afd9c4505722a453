//! Every place where the vault's ciphertexts are, so that all of them can be sealed anew.
//!
//! A column that holds them is named `sealed` and is listed here; a test compares with the schema, because one that is
//! forgotten would be unreadable once its data key is destroyed.

use patchbay_model::ConnectionId;
use uuid::Uuid;

use super::OperatorTx;
use crate::{StorageError, column::limit as row_limit};

/// A column of ciphertexts, named by its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SealedColumn {
    /// Credentials.
    Connection,
    /// Tokens of connections.
    OauthToken,
    /// Orgs' own clients at vendors.
    OauthClient,
    /// Authorizations under way.
    OauthAuthorization,
    /// Tokens that shall be given back to vendors.
    OauthRevocation,
    /// Answers to writes that are done once.
    IdempotencyKey,
    /// What endpoints' deliveries are signed with, and headers.
    Endpoint,
}

impl SealedColumn {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Connection,
        Self::OauthToken,
        Self::OauthClient,
        Self::OauthAuthorization,
        Self::OauthRevocation,
        Self::IdempotencyKey,
        Self::Endpoint,
    ];

    /// Its table.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::OauthToken => "oauth_token",
            Self::OauthClient => "oauth_client",
            Self::OauthAuthorization => "oauth_authorization",
            Self::OauthRevocation => "oauth_revocation",
            Self::IdempotencyKey => "idempotency_key",
            Self::Endpoint => "endpoint",
        }
    }
}

/// One ciphertext, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCell {
    /// The column.
    pub column: SealedColumn,
    /// What names the row within the org: a plugin's id, a hash, or the bytes of an id.
    pub row: Vec<u8>,
    /// The row's id, of a connection.
    pub connection: Option<ConnectionId>,
    /// The ciphertext. It begins with one byte for its form and four for the data key's version, big-endian.
    pub sealed: Vec<u8>,
}

/// A row that a plugin names.
type OfPlugin = (String, Option<Uuid>, Vec<u8>);
/// A row that a hash names.
type OfHash = (Vec<u8>, Vec<u8>);
/// A row that an id names.
type OfId = (Uuid, Vec<u8>);

macro_rules! of_plugin {
    ($table:literal, $id:literal) => {
        concat!(
            "SELECT plugin, ",
            $id,
            ", sealed FROM ",
            $table,
            " WHERE org_id = $1 AND substr(sealed, 2, 4) < $2 AND plugin > $3 ORDER BY plugin LIMIT $4"
        )
    };
}

macro_rules! of_hash {
    ($table:literal, $key:literal) => {
        concat!(
            "SELECT ",
            $key,
            ", sealed FROM ",
            $table,
            " WHERE org_id = $1 AND substr(sealed, 2, 4) < $2 AND ",
            $key,
            " > $3 ORDER BY ",
            $key,
            " LIMIT $4"
        )
    };
}

macro_rules! put {
    ($table:literal, $key:literal) => {
        concat!("UPDATE ", $table, " SET sealed = $4 WHERE org_id = $1 AND ", $key, " = $2 AND sealed = $3")
    };
}

impl OperatorTx<'_> {
    /// Ciphertexts of a column that a data key before this version sealed, after a row, in the order of rows.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sealed(
        &mut self,
        column: SealedColumn,
        before_version: u32,
        after: &[u8],
        limit: u32,
    ) -> Result<Vec<SealedCell>, StorageError> {
        let version = before_version.to_be_bytes();
        let (org, version, limit) = (self.org.0, version.as_slice(), row_limit(limit));
        let plugin = || std::str::from_utf8(after).map_err(|_| StorageError::corrupt("a plugin's id"));
        let of_plugin = match column {
            SealedColumn::Connection => {
                fetch_all!(self.tx, OfPlugin, of_plugin!("connection", "id"), org, version, plugin()?, limit)
            }
            SealedColumn::OauthToken => {
                fetch_all!(self.tx, OfPlugin, of_plugin!("oauth_token", "NULL"), org, version, plugin()?, limit)
            }
            SealedColumn::OauthClient => {
                fetch_all!(self.tx, OfPlugin, of_plugin!("oauth_client", "NULL"), org, version, plugin()?, limit)
            }
            SealedColumn::OauthAuthorization => {
                let sql = of_hash!("oauth_authorization", "state_hash");
                return Ok(of_hashes(column, fetch_all!(self.tx, OfHash, sql, org, version, after, limit)?));
            }
            SealedColumn::OauthRevocation => {
                let (sql, after) = (of_hash!("oauth_revocation", "id"), uuid(after)?);
                return Ok(of_ids(column, fetch_all!(self.tx, OfId, sql, org, version, after, limit)?));
            }
            SealedColumn::Endpoint => {
                let (sql, after) = (of_hash!("endpoint", "id"), uuid(after)?);
                return Ok(of_ids(column, fetch_all!(self.tx, OfId, sql, org, version, after, limit)?));
            }
            SealedColumn::IdempotencyKey => {
                let sql = of_hash!("idempotency_key", "id");
                return Ok(of_hashes(column, fetch_all!(self.tx, OfHash, sql, org, version, after, limit)?));
            }
        }?;
        let cell = |(plugin, id, sealed): OfPlugin| SealedCell {
            column,
            row: plugin.into_bytes(),
            connection: id.map(ConnectionId),
            sealed,
        };
        Ok(of_plugin.into_iter().map(cell).collect())
    }

    /// Puts another ciphertext in the place of this one. False if it is not there any more: whoever wrote another one since
    /// sealed it with a newer key.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_sealed(&mut self, cell: &SealedCell, sealed: &[u8]) -> Result<bool, StorageError> {
        self.erase().await?;
        let (org, old) = (self.org.0, &cell.sealed);
        let plugin = std::str::from_utf8(&cell.row).unwrap_or_default();
        let rows = match cell.column {
            SealedColumn::Connection => execute!(self.tx, put!("connection", "plugin"), org, plugin, old, sealed),
            SealedColumn::OauthToken => execute!(self.tx, put!("oauth_token", "plugin"), org, plugin, old, sealed),
            SealedColumn::OauthClient => execute!(self.tx, put!("oauth_client", "plugin"), org, plugin, old, sealed),
            SealedColumn::OauthAuthorization => {
                execute!(self.tx, put!("oauth_authorization", "state_hash"), org, &cell.row, old, sealed)
            }
            SealedColumn::OauthRevocation => {
                execute!(self.tx, put!("oauth_revocation", "id"), org, uuid(&cell.row)?, old, sealed)
            }
            SealedColumn::IdempotencyKey => {
                execute!(self.tx, put!("idempotency_key", "id"), org, &cell.row, old, sealed)
            }
            SealedColumn::Endpoint => execute!(self.tx, put!("endpoint", "id"), org, uuid(&cell.row)?, old, sealed),
        }?;
        Ok(rows > 0)
    }
}

/// Before all ids if nothing is given.
fn uuid(bytes: &[u8]) -> Result<Uuid, StorageError> {
    if bytes.is_empty() {
        return Ok(Uuid::nil());
    }
    Uuid::from_slice(bytes).map_err(|_| StorageError::corrupt("an id"))
}

fn of_ids(column: SealedColumn, rows: Vec<OfId>) -> Vec<SealedCell> {
    of_hashes(column, rows.into_iter().map(|(id, sealed)| (id.as_bytes().to_vec(), sealed)).collect())
}

fn of_hashes(column: SealedColumn, rows: Vec<OfHash>) -> Vec<SealedCell> {
    rows.into_iter().map(|(row, sealed)| SealedCell { column, row, connection: None, sealed }).collect()
}
