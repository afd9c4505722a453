//! Runs: what was called, what became of it, what it cost.

use patchbay_model::{Failure, Permission, PluginId, RunId, run::Run};
use serde::Deserialize;

use super::{Page, Size, not_found};
use crate::{auth::Caller, hub::Hub};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Without an error.
    Succeeded,
    /// With one.
    Failed,
}

/// Which runs.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// That ended so.
    pub status: Option<RunStatus>,
    /// Older than this one.
    pub before: Option<RunId>,
    /// At most so many: 1 to 200, default 50.
    pub limit: Option<u32>,
}

impl Hub {
    /// The org's runs, newest first, without their logs. Needs the permission `read_activity`.
    pub async fn runs(&self, caller: &Caller, filter: RunFilter) -> Result<Page<Run>, Failure> {
        caller.require(Permission::ReadActivity)?;
        let size = Size::new(filter.limit)?;
        let filter = patchbay_storage::RunFilter {
            plugin: filter.plugin,
            succeeded: filter.status.map(|status| status == RunStatus::Succeeded),
            before: filter.before,
            limit: size.and_one(),
        };
        let mut tx = self.0.database.read().await?;
        let runs = tx.org(caller.org).runs().list(&filter).await?;
        Ok(size.page(runs, |run| run.id.to_string()))
    }

    /// One run of the org; `not_found` for another org's. Needs the permission `read_activity`.
    pub async fn run(&self, caller: &Caller, run: RunId) -> Result<Run, Failure> {
        caller.require(Permission::ReadActivity)?;
        let mut tx = self.0.database.read().await?;
        tx.org(caller.org).runs().get(run).await?.ok_or_else(|| not_found("run"))
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::Code;

    use super::*;
    use crate::testing::TestHub;

    #[tokio::test]
    async fn pages_follow_each_other_from_the_newest_to_the_oldest() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        let mut made = Vec::new();
        for _ in 0..5 {
            made.insert(0, test.run(&org, "openai", None).await.id);
        }
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page =
                test.hub.runs(&caller, RunFilter { before, limit: Some(2), ..RunFilter::default() }).await.unwrap();
            seen.extend(page.items.iter().map(|run| run.id));
            let Some(next) = page.next else { break };
            before = Some(next.parse().unwrap());
        }
        assert_eq!(seen, made);
    }

    #[tokio::test]
    async fn runs_are_found_by_plugin_and_by_how_they_ended() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        let good = test.run(&org, "openai", None).await;
        let bad = test.run(&org, "openai", Some("plugin_trapped")).await;
        let other = test.run(&org, "stripe", None).await;
        let ids = async |filter| {
            test.hub.runs(&caller, filter).await.unwrap().items.into_iter().map(|run| run.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(RunFilter { status: Some(RunStatus::Failed), ..RunFilter::default() }).await, [bad.id]);
        assert_eq!(
            ids(RunFilter { status: Some(RunStatus::Succeeded), ..RunFilter::default() }).await,
            [other.id, good.id]
        );
        assert_eq!(
            ids(RunFilter { plugin: Some("stripe".parse().unwrap()), ..RunFilter::default() }).await,
            [other.id]
        );
    }

    #[tokio::test]
    async fn another_orgs_run_is_not_found() {
        let test = TestHub::open().await;
        let (ours, theirs) = (test.org().await, test.org().await);
        let run = test.run(&theirs, "openai", None).await;
        let caller = test.caller(&ours).await;
        assert_eq!(test.hub.run(&caller, run.id).await.unwrap_err().code, Code::NotFound);
        assert!(test.hub.runs(&caller, RunFilter::default()).await.unwrap().items.is_empty());
    }
}
