//! Working on a webhook once more, after its work was given up.

use patchbay_model::{
    Code, Failure, Permission, WebhookId,
    webhook::{Webhook, WebhookStatus},
};
use serde_json::json;

use crate::{auth::Caller, hub::Hub, queries::not_found};

impl Hub {
    /// Plans the work of a webhook anew whose attempts are used up; it begins at once and has as many
    /// attempts again. Needs the permission `manage_installations`. `not_found` for another org's, `conflict` for one that is
    /// not `failed`: what is pending is tried anyway, what is done would be done twice, and what was
    /// refused is not genuine.
    pub async fn replay_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        hub.running()?;
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        let webhook = tx.org(caller.org).webhooks().get(id).await?.ok_or_else(|| not_found("webhook"))?;
        if webhook.status != WebhookStatus::Failed {
            let detail = format!("the webhook is {}: only one that is failed is replayed", webhook.status.as_str());
            return Err(Failure::new(Code::Conflict, detail));
        }
        let detail = json!({ "plugin": webhook.plugin, "attempts": webhook.attempts, "reason": webhook.reason });
        let entry = hub.audit(caller.org, caller.actor, "webhook.replay", id, detail);
        if !tx.org(caller.org).webhooks().replay(id, now).await? {
            // since it was read
            return Err(Failure::new(Code::Conflict, "the webhook was replayed by somebody else just now"));
        }
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        hub.webhooks.due_at(now);
        Ok(Webhook { status: WebhookStatus::Pending, reason: None, attempts: 0, next_attempt_at: Some(now), ..webhook })
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
        };
        let mut tx = hub.database.begin().await.unwrap();
        assert!(tx.org(org).webhooks().insert_if_new(&webhook).await.unwrap());
        tx.commit().await.unwrap();
        id
    }

    #[tokio::test]
    async fn a_failed_webhook_is_due_again_at_once() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        let id = stored(&test, org.id, WebhookStatus::Failed).await;
        let replayed = test.hub.replay_webhook(&caller, id).await.unwrap();
        assert_eq!((replayed.status, replayed.attempts), (WebhookStatus::Pending, 0));
        let mut tx = test.hub.0.database.read().await.unwrap();
        let due = tx.hub().due_webhooks(test.clock.now(), 10).await.unwrap();
        assert_eq!(due.iter().map(|webhook| webhook.id).collect::<Vec<_>>(), [id]);
        drop(tx);
        assert_eq!(test.hub.replay_webhook(&caller, id).await.unwrap_err().code, Code::Conflict);
    }

    #[tokio::test]
    async fn nothing_else_is_replayed_and_nobody_elses() {
        let test = TestHub::open().await;
        let (org, other) = (test.org().await, test.org().await);
        let caller = test.caller(&org).await;
        for status in [WebhookStatus::Pending, WebhookStatus::Processed, WebhookStatus::Refused] {
            let id = stored(&test, org.id, status).await;
            assert_eq!(test.hub.replay_webhook(&caller, id).await.unwrap_err().code, Code::Conflict, "{status:?}");
        }
        let id = stored(&test, other.id, WebhookStatus::Failed).await;
        assert_eq!(test.hub.replay_webhook(&caller, id).await.unwrap_err().code, Code::NotFound);
        let mut caller = caller;
        caller.permissions = Scope::all_permissions(&[Scope::Read, Scope::Invoke, Scope::Operator]);
        assert_eq!(test.hub.replay_webhook(&caller, id).await.unwrap_err().code, Code::ScopeMissing);
    }
}
