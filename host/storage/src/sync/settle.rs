//! What a step of a sync leaves behind that called nobody: there is no run that the journal could commit it with.

use patchbay_model::{
    Timestamp,
    sync::{SyncCounts, SyncStatus},
};
use uuid::Uuid;

use super::Syncs;
use crate::{
    LinkChange, PlaceChange, RunChange, StorageError, SyncCommit,
    column::{micros, signed, unsigned},
    text::{Json, Text, optional},
};

/// Failures of a run that are kept, and of what belongs to no run: as many as the journal keeps.
const KEPT: i64 = 1_000;

/// Takes rows off one of the two queues, unless they came again meanwhile.
macro_rules! done {
    ($self:ident, $table:literal, $column:literal, $of:ident, $rows:expr) => {
        if !$rows.is_empty() {
            execute!(
                $self.tx,
                {
                    sqlite: concat!(
                        "DELETE FROM ", $table, " WHERE org_id = $1 AND plugin = $2 AND object = $3 AND (", $column, ", seq) IN
                           (SELECT value ->> 0, value ->> 1 FROM json_each($4))"
                    ),
                    postgres: concat!(
                        "DELETE FROM ", $table, " WHERE org_id = $1 AND plugin = $2 AND object = $3 AND (", $column, ", seq) IN
                           (SELECT done ->> 0, (done ->> 1)::bigint FROM json_array_elements($4) AS done)"
                    ),
                },
                $self.org.0,
                $of.plugin.as_str(),
                $of.object.as_str(),
                Json(&$rows),
            )?;
        }
    };
}

