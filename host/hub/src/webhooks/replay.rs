//! Working on webhooks once more.
//!
//! Any that is stored can be replayed: one whose attempts are used up, one that was processed and whose plugin has learned
//! since to do it better, one that waits for its next try, and one that was refused, which is then verified anew
//! (`verify_anew.rs`). By the version that serves, or by another one that the installation could be moved to
//! (`version.rs`).

use patchbay_model::{
    Code, Failure, Permission, PluginId, Timestamp, WebhookId,
    webhook::{Replay, Webhook, WebhookStatus},
};
use patchbay_storage::ReplayFilter;
use serde_json::json;

use crate::{auth::Caller, hub::Hub, plans::catalogue::Feature, queries::not_found};

/// Webhooks that one request replays if it does not say how many.
const PORTION: u32 = 200;
/// The most that it may.
const MOST: u32 = 1_000;

/// Which webhooks to replay.
#[derive(Debug, Clone, Default)]
pub struct ReplayWebhooks {
    /// `failed` if not said; never `pending`.
    pub status: Option<WebhookStatus>,
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// That came at this time or later.
    pub since: Option<Timestamp>,
    /// That came before this time.
    pub until: Option<Timestamp>,
    /// By this version; only beside a plugin.
    pub version: Option<String>,
    /// That came after this one: `next` of the portion before.
    pub after: Option<WebhookId>,
    /// At most so many: 1 to 1,000, default 200.
    pub limit: Option<u32>,
}

/// What was replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayedWebhooks {
    /// How many.
    pub replayed: u64,
    /// Give it as `after` for the next portion; none if there are no more.
    pub next: Option<WebhookId>,
}

