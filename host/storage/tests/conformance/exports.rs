//! Exports: pages by key, and steps of which one counts.

use patchbay_model::{
    ExportId, JobId, RunId, UsageId,
    export::{Export, ExportFilter, ExportFormat, ExportStatus, Exported},
    job::NewJob,
    org::AuditEntry,
    plan::Metric,
};
use patchbay_storage::{ExportEnd, ExportStep, StoredExport, Walk};
use uuid::Uuid;

use crate::{
    Store,
    isolation::audit,
    store::{plugin, put},
};

fn walk<K>(after: Option<K>, upto: K, limit: u32) -> Walk<K> {
    Walk { after, upto, plugin: None, from: None, to: None, limit }
}

pub async fn rows_are_gone_through_once_in_the_order_of_their_keys(store: Store) {
    let journal = store.journal();
    let mut commits = vec![];
    for _ in 0..7 {
        let mut commit = store.commit(store.ours);
        for quantity in 0..3 {
            store.tick();
            commit.usage.push(store.usage(&commit.run, "tokens", quantity, None));
        }
        journal.commit(commit.clone()).await.unwrap();
        commits.push(commit);
    }
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let upto = ours.runs().newest().await.unwrap().unwrap();
    let mut runs: Vec<RunId> = vec![];
    loop {
        let page = ours.runs().walk(&walk(runs.last().copied(), upto, 3)).await.unwrap();
        if page.is_empty() {
            break;
        }
        runs.extend(page.into_iter().map(|run| run.id));
    }
    assert_eq!(runs, commits.iter().map(|commit| commit.run.id).collect::<Vec<_>>());
    let upto = ours.usage().newest().await.unwrap().unwrap();
    let mut usage: Vec<UsageId> = vec![];
    loop {
        let page = ours.usage().walk(&walk(usage.last().copied(), upto, 4)).await.unwrap();
        if page.is_empty() {
            break;
        }
        usage.extend(page.into_iter().map(|record| record.id));
    }
    let mut made: Vec<_> = commits.iter().flat_map(|commit| commit.usage.iter().map(|record| record.id)).collect();
    made.sort_unstable();
    assert_eq!(usage, made);
    // of another org there is nothing
    assert_eq!(tx.org(store.theirs).runs().newest().await.unwrap(), None);
    assert_eq!(tx.org(store.theirs).runs().walk(&walk(None, runs[6], 10)).await.unwrap(), []);
}

pub async fn a_walk_ends_at_its_last_key_and_takes_what_lies_in_its_time(store: Store) {
    let journal = store.journal();
    let mut runs = vec![];
    for name in ["openai", "stripe", "openai", "openai"] {
        let mut commit = store.commit(store.ours);
        commit.run.plugin = plugin(name);
        journal.commit(commit.clone()).await.unwrap();
        store.tick();
        runs.push(commit.run);
    }
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let found = async |walk: Walk<RunId>, ours: &mut patchbay_storage::OrgTx<'_>| {
        ours.runs().walk(&walk).await.unwrap().into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    let all = || walk(None, runs[3].id, 10);
    assert_eq!(found(walk(None, runs[1].id, 10), &mut ours).await, [runs[0].id, runs[1].id]);
    assert_eq!(found(Walk { plugin: Some(plugin("openai")), ..all() }, &mut ours).await.len(), 3);
    let between = Walk { from: Some(runs[1].started_at), to: Some(runs[3].started_at), ..all() };
    assert_eq!(found(between.clone(), &mut ours).await, [runs[1].id, runs[2].id]);
    let of_one = Walk { plugin: Some(plugin("openai")), ..between };
    assert_eq!(found(of_one, &mut ours).await, [runs[2].id]);
}

