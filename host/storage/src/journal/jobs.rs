//! The jobs of a batch: whose step a run was, and which jobs it made.

use std::collections::{BTreeMap, HashMap, HashSet};

use patchbay_model::{JobId, OrgId, job::NewJob};
use uuid::Uuid;

use super::{Committed, RunCommit, syncs::Syncs};
use crate::{
    JobOutcome,
    job::{lane::Wake, outcome::Written},
};

/// What the queue says of a job that a run of the batch worked on, and that is held with the lease that the run says.
#[derive(Debug, Clone)]
pub(super) struct HeldJob {
    lane: String,
    is_unwanted: bool,
}

/// The jobs that the batch's runs worked on and may settle.
#[derive(Debug, Default)]
pub(super) struct HeldJobs(HashMap<(OrgId, JobId, Uuid), HeldJob>);

impl HeldJobs {
    pub(super) fn add(&mut self, org: OrgId, id: JobId, lease: Uuid, lane: String, is_unwanted: bool) {
        self.0.insert((org, id, lease), HeldJob { lane, is_unwanted });
    }

    /// Adds to the runs that have lost something those that have lost their job. Of two in one batch that worked on the same
    /// one, the first has it.
    pub(super) fn lost(&self, runs: &[Box<RunCommit>], mut lost: Vec<Option<Committed>>) -> Vec<Option<Committed>> {
        let mut settled = HashSet::new();
        for (commit, lost) in runs.iter().zip(&mut lost) {
            let Some(outcome) = &commit.job else { continue };
            let key = (commit.run.org, outcome.id, outcome.lease);
            if !self.0.contains_key(&key) || !settled.insert(key) {
                lost.get_or_insert(Committed::JobLost);
            }
        }
        lost
    }

    /// What is written of each job that these runs worked on.
    pub(super) fn written<'a>(&self, commits: &[&'a RunCommit]) -> Vec<Settled<'a>> {
        let of = |commit: &&'a RunCommit| {
            let outcome = commit.job.as_ref()?;
            let held = self.0.get(&(commit.run.org, outcome.id, outcome.lease))?;
            let written = Written::of(outcome, held.is_unwanted);
            Some(Settled { org: commit.run.org, outcome, lane: held.lane.clone(), written })
        };
        commits.iter().filter_map(of).collect()
    }
}

/// A job that is settled.
#[derive(Debug)]
pub(super) struct Settled<'a> {
    pub(super) org: OrgId,
    pub(super) outcome: &'a JobOutcome,
    pub(super) lane: String,
    pub(super) written: Written<'a>,
}

impl Settled<'_> {
    /// Its lane may have room now, or something that is due.
    pub(super) fn wake(&self) -> Wake {
        let at = self.written.due_at.unwrap_or(self.outcome.at);
        Wake { org: self.org, lane: self.lane.clone(), cap: None, at }
    }
}

/// The jobs that runs of a batch worked on, in the order in which all hubs take them.
pub(super) fn worked_on(runs: &[Box<RunCommit>]) -> Vec<(OrgId, &JobOutcome)> {
    let worked_on = runs.iter().filter_map(|commit| Some((commit.run.org, commit.job.as_ref()?)));
    let sorted: BTreeMap<_, _> = worked_on.map(|(org, outcome)| ((org, outcome.id, outcome.lease), outcome)).collect();
    sorted.into_iter().map(|((org, ..), outcome)| (org, outcome)).collect()
}

/// The jobs that runs of a batch made, and those that drive the syncs that they made work for.
pub(super) fn made<'a>(commits: &[&'a RunCommit], syncs: &'a Syncs<'_>) -> Vec<(OrgId, &'a NewJob)> {
    let made = commits.iter().flat_map(|commit| commit.jobs.iter().map(|job| (commit.run.org, job)));
    made.chain(syncs.jobs()).collect()
}