impl Hub {
    /// Plans the work of a webhook anew; it begins at once and has as many attempts as a new one. Needs the permission
    /// `manage_installations`. `not_found` for another org's, `conflict` for one that is being worked on, and for the version
    /// as [`Hub::replay_webhooks`].
    pub async fn replay_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        version: Option<String>,
    ) -> Result<Webhook, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        hub.running()?;
        let now = hub.clock.now();
        let webhook = self.webhook_of(caller, id).await?;
        if let Some(version) = &version {
            self.check_version(caller, &webhook.plugin, version).await?;
        }
        if hub.webhooks.claims.is_claimed(id) {
            return Err(Failure::new(Code::Conflict, "the webhook is being worked on just now"));
        }
        let unverified = match (&webhook.status, &webhook.replay) {
            (WebhookStatus::Refused, _) => true,
            // it was refused, and has not been verified since
            (WebhookStatus::Pending, Some(replay)) => replay.unverified,
            _ => false,
        };
        let how = Replay { version, unverified };
        let detail = json!({
            "plugin": webhook.plugin, "status": webhook.status, "attempts": webhook.attempts, "reason": webhook.reason,
            "version": how.version,
        });
        let entry = hub.audit(caller.org, caller.actor, "webhook.replay", id, detail);
        let mut tx = hub.database.begin().await?;
        if !tx.org(caller.org).webhooks().replay(&webhook, &how, now).await? {
            // since it was read
            return Err(Failure::new(Code::Conflict, "the webhook was taken up by somebody else just now"));
        }
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        hub.webhooks.due_at(now);
        let replay = (how != Replay::default()).then_some(how);
        let (status, next_attempt_at) = (WebhookStatus::Pending, Some(now));
        Ok(Webhook { status, reason: None, attempts: 0, next_attempt_at, replay, ..webhook })
    }

    /// Plans the work of those that match anew, the oldest first. Needs the permission `manage_installations`. For a
    /// version: `invalid_input` if none of that number is loaded, `approval_needed` if it may do more than was approved,
    /// `conflict` if it does not take the installation's settings, and what a plan says that does not have it.
    pub async fn replay_webhooks(&self, caller: &Caller, which: ReplayWebhooks) -> Result<ReplayedWebhooks, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        hub.running()?;
        let ReplayWebhooks { status, plugin, since, until, version, after, limit } = which;
        let limit = limit.unwrap_or(PORTION);
        if !(1..=MOST).contains(&limit) {
            return Err(Failure::violation("/limit", format!("1 to {MOST}")));
        }
        let status = status.unwrap_or(WebhookStatus::Failed);
        if status == WebhookStatus::Pending {
            return Err(Failure::violation("/status", "failed, refused or processed: what is pending is tried anyway"));
        }
        match (&version, &plugin) {
            (Some(version), Some(plugin)) => self.check_version(caller, plugin, version).await?,
            (Some(_), None) => return Err(Failure::violation("/plugin", "the plugin of which it is a version")),
            (None, _) => {}
        }
        let filter = ReplayFilter { status, plugin, since, until, after, limit };
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        let replayed = tx.org(caller.org).webhooks().replay_many(&filter, version.as_deref(), now).await?;
        if let (Some(first), Some(last)) = (replayed.first(), replayed.last()) {
            let ReplayFilter { status, plugin, since, until, after, .. } = &filter;
            let detail = json!({
                "status": status, "plugin": plugin, "since": since, "until": until, "version": version, "after": after,
                "first": first, "last": last, "replayed": replayed.len(),
            });
            let entry = hub.audit(caller.org, caller.actor, "webhook.replay_many", "webhooks", detail);
            tx.org(caller.org).audit().append(&entry).await?;
        }
        tx.commit().await?;
        if !replayed.is_empty() {
            hub.webhooks.due_at(now);
        }
        let is_whole = replayed.len() >= limit as usize;
        let next = replayed.last().copied().filter(|_| is_whole);
        Ok(ReplayedWebhooks { replayed: replayed.len() as u64, next })
    }

    async fn webhook_of(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, Failure> {
        let mut tx = self.0.database.read().await?;
        tx.org(caller.org).webhooks().get(id).await?.ok_or_else(|| not_found("webhook"))
    }

    /// Fails unless the org may have its webhooks worked on by this version.
    async fn check_version(&self, caller: &Caller, plugin: &PluginId, version: &str) -> Result<(), Failure> {
        let hub = &*self.0;
        let installed = hub.installed(caller.org, plugin).await?;
        let Some(installed) = installed.filter(|installed| installed.settings.installation.enabled) else {
            let detail = format!("the plugin `{plugin}` is not switched on for this organization");
            return Err(Failure::new(Code::NotInstalled, detail));
        };
        let serves = installed.serving().is_some_and(|serving| serving.plugin.version().to_string() == version);
        if !serves {
            // as to choose another version for the installation
            hub.require_feature(caller.org, Feature::VersionPolicy).await?;
        }
        let plugin = hub.version_in_reach(&installed.settings, version).await?;
        self.check_plan_of(caller, plugin.manifest()).await
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::{Clock as _, InstallationId, OrgId, org::Scope};

    use super::*;
    use crate::testing::TestHub;

    async fn stored(test: &TestHub, org: OrgId, status: WebhookStatus) -> WebhookId {
        let hub = &*test.hub.0;
        let id = WebhookId::new(&*hub.clock, &*hub.random);
        let webhook = Webhook {
            id,
            org,
            installation: InstallationId::new(&*hub.clock, &*hub.random),
            plugin: "demo".parse().unwrap(),
            vendor_id: id.to_string(),
            kind: "ping".to_owned(),
            occurred_at: None,
            method: "POST".to_owned(),
            url: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
            status,
            reason: Some("plugin_trapped".to_owned()),
            attempts: 8,
            next_attempt_at: None,
            received_at: test.clock.now(),
            replay: None,
        };
        let mut tx = hub.database.begin().await.unwrap();
        assert!(tx.org(org).webhooks().insert_if_new(&webhook).await.unwrap());
        tx.commit().await.unwrap();
        id
    }

    async fn due(test: &TestHub) -> Vec<WebhookId> {
        let mut tx = test.hub.0.database.read().await.unwrap();
        let due = tx.hub().due_webhooks(test.clock.now(), 10).await.unwrap();
        due.iter().map(|webhook| webhook.id).collect()
    }

    #[tokio::test]
    async fn whatever_is_stored_is_due_again_at_once() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        let mut replayed = vec![];
        for status in [WebhookStatus::Failed, WebhookStatus::Processed, WebhookStatus::Refused] {
            let id = stored(&test, org.id, status).await;
            let webhook = test.hub.replay_webhook(&caller, id, None).await.unwrap();
            assert_eq!((webhook.status, webhook.attempts), (WebhookStatus::Pending, 0), "{status:?}");
            let unverified = webhook.replay.is_some_and(|replay| replay.unverified);
            assert_eq!(unverified, status == WebhookStatus::Refused);
            replayed.push(id);
        }
        let mut all = replayed.clone();
        all.sort_unstable();
        assert_eq!(due(&test).await, all);
        // once more, before anybody has verified it
        let again = test.hub.replay_webhook(&caller, replayed[2], None).await.unwrap();
        assert!(again.replay.unwrap().unverified);
    }

    #[tokio::test]
    async fn what_is_being_worked_on_is_not_replayed() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        let id = stored(&test, org.id, WebhookStatus::Failed).await;
        let claim = test.hub.0.webhooks.claims.claim(id).unwrap();
        assert_eq!(test.hub.replay_webhook(&caller, id, None).await.unwrap_err().code, Code::Conflict);
        drop(claim);
        test.hub.replay_webhook(&caller, id, None).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_elses_is_replayed_and_not_without_the_permission() {
        let test = TestHub::open().await;
        let (org, other) = (test.org().await, test.org().await);
        let mut caller = test.caller(&org).await;
        let id = stored(&test, other.id, WebhookStatus::Failed).await;
        assert_eq!(test.hub.replay_webhook(&caller, id, None).await.unwrap_err().code, Code::NotFound);
        let all = ReplayWebhooks::default();
        assert_eq!(test.hub.replay_webhooks(&caller, all.clone()).await.unwrap().replayed, 0);
        caller.permissions = Scope::all_permissions(&[Scope::Read, Scope::Invoke, Scope::Operator]);
        assert_eq!(test.hub.replay_webhook(&caller, id, None).await.unwrap_err().code, Code::ScopeMissing);
        assert_eq!(test.hub.replay_webhooks(&caller, all).await.unwrap_err().code, Code::ScopeMissing);
    }

    #[tokio::test]
    async fn many_are_replayed_portion_by_portion() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        let mut failed = vec![];
        for _ in 0..3 {
            failed.push(stored(&test, org.id, WebhookStatus::Failed).await);
        }
        failed.sort_unstable();
        stored(&test, org.id, WebhookStatus::Processed).await;
        let later = test.clock.now() + chrono::Duration::hours(1);
        let none = ReplayWebhooks { since: Some(later), after: Some(failed[0]), ..ReplayWebhooks::default() };
        assert_eq!(test.hub.replay_webhooks(&caller, none).await.unwrap().replayed, 0, "both bounds hold");
        let portion = ReplayWebhooks { limit: Some(2), ..ReplayWebhooks::default() };
        let first = test.hub.replay_webhooks(&caller, portion.clone()).await.unwrap();
        assert_eq!(first, ReplayedWebhooks { replayed: 2, next: Some(failed[1]) });
        let rest = ReplayWebhooks { after: first.next, ..portion };
        assert_eq!(
            test.hub.replay_webhooks(&caller, rest).await.unwrap(),
            ReplayedWebhooks { replayed: 1, next: None }
        );
        assert_eq!(due(&test).await, failed);
    }

    #[tokio::test]
    async fn a_wish_that_makes_no_sense_is_pointed_at() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        let all = ReplayWebhooks::default;
        for (which, place) in [
            (ReplayWebhooks { limit: Some(0), ..all() }, "/limit"),
            (ReplayWebhooks { limit: Some(1_001), ..all() }, "/limit"),
            (ReplayWebhooks { status: Some(WebhookStatus::Pending), ..all() }, "/status"),
            (ReplayWebhooks { version: Some("1.0.0".to_owned()), ..all() }, "/plugin"),
        ] {
            let failure = test.hub.replay_webhooks(&caller, which).await.unwrap_err();
            assert_eq!(failure.violations[0].pointer, place);
        }
    }
}