pub async fn documents_and_entries_are_gone_through_as_well(store: Store) {
    let mut commit = store.commit(store.ours);
    commit.plugin_changes = ["a", "c", "b"].map(|id| put(id, serde_json::json!({ "id": id }), None)).into();
    let (of, collection) = (commit.run.plugin.clone(), commit.plugin_changes[0].collection.clone());
    store.journal().commit(commit).await.unwrap();
    let mut tx = store.database.begin().await.unwrap();
    let entries: Vec<AuditEntry> = (0..3).map(|_| audit(&store, store.ours)).collect();
    for entry in &entries {
        tx.org(store.ours).audit().append(entry).await.unwrap();
    }
    let mut ours = tx.org(store.ours);
    let upto = ours.records(&of).last(&collection).await.unwrap().unwrap();
    assert_eq!(upto, "c");
    let page = ours.records(&of).walk(&collection, &walk(Some("a".to_owned()), upto, 10)).await.unwrap();
    assert_eq!(page.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    let page = ours.audit().walk(&walk(Some(1), 2, 10)).await.unwrap();
    assert_eq!(page.iter().map(|line| &line.entry).collect::<Vec<_>>(), [&entries[1]]);
}

pub(crate) fn export(store: &Store, number: u128, job: Option<JobId>) -> Export {
    Export {
        id: ExportId(Uuid::from_u128(number)),
        org: store.ours,
        what: Exported::Runs,
        format: ExportFormat::Csv,
        filter: ExportFilter { plugin: Some(plugin("openai")), ..ExportFilter::default() },
        by: "operator".to_owned(),
        job,
        status: ExportStatus::Queued,
        rows: 0,
        most_rows: Some(100),
        is_cut: false,
        progress: None,
        bytes: 0,
        sha256: None,
        error: None,
        created_at: store.now(),
        started_at: None,
        finished_at: None,
        expires_at: None,
    }
}

fn step(store: &Store, export: &Export, from: u64) -> ExportStep {
    ExportStep {
        id: export.id,
        from,
        place: Some("here\u{0}".to_owned()),
        file: Uuid::from_u128(7),
        rows: 10 * (from + 1),
        most_rows: Some(50),
        bytes: 1_000 * (from + 1),
        progress: Some(500),
        at: store.now(),
    }
}

async fn get(store: &Store, id: ExportId) -> Option<StoredExport> {
    let mut tx = store.database.read().await.unwrap();
    tx.org(store.ours).exports().get(id).await.unwrap()
}

pub async fn of_two_that_go_on_from_one_step_the_second_has_lost(store: Store) {
    let export = export(&store, 1, None);
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    ours.exports().insert(&export).await.unwrap();
    assert!(ours.exports().advance(&step(&store, &export, 0)).await.unwrap());
    assert!(!ours.exports().advance(&step(&store, &export, 0)).await.unwrap());
    assert!(ours.exports().advance(&step(&store, &export, 1)).await.unwrap());
    assert_eq!(ours.blobs().total_bytes().await.unwrap(), 2_000);
    tx.commit().await.unwrap();
    let stored = get(&store, export.id).await.unwrap();
    assert_eq!((stored.step, stored.place.as_deref(), stored.file), (2, Some("here\u{0}"), Some(Uuid::from_u128(7))));
    let expected = Export {
        status: ExportStatus::Running,
        rows: 20,
        most_rows: Some(50),
        bytes: 2_000,
        progress: Some(500),
        started_at: Some(store.now()),
        ..export.clone()
    };
    assert_eq!(stored.export, expected);
    let mut tx = store.database.begin().await.unwrap();
    let theirs = tx.org(store.theirs).exports().advance(&step(&store, &export, 2)).await.unwrap();
    assert!(!theirs && tx.org(store.theirs).exports().get(export.id).await.unwrap().is_none());
}

pub async fn an_export_ends_once_and_its_file_goes_in_time(store: Store) {
    let [good, bad] = [1, 2].map(|number| export(&store, number, None));
    let at = store.now();
    let done = ExportEnd::Done { sha256: "aa".repeat(32), is_cut: true, expires_at: store.later(1_000) };
    let failed = ExportEnd::Failed("internal".to_owned(), "it broke".to_owned());
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    for export in [&good, &bad] {
        ours.exports().insert(export).await.unwrap();
        assert!(ours.exports().advance(&step(&store, export, 0)).await.unwrap());
    }
    assert_eq!(ours.exports().open().await.unwrap(), 2);
    assert!(ours.exports().end(good.id, &done, at).await.unwrap());
    assert!(!ours.exports().end(good.id, &failed, at).await.unwrap());
    assert!(ours.exports().end(bad.id, &failed, at).await.unwrap());
    assert!(!ours.exports().advance(&step(&store, &good, 1)).await.unwrap());
    assert_eq!(ours.exports().files().await.unwrap(), [(good.id, Uuid::from_u128(7))]);
    assert!(!ours.exports().expire(good.id, at).await.unwrap());
    let due = tx.hub().exports_to_settle(store.later(1_000), at, 10).await.unwrap();
    assert_eq!(due.iter().map(|due| (due.org, due.id)).collect::<Vec<_>>(), [(store.ours, good.id)]);
    let mut ours = tx.org(store.ours);
    assert!(ours.exports().expire(good.id, store.later(1_000)).await.unwrap());
    assert_eq!(ours.exports().files().await.unwrap(), []);
    assert_eq!(ours.blobs().total_bytes().await.unwrap(), 0);
    tx.commit().await.unwrap();
    let (good, bad) = (get(&store, good.id).await.unwrap().export, get(&store, bad.id).await.unwrap().export);
    assert_eq!((good.status, good.is_cut, good.sha256), (ExportStatus::Expired, true, Some("aa".repeat(32))));
    assert_eq!((bad.status, bad.error), (ExportStatus::Failed, Some(("internal".to_owned(), "it broke".to_owned()))));
}

pub async fn exports_that_nobody_goes_on_with_are_found(store: Store) {
    let job = JobId(Uuid::from_u128(9));
    let (with_job, alone) = (export(&store, 1, Some(job)), export(&store, 2, None));
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    ours.exports().insert(&with_job).await.unwrap();
    ours.exports().insert(&alone).await.unwrap();
    ours.jobs().enqueue(&[NewJob::host(job, "export".to_owned(), "{}".to_owned(), store.now())]).await.unwrap();
    let (now, later) = (store.now(), store.later(1));
    assert_eq!(tx.hub().exports_to_settle(now, now, 10).await.unwrap(), []);
    let left = tx.hub().exports_to_settle(now, later, 10).await.unwrap();
    assert_eq!(left.iter().map(|left| left.id).collect::<Vec<_>>(), [alone.id]);
    let _ = tx.org(store.ours).jobs().cancel(job, now).await.unwrap();
    let left = tx.hub().exports_to_settle(now, now, 10).await.unwrap();
    assert_eq!(left.iter().map(|left| left.id).collect::<Vec<_>>(), [with_job.id]);
}

pub async fn exports_are_listed_newest_first_with_those_of_the_audit_log_or_without(store: Store) {
    let all: Vec<Export> = [Exported::Runs, Exported::Audit, Exported::Usage]
        .into_iter()
        .zip(1..)
        .map(|(what, number)| Export { what, ..export(&store, number, None) })
        .collect();
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    for export in &all {
        ours.exports().insert(export).await.unwrap();
    }
    for (of_audit, before, expected) in [
        (None, None, vec![&all[2], &all[1], &all[0]]),
        (Some(false), None, vec![&all[2], &all[0]]),
        (Some(true), None, vec![&all[1]]),
        (None, Some(all[2].id), vec![&all[1], &all[0]]),
    ] {
        let found = ours.exports().list(of_audit, before, 10).await.unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    }
    assert!(ours.exports().delete(all[0].id).await.unwrap());
    assert!(!ours.exports().delete(all[0].id).await.unwrap());
}

pub async fn what_the_hub_counts_is_added_up(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    for rows in [3, 4] {
        ours.counters().add(Metric::ExportRows, rows, store.now()).await.unwrap();
    }
    let period = patchbay_model::period::Period::containing(store.now(), store.now());
    let counted = ours.counters().of(period).await.unwrap();
    assert_eq!(counted.len(), 1);
    let [counted] = &counted[..] else { panic!("{counted:?}") };
    assert_eq!((counted.plugin.as_str(), counted.meter.as_str(), counted.quantity), ("patchbay", "export_rows", 7));
    assert_eq!(counted.counts.map(|counts| counts.metric), Some(Metric::ExportRows));
}
