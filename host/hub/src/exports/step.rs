//! A step of an export: some thousand rows more in the file, and then in the database that they count.

use std::sync::Arc;

use patchbay_model::{
    Code, ExportId, Failure, OrgId, Timestamp,
    event::Event,
    export::Export,
    plan::{Counts, Metric},
};
use patchbay_storage::{ExportEnd, ExportStep, StoredExport, Tx};

use super::{
    KEPT, columns,
    encode::Encoder,
    file::{self, NoFile, Open},
    source::{Place, Source},
};
use crate::{hub::Inner, plans::standing::Standing};

/// Rows that one write brings to the file.
const BATCH: u64 = 1_000;
/// Bytes after which a write begins, however few rows they are.
const BATCH_BYTES: usize = 4 << 20;
/// Writes of one step: one commit for all of them.
const BATCHES: usize = 10;

/// What a step has come to, before it counts.
pub(crate) struct Stepped {
    org: OrgId,
    step: Option<ExportStep>,
    end: Option<(ExportEnd, Event)>,
    /// Rows that the org is to be counted, and how it stands.
    counted: u64,
    standing: Arc<Standing>,
    pub(super) id: ExportId,
    pub(super) at: Timestamp,
    pub(super) progress: Option<u32>,
}

/// A file with the rows of a step.
struct Written {
    open: Open,
    place: Option<Place>,
    rows: u64,
    /// Nothing is left to be written.
    is_whole: bool,
    is_cut: bool,
}

impl Stepped {
    /// True if the export has ended with this.
    pub(super) const fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Says that it counts. `conflict` if somebody else has gone on meanwhile: then nothing does.
    pub(crate) async fn commit(self, tx: &mut Tx) -> Result<(), Failure> {
        let Self { org, step, end, counted, standing, id, at, .. } = self;
        let mut ours = tx.org(org);
        let lost = || Failure::new(Code::Conflict, "somebody else has gone on with this export, or ended it");
        if let Some(step) = step
            && !ours.exports().advance(&step).await?
        {
            return Err(lost());
        }
        if let Some((end, event)) = end {
            if !ours.exports().end(id, &end, at).await? {
                return Err(lost());
            }
            ours.events().append(&event).await?;
        }
        if counted > 0 {
            ours.counters().add(Metric::ExportRows, counted, at).await?;
            standing.tally.add_all(&[(Counts::one(Metric::ExportRows), counted, at)]);
        }
        Ok(())
    }
}