impl Syncs<'_> {
    /// Stores what a step leaves behind that called nobody, and holds the sync until the commit. False, and nothing is stored, if
    /// the sync is gone or an expectation is lost, or if there are records to be written there and the sync is switched off. Settle
    /// its job afterwards, in the same transaction: whoever wakes a sync takes them in this order. Records to be written there
    /// make no job: the one that is settled goes on with them.
    ///
    /// # Errors
    /// `Corrupt` for what only a call can leave: links that are put, and conflicts.
    pub async fn settle(&mut self, change: &SyncCommit, now: Timestamp) -> Result<bool, StorageError> {
        let is_put = |link: &LinkChange| matches!(link, LinkChange::Put { .. });
        if change.links.iter().any(is_put) || !change.conflicts.is_empty() {
            return Err(StorageError::corrupt("a step of a sync that called nobody"));
        }
        let held = fetch_optional!(
            self.tx,
            (i64, Option<Uuid>, bool, Option<Text>),
            "UPDATE sync SET wanted = wanted WHERE org_id = $1 AND plugin = $2 AND object = $3
             RETURNING wanted, open_run, enabled, CASE WHEN other_account IS NULL THEN account END",
            self.org.0,
            change.plugin.as_str(),
            change.object.as_str(),
        )?;
        let Some((wanted, open, enabled, account)) = held else { return Ok(false) };
        if change.account.is_some() && change.account != optional(account) {
            return Ok(false);
        }
        let is_other = |id: Uuid| open != Some(id);
        if change.only_if_wanted.is_some_and(|expected| expected != unsigned(wanted))
            || change.run.as_ref().is_some_and(|run| is_other(run.id.0))
            || change.place.as_ref().is_some_and(|place| is_other(place.run.0))
            || (!enabled && !change.outbox_add.is_empty())
        {
            return Ok(false);
        }
        done!(self, "sync_hint", "vendor_id", change, change.hints_done);
        done!(self, "sync_outbox", "record_id", change, change.outbox_done);
        self.add_outbox(&change.plugin, change.object, &change.outbox_add).await?;
        self.unlink(change).await?;
        self.note_failures(change, now).await?;
        if let Some(place) = &change.place {
            self.settle_place(change, place).await?;
        }
        if let Some(run) = &change.run {
            self.settle_run(change, run).await?;
        }
        Ok(true)
    }

    async fn unlink(&mut self, change: &SyncCommit) -> Result<(), StorageError> {
        for link in &change.links {
            let LinkChange::Remove { vendor_id } = link else { continue };
            // those that are gone are not counted
            let rows = fetch_optional!(
                self.tx,
                (Option<i64>,),
                "DELETE FROM sync_link WHERE org_id = $1 AND plugin = $2 AND object = $3 AND vendor_id = $4 RETURNING gone_at",
                self.org.0,
                change.plugin.as_str(),
                change.object.as_str(),
                Text(vendor_id.as_str()),
            )?
            .map_or(0, |(gone_at,)| u64::from(gone_at.is_none()));
            execute!(
                self.tx,
                "UPDATE sync SET linked = linked - $4 WHERE org_id = $1 AND plugin = $2 AND object = $3",
                self.org.0,
                change.plugin.as_str(),
                change.object.as_str(),
                signed(rows),
            )?;
        }
        Ok(())
    }

    async fn note_failures(&mut self, change: &SyncCommit, now: Timestamp) -> Result<(), StorageError> {
        let run = change.run.as_ref().map(|run| run.id.0).or(change.place.as_ref().map(|place| place.run.0));
        for failure in &change.failures {
            let number = fetch_optional!(
                self.tx,
                (i64,),
                "UPDATE sync SET failures = failures + 1, kept = kept + $4
                 WHERE org_id = $1 AND plugin = $2 AND object = $3 AND ($4 = 0 OR kept < $5) RETURNING failures",
                self.org.0,
                change.plugin.as_str(),
                change.object.as_str(),
                i64::from(run.is_some()),
                KEPT,
            )?;
            let Some((number,)) = number else { return Ok(()) };
            execute!(
                self.tx,
                "INSERT INTO sync_failure (org_id, plugin, object, number, run_id, vendor_id, record_id, code, detail, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                self.org.0,
                change.plugin.as_str(),
                change.object.as_str(),
                number,
                run,
                failure.vendor_id.as_deref().map(Text),
                failure.record_id.as_deref().map(Text),
                failure.code.as_str(),
                Text(failure.detail.as_str()),
                now.timestamp_micros(),
            )?;
            if run.is_none() {
                execute!(
                    self.tx,
                    "DELETE FROM sync_failure
                     WHERE org_id = $1 AND plugin = $2 AND object = $3 AND run_id IS NULL AND number <= $4",
                    self.org.0,
                    change.plugin.as_str(),
                    change.object.as_str(),
                    number - KEPT,
                )?;
            }
        }
        Ok(())
    }

    async fn settle_place(&mut self, change: &SyncCommit, place: &PlaceChange) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE sync SET mark = coalesce($4, mark), state = coalesce($5, state), last_full_at = coalesce($6, last_full_at),
               next_due_at = CASE WHEN next_due_at IS NOT NULL THEN coalesce($7, next_due_at) END
             WHERE org_id = $1 AND plugin = $2 AND object = $3",
            self.org.0,
            change.plugin.as_str(),
            change.object.as_str(),
            micros(place.mark),
            place.state.as_ref().map(Json),
            micros(place.last_full_at),
            micros(place.next_due_at),
        )?;
        execute!(
            self.tx,
            "UPDATE sync_run SET cursor = $3 WHERE org_id = $1 AND id = $2",
            self.org.0,
            place.run.0,
            place.cursor.as_ref().map(Json),
        )?;
        Ok(())
    }

    async fn settle_run(&mut self, change: &SyncCommit, run: &RunChange) -> Result<(), StorageError> {
        let at = run.at.timestamp_micros();
        let (code, detail) = run.failure.as_ref().map(|(code, detail)| (code.as_str(), detail.as_str())).unzip();
        execute!(
            self.tx,
            "UPDATE sync_run SET status = $3, progress = coalesce($4, progress), error_code = coalesce($5, error_code),
               error_detail = coalesce($6, error_detail), started_at = coalesce(started_at, $7), ended_at = $8
             WHERE org_id = $1 AND id = $2",
            self.org.0,
            run.id.0,
            run.status.as_str(),
            run.progress.map(i64::from),
            code,
            detail.map(Text),
            (run.status != SyncStatus::Queued).then_some(at),
            run.status.has_ended().then_some(at),
        )?;
        self.count(run).await?;
        if run.status.has_ended() {
            execute!(
                self.tx,
                "UPDATE sync SET open_run = NULL, last_run = $4 WHERE org_id = $1 AND plugin = $2 AND object = $3",
                self.org.0,
                change.plugin.as_str(),
                change.object.as_str(),
                run.id.0,
            )?;
        }
        Ok(())
    }

    async fn count(&mut self, run: &RunChange) -> Result<(), StorageError> {
        let SyncCounts {
            read,
            created,
            updated,
            deleted,
            merged,
            unchanged,
            pushed,
            skipped,
            failed,
            conflicts,
            calls,
        } = run.add;
        if run.add == SyncCounts::default() {
            return Ok(());
        }
        execute!(
            self.tx,
            "UPDATE sync_run SET read = read + $3, created = created + $4, updated = updated + $5, deleted = deleted + $6,
               merged = merged + $7, unchanged = unchanged + $8, pushed = pushed + $9, skipped = skipped + $10,
               failed = failed + $11, conflicts = conflicts + $12, calls = calls + $13
             WHERE org_id = $1 AND id = $2",
            self.org.0,
            run.id.0,
            signed(read),
            signed(created),
            signed(updated),
            signed(deleted),
            signed(merged),
            signed(unchanged),
            signed(pushed),
            signed(skipped),
            signed(failed),
            signed(conflicts),
            signed(calls),
        )?;
        Ok(())
    }
}
