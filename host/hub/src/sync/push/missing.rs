//! Records that others name and that the vendor does not have yet.
//!
//! Who names them is written without that, so that neither waits for the other. They are to be written too, and once they have
//! counterparts, whoever names them is looked at once more (`outbox.rs`) and then told of them.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_model::{Failure, JobId, job::NewJob, object::StandardObject};

use super::Out;
use crate::hub::Inner;

impl Inner {
    /// Has records written at the vendor, as far as the syncs of their objects make records there. In a transaction of its own: to
    /// say it once too often costs a comparison.
    pub(super) async fn send_missing(
        &self,
        out: &Out<'_>,
        missing: BTreeSet<(StandardObject, String)>,
        hops: u32,
    ) -> Result<(), Failure> {
        // in the order in which everybody takes syncs
        let mut by_object: BTreeMap<&'static str, (StandardObject, Vec<String>)> = BTreeMap::new();
        for (object, id) in missing {
            by_object.entry(object.as_str()).or_insert_with(|| (object, Vec::new())).1.push(id);
        }
        if by_object.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(out.org());
        let mut jobs = Vec::new();
        for (object, ids) in by_object.into_values() {
            let Some(state) = ours.syncs().get(out.plugin(), object).await? else { continue };
            let settings = &state.settings;
            let is_made_there = settings.enabled && settings.direction.is_outward() && settings.create_there;
            if is_made_there && ours.syncs().add_outbox(out.plugin(), object, &ids).await? {
                let id = JobId::new(&*self.clock, &*self.random);
                jobs.push(NewJob::sync(id, out.plugin().clone(), object, hops, now));
            }
        }
        if jobs.is_empty() {
            return Ok(());
        }
        ours.jobs().enqueue(&jobs).await?;
        tx.commit().await?;
        self.jobs.due_at(now);
        Ok(())
    }
}
