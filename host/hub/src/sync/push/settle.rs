//! What comes of what was written.

use std::collections::{HashMap, HashSet};

use patchbay_model::{
    Code, Failure, Timestamp,
    object::ObjectRecord,
    sync::{OnDelete, SyncFailure, SyncLink},
};
use patchbay_package::manifest::sync::SyncDecl;
use patchbay_runtime::{SyncChange, SyncPushed, SyncWritten};
use patchbay_storage::LinkChange;

use super::{DUPLICATE, Out, Planned, PlannedWrite, REFUSED, instant, stamp::stamped, take_over};
use crate::{
    call::Call,
    hub::Inner,
    sync::{
        Sync, apply, mapping_of,
        step::{Stepped, Then},
    },
};

/// How much is kept of why the vendor did not take something, in characters.
const MOST_DETAIL: usize = 1_000;

/// What is stored of what the vendor answered with.
#[derive(Default)]
pub(super) struct Present {
    /// Whose counterpart each of the vendor's is.
    of_vendor: HashMap<String, SyncLink>,
    /// Records as they are now, which may be another version than was written.
    records: HashMap<String, ObjectRecord>,
}

impl Present {
    pub(super) fn of(links: Vec<SyncLink>, records: Vec<ObjectRecord>) -> Self {
        Self {
            of_vendor: links.into_iter().map(|link| (link.vendor_id.clone(), link)).collect(),
            records: records.into_iter().map(|record| (record.id.clone(), record)).collect(),
        }
    }
}

/// What comes of answers.
pub(super) struct Settled {
    pub(super) stepped: Stepped,
    /// What the vendor does not have any more.
    pub(super) gone: Vec<SyncChange>,
}

/// What comes of answers, one after the other.
pub(super) fn settled<'p>(
    out: &Out<'_>,
    present: Present,
    stepped: Stepped,
    now: Timestamp,
    answers: impl Iterator<Item = (&'p PlannedWrite, SyncWritten)>,
) -> Settled {
    let mut settling = Settling { out, present, stepped, used: HashSet::new(), gone: Vec::new(), now };
    for (planned, written) in answers {
        settling.settle(planned, written);
    }
    let Settling { stepped, gone, .. } = settling;
    Settled { stepped, gone }
}

/// A write that the vendor took.
struct Taken {
    id: String,
    modified_at: Option<u64>,
    url: Option<String>,
}

impl Inner {
    /// What is to be stored of writes that the plugin has answered. What is stored already is read here, after the vendor has
    /// answered, so that little time is between that and the commit: a conflict would forget what was made there.
    pub(crate) async fn settle_push(
        &self,
        call: &Call,
        sync: &Sync,
        decl: &SyncDecl,
        planned: Planned,
        pushed: SyncPushed,
    ) -> Result<Stepped, Failure> {
        let SyncPushed { written, pause_ms } = pushed;
        let Planned { writes, mut stepped } = planned;
        if written.len() != writes.len() {
            let detail = format!("the plugin was given {} writes and answered {}", writes.len(), written.len());
            return Err(Failure::new(Code::PluginOutputInvalid, detail));
        }
        let Some(out) = Out::of(sync, decl) else {
            return Err(Failure::internal("a sync was pushed that does not go out"));
        };
        stepped.then = Then::after(pause_ms, None);
        stepped.counts.calls += 1;
        let present = self.present(&out, &writes, &written).await?;
        let Settled { mut stepped, gone } =
            settled(&out, present, stepped, self.clock.now(), writes.iter().zip(written));
        let by = apply::By {
            sync,
            manifest: call.plugin().manifest(),
            mapping: mapping_of(&sync.state, decl),
            seen_in: None,
            goes_out: true,
        };
        take_over(&mut stepped, self.apply_changes(&by, gone).await?);
        Ok(stepped)
    }

    async fn present(
        &self,
        out: &Out<'_>,
        writes: &[PlannedWrite],
        written: &[SyncWritten],
    ) -> Result<Present, Failure> {
        let done = writes.iter().zip(written).filter_map(|(planned, written)| match written {
            SyncWritten::Done { id, .. } if !planned.write.delete => Some((id.clone(), planned.write.record.clone())),
            _ => None,
        });
        let (ids, records): (Vec<String>, Vec<String>) = done.unzip();
        if ids.is_empty() {
            return Ok(Present::default());
        }
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(out.org());
        let links = ours.syncs().links_by_vendor(out.plugin(), out.object(), &ids).await?;
        let records = ours.objects().get_many(out.object(), &records).await?;
        Ok(Present::of(links, records))
    }
}

