//! Asking for an export.

use std::time::Duration;

use patchbay_model::{
    Code, ExportId, Failure, JobId, OrgId, Violation,
    event::{Event, is_type_or_family},
    export::{Export, ExportFilter, ExportStatus, Exported},
    object::StandardObject,
    plan::Metric,
};
use serde_json::json;

use super::{ExportView, MOST_OPEN, NewExport, job::ExportJob, needed, step::least};
use crate::{
    auth::Caller,
    call::CallFailure,
    events::own::{Fact, Own},
    hub::{Hub, Inner},
    idempotency::{Begun, Claim, IdempotencyKey, Kept, What, hash_of},
    notes::AnswerNotes,
    plans::{refusal, standing::Standing, tally::units_of},
};

/// Types of events that one export names.
const MOST_TYPES: usize = 50;
/// When to ask again while too many of an org are open.
const LATER: Duration = Duration::from_secs(60);
/// The longest name of a collection, in bytes.
const MOST_NAME: usize = 256;

impl Hub {
    /// Asks for an export, which a job writes. Needs the permission that reading the same needs: `read_audit` for the audit log,
    /// `read_activity` for everything else. With an idempotency key there is one export for it, which a repeat gets.
    /// `concurrency_limited` while ten of the org are open, `plan_limit_reached` if its plan has no more rows in this period.
    pub async fn create_export(
        &self,
        caller: &Caller,
        new: NewExport,
        key: Option<IdempotencyKey>,
        notes: &AnswerNotes,
    ) -> Result<ExportView, CallFailure> {
        let hub = &*self.0;
        let (what, filter) = check(caller, &new)?;
        hub.running()?;
        let mut claim = None;
        if let Some(key) = key {
            let asked = json!({ "what": what, "format": new.format, "filter": filter }).to_string();
            let fingerprint = hash_of(&[asked.as_bytes()]);
            let once = What { key, method: "POST".to_owned(), route: "/v1/exports".to_owned(), fingerprint };
            claim = match self.begin_once(caller, once).await? {
                Begun::Ours(claim) => Some(claim),
                Begun::Before(_, kept) => {
                    notes.note_replayed();
                    return Ok(self.export(caller, kept.into_export()?).await?);
                }
            };
        }
        let made =
            hub.make_export(caller, &new, filter, Some(JobId::new(&*hub.clock, &*hub.random)), claim.as_ref()).await;
        match made {
            Ok(export) => {
                if let Some(claim) = claim {
                    claim.is_answered();
                }
                hub.jobs.due_at(export.created_at);
                Ok(hub.view_export(export))
            }
            Err(failure) => {
                if let Some(claim) = claim {
                    claim.let_go(hub, Some(&failure)).await;
                }
                Err(failure.into())
            }
        }
    }

    /// As [`Hub::create_export`], for a command that writes it itself by [`Hub::go_on_with_export`]. One that nobody goes on
    /// with for a day has failed.
    pub async fn begin_export(&self, caller: &Caller, new: NewExport) -> Result<ExportView, Failure> {
        let (_, filter) = check(caller, &new)?;
        let export = self.0.make_export(caller, &new, filter, None, None).await?;
        Ok(self.0.view_export(export))
    }
}

impl Inner {
    async fn make_export(
        &self,
        caller: &Caller,
        new: &NewExport,
        filter: ExportFilter,
        job: Option<JobId>,
        claim: Option<&Claim>,
    ) -> Result<Export, Failure> {
        let standing = self.standing(caller.org).await?;
        let most_rows = least(standing.plan.max_export_rows, self.export_rows_left(&standing).await?);
        let (id, now) = (ExportId::new(&*self.clock, &*self.random), self.clock.now());
        let export = Export {
            id,
            org: caller.org,
            what: new.what,
            format: new.format,
            filter,
            by: caller.actor.to_string(),
            job,
            status: ExportStatus::Queued,
            rows: 0,
            most_rows,
            is_cut: false,
            progress: None,
            bytes: 0,
            sha256: None,
            error: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            expires_at: None,
        };
        let answer = match claim {
            Some(claim) => Some(self.answer_of(claim, None, Some(&Kept::Export(id.to_string()))).await),
            None => None,
        };
        let detail = json!({ "what": export.what, "format": export.format, "filter": export.filter });
        let entry = self.audit(caller.org, caller.actor, "export.create", id, detail);
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.lock().await?;
        if ours.exports().open().await? >= MOST_OPEN {
            let detail = format!("{MOST_OPEN} exports of the organization wait or run: wait for one, or delete it");
            return Err(Failure::new(Code::ConcurrencyLimited, detail).retry_after(LATER));
        }
        ours.exports().insert(&export).await?;
        if let Some(job) = job {
            ours.jobs().enqueue(&[ExportJob::of(id, job, now)]).await?;
        }
        if let Some(answer) = &answer {
            ours.idempotency().answer(answer).await?;
        }
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        Ok(export)
    }