impl Inner {
    /// Writes some more rows of an export. Nothing if there is no such export, or if it has ended.
    pub(crate) async fn step_export(&self, org: OrgId, id: ExportId) -> Result<Option<Stepped>, Failure> {
        let stored = {
            let mut tx = self.database.read().await?;
            tx.org(org).exports().get(id).await?
        };
        let Some(stored) = stored.filter(|stored| stored.export.status.is_open()) else {
            self.exports.forget(id);
            return Ok(None);
        };
        let standing = self.standing(org).await?;
        match self.write_rows(&stored, &standing).await {
            Ok(stepped) => Ok(Some(stepped)),
            Err(failure) if is_final(&failure) => {
                let export = &stored.export;
                let end = self.end_of_failed(export, &failure);
                Ok(Some(self.stepped(export, &standing, None, Some(end), 0)))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn write_rows(&self, stored: &StoredExport, standing: &Arc<Standing>) -> Result<Stepped, Failure> {
        let export = &stored.export;
        let most_rows = match stored.step {
            0 => least(export.most_rows, self.export_rows_left(standing).await?),
            _ => export.most_rows,
        };
        let open = self.file_of(stored).await.map_err(|missing| match missing {
            NoFile::Lost(error) => {
                Failure::new(Code::Conflict, "what was written so far is not there any more").with_internal(error)
            }
            NoFile::Failed(failure) => failure,
        })?;
        let written = self.add_rows(stored, open, most_rows).await?;
        let Written { mut open, place, rows, is_whole, is_cut } = written;
        open.file.sync().await.map_err(Failure::internal)?;
        let source = Source::of(export.what, &export.filter)?;
        let text = place.as_ref().map(serde_json::to_string).transpose().map_err(Failure::internal)?;
        let step = ExportStep {
            id: export.id,
            from: stored.step,
            place: text,
            file: open.name,
            rows,
            most_rows,
            bytes: open.file.length(),
            progress: place.as_ref().and_then(|place| source.progress(place)),
            at: self.clock.now(),
        };
        let end = match is_whole {
            true => Some(self.end_of_whole(export, &step, is_cut).await?),
            false => {
                self.exports.keep(export.id, stored.step + 1, open);
                None
            }
        };
        Ok(self.stepped(export, standing, Some(step), end, rows.saturating_sub(export.rows)))
    }

    /// Reads and writes until the step is as long as one should be.
    async fn add_rows(&self, stored: &StoredExport, open: Open, most_rows: Option<u64>) -> Result<Written, Failure> {
        let export = &stored.export;
        let source = Source::of(export.what, &export.filter)?;
        let mut encoder = Encoder::new(export.format, columns::of(export.what, source.object()));
        let read: Option<Place> =
            stored.place.as_deref().map(serde_json::from_str).transpose().map_err(Failure::internal)?;
        let (mut place, room) = {
            let mut tx = self.database.read().await?;
            let mut ours = tx.org(export.org);
            let kept = ours.blobs().total_bytes().await?;
            let place = match (read, stored.step) {
                (None, 0) => source.bounds(&mut ours, &export.filter).await?,
                (place, _) => place,
            };
            (place, self.blobs.room_to_grow(kept).map_err(full)?)
        };
        if stored.step == 0 {
            encoder.header()?;
        }
        let mut written = Written { open, place: None, rows: export.rows, is_whole: place.is_none(), is_cut: false };
        for _ in 0..BATCHES {
            if written.is_whole {
                break;
            }
            let Some(place) = &mut place else { break };
            self.read_batch(export, &source, place, &mut encoder, &mut written, most_rows).await?;
            append(&mut written.open, &encoder.take()?, room, stored.export.bytes).await.map_err(
                |error| match error {
                    NoRoom::Full => full(self.blobs.full()),
                    NoRoom::Disk(error) => Failure::internal(error),
                },
            )?;
        }
        // of an empty export there is the header
        append(&mut written.open, &encoder.take()?, u64::MAX, 0).await.map_err(|_| Failure::internal("no header"))?;
        written.place = place;
        Ok(written)
    }

    /// Reads as many rows as one write brings to the file.
    async fn read_batch(
        &self,
        export: &Export,
        source: &Source,
        place: &mut Place,
        encoder: &mut Encoder,
        written: &mut Written,
        most_rows: Option<u64>,
    ) -> Result<(), Failure> {
        let goal = written.rows + BATCH;
        let mut bytes = 0;
        while written.rows < goal && bytes < BATCH_BYTES {
            let left = most_rows.map_or(u64::MAX, |most| most.saturating_sub(written.rows));
            // one more than it may have tells whether it is cut
            let most = u32::try_from((goal - written.rows).min(left.saturating_add(1))).unwrap_or(u32::MAX);
            let page = {
                let mut tx = self.database.read().await?;
                source.page(&mut tx.org_in_bulk(export.org), &export.filter, place, most.max(1)).await?
            };
            for (key, document) in page.rows {
                if most_rows.is_some_and(|most| written.rows >= most) {
                    (written.is_whole, written.is_cut) = (true, true);
                    return Ok(());
                }
                bytes += encoder.row(&document)?;
                written.rows += 1;
                place.first.get_or_insert_with(|| key.clone());
                place.after = Some(key);
            }
            match page.next {
                Some(next) => place.after = Some(next),
                None => {
                    written.is_whole = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn end_of_whole(
        &self,
        export: &Export,
        step: &ExportStep,
        is_cut: bool,
    ) -> Result<(ExportEnd, Event), Failure> {
        let name = file::name(export.id, step.file);
        let sha256 = self.blobs.digest_grown(export.org, &name, step.bytes).await.map_err(Failure::internal)?;
        let expires_at = step.at + KEPT;
        let done = Export { rows: step.rows, bytes: step.bytes, is_cut, ..export.clone() };
        let event = self.export_completed(&done, expires_at);
        Ok((ExportEnd::Done { sha256, is_cut, expires_at }, event))
    }

    /// How an export ends that comes to nothing, and what is told of it.
    pub(super) fn end_of_failed(&self, export: &Export, failure: &Failure) -> (ExportEnd, Event) {
        let (code, detail) = (failure.code.as_str().to_owned(), crate::call::told(failure));
        let event = self.export_failed(export, &code, &detail);
        (ExportEnd::Failed(code, detail), event)
    }

    pub(super) fn stepped(
        &self,
        export: &Export,
        standing: &Arc<Standing>,
        step: Option<ExportStep>,
        end: Option<(ExportEnd, Event)>,
        counted: u64,
    ) -> Stepped {
        let at = self.clock.now();
        let progress = step.as_ref().and_then(|step| step.progress);
        Stepped { org: export.org, id: export.id, step, end, counted, standing: Arc::clone(standing), at, progress }
    }
}

/// Why bytes were not added.
enum NoRoom {
    Full,
    Disk(std::io::Error),
}

/// Adds bytes, of which `room` more may be there than there were.
async fn append(open: &mut Open, bytes: &[u8], room: u64, before: u64) -> Result<(), NoRoom> {
    let grown = open.file.length().saturating_sub(before).saturating_add(bytes.len() as u64);
    if grown > room {
        return Err(NoRoom::Full);
    }
    open.file.append(bytes).await.map_err(NoRoom::Disk)
}

fn full(error: patchbay_runtime::StoreError) -> Failure {
    match error {
        patchbay_runtime::StoreError::Disk(error) => Failure::internal(error),
        told => Failure::new(Code::PayloadTooLarge, format!("there is no room for the file: {told}")),
    }
}

/// The lesser of two bounds.
pub(super) fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// True if another try would end in the same way.
const fn is_final(failure: &Failure) -> bool {
    matches!(
        failure.code,
        Code::PayloadTooLarge | Code::PlanLimitReached | Code::Conflict | Code::NotFound | Code::InvalidRequest
    )
}
