//! Whose data a sync's links are about: the vendor's account, as far as a connection has told it.
//!
//! Ids of one account mean other things in another one. So whoever stores credentials compares their account with the one that is
//! kept here, in that transaction, and holds the org's lock for it: of two who connect at once, the second finds what the first
//! has left.

use patchbay_model::{PluginId, Timestamp, object::StandardObject};

use super::Syncs;
use crate::{StorageError, text::Text};

impl Syncs<'_> {
    /// Says whose data a sync's links are about; none: nobody knows.
    ///
    /// # Errors
    /// The database fails.
    pub async fn belong(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        account: Option<&str>,
    ) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE sync SET account = $4 WHERE org_id = $1 AND plugin = $2 AND object = $3",
            self.org.0,
            of.as_str(),
            what.as_str(),
            account.map(Text),
        )?;
        Ok(())
    }

    /// Switches a sync off because another account is connected, and notes which one; empty if nobody has said that.
    ///
    /// # Errors
    /// The database fails.
    pub async fn part(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        other: &str,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        self.disable(of, what, now).await?;
        execute!(
            self.tx,
            "UPDATE sync SET other_account = $4 WHERE org_id = $1 AND plugin = $2 AND object = $3",
            self.org.0,
            of.as_str(),
            what.as_str(),
            Text(other),
        )?;
        Ok(())
    }

    /// Switches a sync on that was switched off because of another account, and that alone. What changed meanwhile was kept by
    /// nobody, so its next run reads all. False if it was not.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rejoin(&mut self, of: &PluginId, what: StandardObject, now: Timestamp) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE sync SET other_account = NULL, last_full_at = NULL
             WHERE org_id = $1 AND plugin = $2 AND object = $3 AND other_account IS NOT NULL",
            self.org.0,
            of.as_str(),
            what.as_str(),
        )?;
        if rows == 0 {
            return Ok(false);
        }
        self.enable(of, what, now).await
    }

    /// Forgets which of theirs is which of ours, what waits, and how far all was read; an open run is cancelled. Records stay, and
    /// so do settings and what was told of runs.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_links(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        // First what everybody holds who adds to the rest.
        execute!(
            self.tx,
            "UPDATE sync SET mark = NULL, state = NULL, last_full_at = NULL, linked = 0, wanted = wanted + 1
             WHERE org_id = $1 AND plugin = $2 AND object = $3",
            self.org.0,
            of.as_str(),
            what.as_str(),
        )?;
        let Some(state) = self.get(of, what).await? else { return Ok(()) };
        if let Some(open) = state.open_run {
            self.cancel_run(open, now).await?;
        }
        if let Some(last) = state.last_run {
            // one that has failed is not gone on with
            execute!(self.tx, "UPDATE sync_run SET cursor = NULL WHERE org_id = $1 AND id = $2", self.org.0, last.0,)?;
        }
        macro_rules! with_it {
            ($($table:literal)*) => {$(
                execute!(
                    self.tx,
                    concat!("DELETE FROM ", $table, " WHERE org_id = $1 AND plugin = $2 AND object = $3"),
                    self.org.0,
                    of.as_str(),
                    what.as_str(),
                )?;
            )*};
        }
        with_it! { "sync_hint" "sync_outbox" "sync_link" }
        Ok(())
    }
}
