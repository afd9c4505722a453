//! What is taken out of a batch in the same way for either database.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use patchbay_model::{Code, OrgId, event::Event, run::Run};
use uuid::Uuid;

use super::{Committed, RunCommit, objects::Objects};
use crate::WebhookOutcome;

/// A run, and how it failed if it did: by itself, or because it lost a compare-and-swap.
pub(super) struct Ended<'a> {
    pub(super) run: &'a Run,
    pub(super) code: Option<Cow<'a, str>>,
    pub(super) detail: Option<Cow<'a, str>>,
}

pub(super) fn ended<'a>(runs: &'a [Box<RunCommit>], committed: &[Committed]) -> Vec<Ended<'a>> {
    let end = |(commit, end): (&'a RunCommit, &Committed)| {
        let run = &commit.run;
        let (code, detail) = match end {
            Committed::All => (run.error_code.as_deref().map(Cow::from), run.error_detail.as_deref().map(Cow::from)),
            Committed::Conflict { collection, id } => {
                let detail = format!(
                    "the document {id:?} of the collection {collection:?} was changed by another run meanwhile"
                );
                (Some(Cow::from(Code::Conflict.as_str())), Some(Cow::from(detail)))
            }
            Committed::WebhookLost => {
                let detail = "the webhook's work took longer than its lease, and was taken up anew meanwhile";
                (Some(Cow::from(Code::Conflict.as_str())), Some(Cow::from(detail)))
            }
            Committed::JobLost => {
                let detail = "the job was taken up anew while this step of it ran, because its lease was not prolonged";
                (Some(Cow::from(Code::Conflict.as_str())), Some(Cow::from(detail)))
            }
        };
        Ended { run, code, detail }
    };
    runs.iter().map(|commit| &**commit).zip(committed).map(end).collect()
}

/// Those that keep all that they wrote.
pub(super) fn winners<'a>(runs: &'a [Box<RunCommit>], committed: &[Committed]) -> Vec<&'a RunCommit> {
    runs.iter().zip(committed).filter(|(_, end)| **end == Committed::All).map(|(commit, _)| &**commit).collect()
}

/// The webhooks that runs of a batch worked on, each with the place of its run.
pub(super) fn worked_on(runs: &[Box<RunCommit>]) -> Vec<(usize, OrgId, &WebhookOutcome)> {
    let runs = runs.iter().enumerate();
    runs.filter_map(|(place, commit)| Some((place, commit.run.org, commit.webhook.as_ref()?))).collect()
}

/// Says of each run whether it has lost the webhook that it worked on, given the places of those whose lease still holds. Of
/// two in one batch that worked on the same one, the first has it.
pub(super) fn without_webhook(runs: &[Box<RunCommit>], leased: &[usize]) -> Vec<Option<Committed>> {
    let leased: HashSet<usize> = leased.iter().copied().collect();
    let mut settled = HashSet::new();
    let lost = |(place, commit): (usize, &RunCommit)| {
        let outcome = commit.webhook.as_ref()?;
        let holds = leased.contains(&place) && settled.insert((commit.run.org, outcome.id));
        (!holds).then_some(Committed::WebhookLost)
    };
    runs.iter().map(Box::as_ref).enumerate().map(lost).collect()
}

/// Of which orgs a batch is, in their order.
pub(super) fn orgs(runs: &[Box<RunCommit>]) -> BTreeSet<OrgId> {
    runs.iter().map(|commit| commit.run.org).collect()
}

/// The events of a batch, in the order in which they were handed over; of one run first what it changed, so that whoever
/// takes in its own events finds it told.
pub(super) fn events<'a>(commits: &[&'a RunCommit], objects: &'a Objects<'_>) -> Vec<(OrgId, &'a Event)> {
    let of = |commit: &'a RunCommit| objects.events_of(commit.run.id).iter().chain(&commit.events);
    commits.iter().flat_map(|commit| of(commit).map(|event| (commit.run.org, event))).collect()
}

/// How many numbers each org needs, in the order of orgs.
pub(super) fn counts(events: &[(OrgId, &Event)]) -> BTreeMap<OrgId, i64> {
    let mut counts = BTreeMap::new();
    for (org, _) in events {
        *counts.entry(*org).or_default() += 1;
    }
    counts
}

/// The number of each event, given the last one of each org.
pub(super) fn numbers(events: &[(OrgId, &Event)], counts: BTreeMap<OrgId, i64>, last: Vec<(Uuid, i64)>) -> Vec<i64> {
    let last: HashMap<Uuid, i64> = last.into_iter().collect();
    // From the number before an org's first event of this batch, upwards.
    let mut next: HashMap<OrgId, i64> =
        counts.into_iter().map(|(org, count)| (org, last.get(&org.0).copied().unwrap_or_default() - count)).collect();
    events
        .iter()
        .map(|(org, _)| {
            let number = next.entry(*org).or_default();
            *number += 1;
            *number
        })
        .collect()
}
