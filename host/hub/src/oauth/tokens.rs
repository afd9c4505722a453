//! Tokens and clients between their sealed form and the protocol's.

use patchbay_model::{
    Code, Failure, PluginId,
    oauth::{SealedClient, SealedTokens},
};
use patchbay_oauth::{RegisteredClient, Stored, Tokens, UnknownForm};
use patchbay_storage::OrgTx;
use patchbay_vault::{TextPlace, Vault};

/// The place of a plugin's tokens.
const fn tokens_place(plugin: &PluginId) -> Table<'_> {
    Table("oauth_token", plugin)
}

/// The place of an org's own client.
const fn client_place(plugin: &PluginId) -> Table<'_> {
    Table("oauth_client", plugin)
}

struct Table<'a>(&'static str, &'a PluginId);

impl Table<'_> {
    fn place(&self) -> TextPlace<'_> {
        TextPlace { table: self.0, row: self.1.as_str().as_bytes() }
    }
}

/// Seals tokens for their row.
pub(crate) async fn seal(
    vault: &Vault,
    tx: &mut OrgTx<'_>,
    plugin: &PluginId,
    tokens: &Tokens,
) -> Result<Vec<u8>, Failure> {
    Ok(vault.seal_text(tx, tokens_place(plugin).place(), &tokens.to_secret()).await?)
}

/// Opens a row's tokens.
pub(crate) async fn open(vault: &Vault, tx: &mut OrgTx<'_>, row: &SealedTokens) -> Result<Stored, Failure> {
    let text = vault.open_text(tx, tokens_place(&row.plugin).place(), &row.sealed).await?;
    let tokens = Tokens::from_secret(&text).map_err(unreadable)?;
    Ok(Stored { tokens: tokens.into(), version: row.version, needs_authorization: row.refused.is_some() })
}

/// Seals a client for its row.
pub(crate) async fn seal_client(
    vault: &Vault,
    tx: &mut OrgTx<'_>,
    plugin: &PluginId,
    client: &RegisteredClient,
) -> Result<Vec<u8>, Failure> {
    Ok(vault.seal_text(tx, client_place(plugin).place(), &client.to_secret()).await?)
}

/// Opens a row's client.
pub(crate) async fn open_client(
    vault: &Vault,
    tx: &mut OrgTx<'_>,
    row: &SealedClient,
) -> Result<RegisteredClient, Failure> {
    let text = vault.open_text(tx, client_place(&row.plugin).place(), &row.sealed).await?;
    RegisteredClient::from_secret(&text).map_err(unreadable)
}

/// Writes what is not secret of tokens into a row.
pub(crate) fn describe(row: &mut SealedTokens, tokens: &Tokens) {
    row.scopes.clone_from(&tokens.scopes);
    row.account_id.clone_from(&tokens.account.id);
    row.account_name.clone_from(&tokens.account.name);
    row.expires_at = tokens.expires_at;
    row.due_at = tokens.due_at;
    row.renewed_at = tokens.issued_at;
}

pub(crate) fn unreadable(error: UnknownForm) -> Failure {
    Failure::new(Code::ReauthorizationNeeded, error.to_string())
}