/// Writes that are being settled, one after the other.
struct Settling<'a, 'o> {
    out: &'a Out<'o>,
    present: Present,
    stepped: Stepped,
    /// The vendor's ids that this step has linked.
    used: HashSet<String>,
    /// What the vendor does not have any more.
    gone: Vec<SyncChange>,
    now: Timestamp,
}

impl Settling<'_, '_> {
    fn settle(&mut self, planned: &PlannedWrite, written: SyncWritten) {
        let is_made_anew = self.out.sync.state.settings.deletes == OnDelete::Ignore;
        match written {
            SyncWritten::Done { .. } | SyncWritten::Gone if planned.write.delete => {
                self.stepped.counts.pushed += u64::from(matches!(written, SyncWritten::Done { .. }));
                self.end(planned);
            }
            SyncWritten::Done { id, modified_at, created: _, url } => {
                self.link(planned, Taken { id, modified_at, url });
            }
            SyncWritten::Gone if planned.link.is_none() => {
                self.refuse(planned, REFUSED, "the plugin says that what it was to make is not there any more");
            }
            // it stays linked only for as long as it is there: the row stays, and the next step makes it
            SyncWritten::Gone if is_made_anew => {
                self.end(planned);
                return;
            }
            SyncWritten::Gone => self.gone.extend(planned.write.id.clone().map(SyncChange::Deleted)),
            SyncWritten::Skipped { reason } => {
                tracing::debug!(record = planned.write.record, reason, "a plugin left a record out");
                self.stepped.counts.skipped += 1;
            }
            SyncWritten::Refused { message, field } => {
                let detail = field.map_or_else(|| message.clone(), |field| format!("`{field}`: {message}"));
                self.refuse(planned, REFUSED, &detail);
            }
        }
        self.stepped.commit.outbox_done.push(planned.row.clone());
    }

    /// The vendor has the record now.
    fn link(&mut self, planned: &PlannedWrite, taken: Taken) {
        let Taken { id, modified_at, url } = taken;
        let record = &planned.write.record;
        let present = self.present.of_vendor.get(&id);
        if present.is_some_and(|link| link.record_id != *record) || !self.used.insert(id.clone()) {
            let detail = format!("the vendor wrote it to `{id}`, which is the counterpart of another record");
            return self.refuse(planned, DUPLICATE, &detail);
        }
        self.stepped.counts.pushed += 1;
        let before = planned.link.as_ref();
        if let Some(before) = before.filter(|before| before.vendor_id != id) {
            // the vendor has merged it into another one meanwhile, and followed that
            self.stepped.commit.links.push(LinkChange::Remove { vendor_id: before.vendor_id.clone() });
        }
        let url = url.or_else(|| before.and_then(|before| before.url.clone()));
        if let Some(record) = self.present.records.get(record) {
            self.stepped.records.extend(stamped(record, self.out.sync.whose(), &id, url.as_deref()));
        }
        let same = before.filter(|before| before.vendor_id == id);
        // a pair that somebody else has made meanwhile, or changed, is not written over
        let expected = same.map_or_else(|| present.map_or(0, |link| link.version), |link| link.version);
        let link = SyncLink {
            vendor_id: id,
            record_id: record.clone(),
            base: planned.base.clone(),
            vendor_at: instant(modified_at).or_else(|| same.and_then(|link| link.vendor_at)),
            url,
            seen_in: same.and_then(|link| link.seen_in),
            version: expected,
            synced_at: self.now,
            gone_at: None,
        };
        self.stepped.commit.links.push(LinkChange::Put { link, expected: Some(expected) });
    }

    /// There is no pair any more.
    fn end(&mut self, planned: &PlannedWrite) {
        let vendor_id = planned.link.as_ref().map(|link| link.vendor_id.clone());
        self.stepped.commit.links.extend(vendor_id.map(|vendor_id| LinkChange::Remove { vendor_id }));
    }

    /// It is not tried again until the record changes.
    fn refuse(&mut self, planned: &PlannedWrite, code: &str, detail: &str) {
        self.stepped.counts.failed += 1;
        self.stepped.commit.failures.push(SyncFailure {
            vendor_id: planned.write.id.clone(),
            record_id: Some(planned.write.record.clone()),
            code: code.to_owned(),
            detail: detail.chars().take(MOST_DETAIL).collect(),
        });
    }
}