    /// How many rows the org's plan still has in this period; none: it does not end. `plan_limit_reached` if it has none.
    pub(super) async fn export_rows_left(&self, standing: &Standing) -> Result<Option<u64>, Failure> {
        let Some(stop) = standing.plan.stops_at(Metric::ExportRows) else { return Ok(None) };
        let period = standing.period(self.clock.now());
        let mut tx = self.database.read().await?;
        let sums = tx.org(standing.org).counters().of(period).await?;
        let units = units_of(sums.iter().map(|counted| (counted.counts, counted.quantity)));
        let used = units.get(Metric::ExportRows.index()).copied().unwrap_or_default();
        if used >= stop {
            let reached = (Metric::ExportRows, stop, used);
            return Err(refusal::limit_reached(&self.config.plans, standing, period, reached));
        }
        Ok(Some(stop - used))
    }

    pub(super) fn export_completed(&self, export: &Export, expires_at: patchbay_model::Timestamp) -> Event {
        let data = json!({
            "export": export.id,
            "what": export.what,
            "format": export.format,
            "rows": export.rows,
            "size": export.bytes,
            "cut_off": export.is_cut,
            "expires_at": expires_at,
        });
        self.export_event(Own::ExportCompleted, export.org, export.id, data)
    }

    pub(super) fn export_failed(&self, export: &Export, code: &str, detail: &str) -> Event {
        let data = json!({
            "export": export.id,
            "what": export.what,
            "format": export.format,
            "error": { "code": code, "detail": detail },
        });
        self.export_event(Own::ExportFailed, export.org, export.id, data)
    }

    fn export_event(&self, own: Own, org: OrgId, id: ExportId, data: serde_json::Value) -> Event {
        let fact = Fact { org, subject: id.to_string(), data, dedupe: None, at: self.clock.now() };
        own.event(fact, &*self.clock, &*self.random)
    }
}

/// What is asked for, if the caller may ask for it and there is such a thing.
fn check(caller: &Caller, new: &NewExport) -> Result<(Exported, ExportFilter), Failure> {
    caller.require(needed(new.what))?;
    let NewExport { what, format: _, plugin, collection, object, types, from, to } = new.clone();
    let mut violations = Vec::new();
    let mut wrong = |pointer: &str, expected: &str| {
        violations.push(Violation { pointer: pointer.to_owned(), expected: expected.to_owned() });
    };
    if what == Exported::Records {
        match (&object, &plugin, &collection) {
            (Some(object), None, None) if object.parse::<StandardObject>().is_err() => {
                wrong("/object", "a standard object: see /v1/objects");
            }
            (Some(_), None, None) => {}
            (None, Some(_), Some(name)) if (1..=MOST_NAME).contains(&name.len()) => {}
            (None, Some(_), Some(_)) => wrong("/collection", "1 to 256 bytes"),
            _ => wrong("", "records: of a `plugin` and its `collection`, or of a standard `object`"),
        }
    } else {
        if collection.is_some() {
            wrong("/collection", "nothing: only records are in collections");
        }
        if object.is_some() {
            wrong("/object", "nothing: only records are of objects");
        }
    }
    if matches!(what, Exported::Audit | Exported::Deliveries) && plugin.is_some() {
        wrong("/plugin", "nothing: these rows are of no plugin");
    }
    if what != Exported::Events && !types.is_empty() {
        wrong("/types", "nothing: only events have types");
    }
    if types.len() > MOST_TYPES {
        wrong("/types", "at most 50");
    }
    for (index, kind) in types.iter().enumerate() {
        if kind != "*" && !is_type_or_family(kind) {
            wrong(&format!("/types/{index}"), "a type of events, as in `call.created`, or `call.*`");
        }
    }
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        wrong("/to", "a time after `from`");
    }
    if !violations.is_empty() {
        return Err(Failure::invalid(violations));
    }
    Ok((what, ExportFilter { plugin, collection, object, types, from, to }))
}
