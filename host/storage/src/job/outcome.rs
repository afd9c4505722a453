//! What becomes of a job after a step.

use patchbay_model::{JobId, RunId, Timestamp};
use uuid::Uuid;

/// What became of a step, by whoever did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOutcome {
    /// Of which job.
    pub id: JobId,
    /// What it was taken with: it is settled only if it is held with that still.
    pub lease: Uuid,
    /// Tries of the step so far, this one included if it counts.
    pub attempts: u32,
    /// The call into the plugin, if there was one.
    pub run: Option<RunId>,
    /// When the step began.
    pub started_at: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    /// What comes after it.
    pub end: JobEnd,
}

/// What comes after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// Nothing: the job is done, with this result (JSON text).
    Done(Option<String>),
    /// The next step from this cursor (JSON text), as soon as it is the job's turn; with how far it has come, in per mille.
    Again {
        /// Where it goes on.
        cursor: String,
        /// How far it has come.
        progress: Option<u32>,
    },
    /// The same step, then.
    Later {
        /// When.
        due_at: Timestamp,
        /// Why the step is to be done once more, if it failed: its code and what a caller may be told.
        error: Option<(String, String)>,
    },
    /// Nothing, because of this: its code and what a caller may be told.
    Failed(String, String),
    /// Nothing: somebody did not want it any more.
    Cancelled,
}

impl JobEnd {
    /// True if nothing comes after it.
    #[must_use]
    pub const fn is_the_last(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(..) | Self::Cancelled)
    }
}

/// An outcome as it is written.
#[derive(Debug)]
pub(crate) struct Written<'a> {
    /// When the next step is due; none if the job has ended.
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) attempts: u32,
    pub(crate) status: &'static str,
    pub(crate) cursor: Option<&'a str>,
    pub(crate) progress: Option<u32>,
    pub(crate) result: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
    pub(crate) detail: Option<&'a str>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
}

impl<'a> Written<'a> {
    /// A job that somebody does not want any more ends after the step, whatever would have come.
    pub(crate) fn of(outcome: &'a JobOutcome, is_unwanted: bool) -> Self {
        let mut written = Self {
            due_at: None,
            attempts: outcome.attempts,
            status: "open",
            cursor: None,
            progress: None,
            result: None,
            code: None,
            detail: None,
            started_at: Some(outcome.started_at),
            finished_at: None,
        };
        match &outcome.end {
            JobEnd::Done(result) => {
                written.status = "done";
                written.result = result.as_deref();
                written.progress = Some(1_000);
            }
            JobEnd::Again { cursor, progress } => {
                written.cursor = Some(cursor);
                written.progress = *progress;
                written.due_at = Some(outcome.at);
            }
            JobEnd::Later { due_at, error } => {
                written.due_at = Some(*due_at);
                written.code = error.as_ref().map(|(code, _)| code.as_str());
                written.detail = error.as_ref().map(|(_, detail)| detail.as_str());
            }
            JobEnd::Failed(code, detail) => {
                written.status = "failed";
                written.code = Some(code);
                written.detail = Some(detail);
            }
            JobEnd::Cancelled => written.status = "cancelled",
        }
        if is_unwanted && !outcome.end.is_the_last() {
            written.status = "cancelled";
            written.due_at = None;
        }
        if written.due_at.is_none() {
            written.finished_at = Some(outcome.at);
        }
        written
    }
}

/// The statement that writes one to the job, with the parameters 3 to 12 in the order of the columns.
macro_rules! update {
    ($where:literal) => {
        concat!(
            "UPDATE job SET status = $3, cursor = coalesce($4, cursor), progress = coalesce($5, progress), result = $6,
               error_code = $7, error_detail = $8, attempts = $9, run_id = coalesce($10, run_id),
               started_at = coalesce(started_at, $11), finished_at = $12 ",
            $where
        )
    };
}
pub(crate) use update;

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn outcome(end: JobEnd) -> JobOutcome {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        JobOutcome { id: JobId(Uuid::nil()), lease: Uuid::nil(), attempts: 1, run: None, started_at: at, at, end }
    }

    #[test]
    fn an_unwanted_job_ends_after_its_step_unless_it_ended_by_itself() {
        let again = outcome(JobEnd::Again { cursor: "1".into(), progress: None });
        assert_eq!(Written::of(&again, false).status, "open");
        let written = Written::of(&again, true);
        assert_eq!((written.status, written.due_at), ("cancelled", None));
        assert_eq!(Written::of(&outcome(JobEnd::Done(None)), true).status, "done");
    }

    #[test]
    fn what_has_ended_says_when_and_what_goes_on_says_when_it_is_due() {
        for end in [JobEnd::Done(None), JobEnd::Failed("x".into(), String::new()), JobEnd::Cancelled] {
            let outcome = outcome(end);
            let written = Written::of(&outcome, false);
            assert!(written.due_at.is_none() && written.finished_at.is_some(), "{outcome:?}");
        }
        let later = outcome(JobEnd::Later { due_at: outcome(JobEnd::Cancelled).at, error: None });
        let written = Written::of(&later, false);
        assert!(written.due_at.is_some() && written.finished_at.is_none());
    }
}
