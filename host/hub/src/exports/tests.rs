//! Exports step by step, without plugins and without HTTP.

use futures::TryStreamExt as _;
use patchbay_model::{
    Code, ExportId,
    export::{Export, ExportFormat, ExportStatus, Exported},
    org::{Org, Scope},
};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::*;
use crate::{Caller, RunFilter, testing::TestHub};

struct Scene {
    test: TestHub,
    org: Org,
    caller: Caller,
}

impl Scene {
    async fn with_runs(count: usize) -> Self {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        for _ in 0..count {
            let _ = test.run(&org, "openai", None).await;
        }
        Self { test, org, caller }
    }

    async fn ask(&self, what: Exported) -> ExportId {
        let made = self.test.hub.create_export(&self.caller, new(what), None, &crate::AnswerNotes::default()).await;
        made.unwrap_or_else(|failure| panic!("{:?}", failure.failure)).export.id
    }

    async fn look(&self, id: ExportId) -> Export {
        self.test.hub.export(&self.caller, id).await.unwrap().export
    }

    async fn done(&self, id: ExportId) -> Export {
        self.test.hub.work_due_jobs().await.unwrap();
        self.look(id).await
    }

    async fn lines(&self, id: ExportId) -> Vec<Value> {
        let file = self.test.hub.export_file(&self.caller, id).await.unwrap();
        let bytes = file.bytes.try_collect::<Vec<_>>().await.unwrap().concat();
        assert_eq!(bytes.len() as u64, file.size);
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn steps(&self, id: ExportId) -> u64 {
        let mut tx = self.test.hub.0.database.read().await.unwrap();
        tx.org(self.org.id).exports().get(id).await.unwrap().unwrap().step
    }

    /// Makes its plan's limits these.
    async fn plan(&self, name: &str) {
        self.test.hub.set_plan(self.org.id, name, None).await.unwrap();
    }

    async fn events(&self) -> Vec<String> {
        let mut tx = self.test.hub.0.database.read().await.unwrap();
        let events = tx.org(self.org.id).events().list(0, &[], 100).await.unwrap();
        events.into_iter().map(|(_, event)| event.kind).collect()
    }
}

fn new(what: Exported) -> NewExport {
    let format = ExportFormat::Jsonl;
    NewExport { what, format, plugin: None, collection: None, object: None, types: vec![], from: None, to: None }
}

#[tokio::test]
async fn an_export_has_what_is_there_when_it_begins_the_oldest_first() {
    let scene = Scene::with_runs(3).await;
    let id = scene.ask(Exported::Runs).await;
    assert_eq!(scene.look(id).await.status, ExportStatus::Queued);
    let export = scene.done(id).await;
    assert_eq!((export.status, export.rows, export.is_cut), (ExportStatus::Done, 3, false));
    let mut runs = scene.test.hub.runs(&scene.caller, RunFilter::default()).await.unwrap().items;
    runs.reverse();
    let ids: Vec<_> = runs.iter().map(|run| run.id.to_string()).collect();
    let lines = scene.lines(id).await;
    assert_eq!(lines.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    assert!(scene.events().await.contains(&"export.completed".to_owned()));
}

#[tokio::test]
async fn the_first_and_the_last_time_that_there_are_bound_nothing() {
    let scene = Scene::with_runs(2).await;
    let (from, to) = (Some(Timestamp::MIN_UTC), Some(Timestamp::MAX_UTC));
    let all = NewExport { from, to, ..new(Exported::Runs) };
    let id = scene.test.hub.begin_export(&scene.caller, all).await.unwrap().export.id;
    let done = scene.test.hub.go_on_with_export(&scene.caller, id).await.unwrap().export;
    assert_eq!((done.status, done.rows), (ExportStatus::Done, 2));
}

#[tokio::test]
async fn a_step_that_lost_its_file_to_another_one_does_not_count() {
    let scene = Scene::with_runs(2).await;
    let id = scene.test.hub.begin_export(&scene.caller, new(Exported::Runs)).await.unwrap().export.id;
    let hub = &scene.test.hub.0;
    let first = hub.step_export(scene.org.id, id).await.unwrap().unwrap();
    let second = hub.step_export(scene.org.id, id).await.unwrap().unwrap();
    let mut tx = hub.database.begin().await.unwrap();
    second.commit(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = hub.database.begin().await.unwrap();
    assert_eq!(first.commit(&mut tx).await.unwrap_err().code, Code::Conflict);
    drop(tx);
    assert_eq!(scene.lines(id).await.len(), 2);
    assert_eq!(scene.steps(id).await, 1);
}

#[tokio::test]
async fn a_plan_ends_an_export_that_says_so_and_its_rows_are_counted() {
    let scene = Scene::with_runs(1_001).await;
    scene.plan("free").await;
    let id = scene.ask(Exported::Runs).await;
    let export = scene.done(id).await;
    assert_eq!((export.rows, export.most_rows, export.is_cut), (1_000, Some(1_000), true));
    assert_eq!(scene.lines(id).await.len(), 1_000);
    let notes = crate::AnswerNotes::default();
    let made = scene.test.hub.create_export(&scene.caller, new(Exported::Runs), None, &notes);
    let refused = made.await.unwrap_err().failure;
    assert_eq!(refused.code, Code::PlanLimitReached);
    assert_eq!(refused.entitlement.unwrap().used, Some(1_000));
}

#[tokio::test]
async fn an_export_whose_job_was_cancelled_fails_and_says_so() {
    let scene = Scene::with_runs(1).await;
    let id = scene.ask(Exported::Runs).await;
    let job = scene.look(id).await.job.unwrap();
    scene.test.hub.cancel_job(&scene.caller, job).await.unwrap();
    scene.test.hub.0.settle_exports().await.unwrap();
    let export = scene.look(id).await;
    assert_eq!((export.status, export.error.unwrap().0.as_str()), (ExportStatus::Failed, "conflict"));
    assert_eq!(scene.events().await.iter().filter(|kind| *kind == "export.failed").count(), 1);
}

#[tokio::test]
async fn a_command_that_does_not_go_on_for_a_day_has_given_up() {
    let scene = Scene::with_runs(1).await;
    let id = scene.test.hub.begin_export(&scene.caller, new(Exported::Runs)).await.unwrap().export.id;
    scene.test.clock.advance(chrono::Duration::hours(23));
    scene.test.hub.0.settle_exports().await.unwrap();
    assert_eq!(scene.look(id).await.status, ExportStatus::Queued);
    scene.test.clock.advance(chrono::Duration::hours(2));
    scene.test.hub.0.settle_exports().await.unwrap();
    assert_eq!(scene.look(id).await.status, ExportStatus::Failed);
}

#[tokio::test]
async fn no_more_than_ten_of_an_org_are_open_at_once() {
    let scene = Scene::with_runs(1).await;
    for _ in 0..MOST_OPEN {
        let _ = scene.ask(Exported::Runs).await;
    }
    let notes = crate::AnswerNotes::default();
    let one_more = scene.test.hub.create_export(&scene.caller, new(Exported::Usage), None, &notes);
    assert_eq!(one_more.await.unwrap_err().failure.code, Code::ConcurrencyLimited);
}

#[tokio::test]
async fn whoever_may_not_read_the_audit_log_does_not_see_its_exports() {
    let scene = Scene::with_runs(1).await;
    let id = scene.ask(Exported::Audit).await;
    let key = scene.test.key(&scene.org, &[Scope::Read, Scope::Admin]).await;
    let reader = scene.test.hub.authenticate(key.expose_secret()).await.unwrap();
    let hub = &scene.test.hub;
    assert_eq!(hub.export(&reader, id).await.unwrap_err().code, Code::NotFound);
    assert_eq!(hub.delete_export(&reader, id).await.unwrap_err().code, Code::NotFound);
    assert!(hub.exports(&reader, ExportList::default()).await.unwrap().items.is_empty());
    assert_eq!(hub.exports(&scene.caller, ExportList::default()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn an_export_without_rows_is_a_file_without_rows() {
    let scene = Scene::with_runs(0).await;
    let csv = NewExport { format: ExportFormat::Csv, ..new(Exported::Usage) };
    let made = scene.test.hub.create_export(&scene.caller, csv, None, &crate::AnswerNotes::default()).await;
    let id = made.unwrap_or_else(|failure| panic!("{:?}", failure.failure)).export.id;
    assert_eq!(scene.done(id).await.rows, 0);
    let file = scene.test.hub.export_file(&scene.caller, id).await.unwrap();
    let bytes = file.bytes.try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!(bytes, b"id,at,plugin,run,meter,quantity,basis,dedupe\r\n");
}

#[tokio::test]
async fn what_a_file_holds_counts_against_what_the_org_may_keep() {
    let scene = Scene::with_runs(2).await;
    let id = scene.ask(Exported::Runs).await;
    let export = scene.done(id).await;
    let kept = async || {
        let mut tx = scene.test.hub.0.database.read().await.unwrap();
        tx.org(scene.org.id).blobs().total_bytes().await.unwrap()
    };
    assert!(export.bytes > 0);
    assert_eq!(kept().await, export.bytes);
    scene.test.clock.advance(KEPT);
    scene.test.hub.0.settle_exports().await.unwrap();
    assert_eq!(scene.look(id).await.status, ExportStatus::Expired);
    assert_eq!(kept().await, 0);
    assert_eq!(scene.test.hub.0.blobs.growing_files(scene.org.id).await.unwrap(), []);
}
