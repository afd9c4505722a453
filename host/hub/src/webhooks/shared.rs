//! Webhooks of all accounts of the operator's app, which their vendor delivers to one URL.
//!
//! Such a webhook is asked about once, whole, and before anybody knows whose it is: the plugin says whether it is genuine, with
//! the operator's secret and nothing else at hand. Only then it is parted by the accounts that it names, and each organization
//! that has connected one of them gets its part as a webhook of its own. That an organization has an account is what the vendor
//! said when it was authorized, through the same client that the webhooks are of: never what a request says, and never what
//! somebody typed. All parts are stored before the vendor gets its 2xx, so if one cannot be, the vendor sends all of them
//! again, and those that are there already are known by their id.
//!
//! A part is never asked about again: its signature was that of the whole. It is stored as what it is, genuine, and a replay
//! does its work anew.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::try_join_all;
use patchbay_model::{
    Code, Failure, InstallationId, OrgId, PluginId, Timestamp, WebhookId,
    run::RunKind,
    webhook::{Webhook, WebhookStatus},
};
use patchbay_package::manifest::SharedWebhooks;
use patchbay_runtime::{Plugin, Receipt, TenantInit, Verdict, WebhookCall};
use patchbay_vault::{CredentialValues, Credentials};
use secrecy::SecretString;
use serde_json::Value;
use tracing::Instrument as _;
use uuid::Uuid;

use super::receive::{MOST_REASON_CHARS, WebhookAnswer, WebhookRequest, judged, too_large, unknown};
use crate::{
    call::Call,
    hub::{Hub, Inner},
    measure,
    tenant::{Installed, Serving},
};

/// The most organizations that one webhook is for. So many would have to connect the same few accounts.
const MOST_ORGS: u32 = 1_000;
/// Nobody's: a webhook is verified before anybody knows whose it is.
const NOBODY: OrgId = OrgId(Uuid::nil());

/// The URL of a plugin's vendor for all accounts.
pub struct SharedHook {
    serving: Arc<Serving>,
    shared: SharedWebhooks,
    /// The operator's client, whose webhooks they are.
    client_id: String,
    body_bytes: usize,
}

impl SharedHook {
    /// The largest body that it takes, in bytes.
    #[must_use]
    pub fn body_limit(&self) -> usize {
        self.body_bytes
    }
}

impl Hub {
    /// The URL for webhooks of all accounts of a plugin's vendor; `not_found` if the plugin has none, or if the operator has no
    /// client with a secret there.
    pub fn shared_hook(&self, plugin: &PluginId) -> Result<SharedHook, Failure> {
        let hub = &*self.0;
        hub.running()?;
        let version = hub.registry.catalogue().best(plugin).cloned().ok_or_else(unknown)?;
        let webhooks = version.manifest().webhooks.as_ref().ok_or_else(unknown)?;
        let shared = webhooks.shared.clone().ok_or_else(unknown)?;
        let client = &hub.config.oauth_clients.get(plugin.as_str()).ok_or_else(unknown)?.client;
        let secret = client.secret.clone().ok_or_else(unknown)?;
        let body_bytes = usize::try_from(webhooks.body_kib).unwrap_or(0) * 1024;
        let serving = hub.serving_nobody(version, &shared.credential, secret);
        Ok(SharedHook { serving, shared, client_id: client.client_id.clone(), body_bytes })
    }

    /// Takes a webhook in that is of whichever accounts it names. `webhook_refused` for one that is not genuine, of which nothing
    /// is kept: it is nobody's. Accounts that no organization has connected are acknowledged like any other.
    pub async fn receive_shared(&self, hook: SharedHook, request: WebhookRequest) -> Result<WebhookAnswer, Failure> {
        let hub = &*self.0;
        hub.running()?;
        if request.body.len() > hook.body_bytes {
            return Err(too_large(hook.body_bytes));
        }
        let call = request.into_call(&hub.config);
        let serving = Arc::clone(&hook.serving);
        let receiving = Receiving { hub: self.clone(), hook, received_at: hub.clock.now(), call };
        // a vendor that hangs up must not stop what has begun
        hub.start_call(&serving, receiving.run()).await.map_err(Failure::internal)?
    }
}

impl Inner {
    /// A version with the operator's secret and without any organization.
    fn serving_nobody(&self, plugin: Arc<Plugin>, credential: &str, secret: SecretString) -> Arc<Serving> {
        let values = CredentialValues { current: secret, previous: None };
        let id = plugin.manifest().id.clone();
        let init = TenantInit {
            org: NOBODY,
            installation: InstallationId(Uuid::nil()),
            config: "{}".to_owned(),
            credentials: Some(Arc::new(Credentials::new(BTreeMap::from([(credential.to_owned(), values)])))),
            connection: (None, None),
            account: None,
            webhook_url: self.config.shared_webhook_url(&id),
            named_hosts: None,
        };
        let tenant = self.runtime.tenant(&id, plugin.limits().concurrency, init);
        Arc::new(Serving { plugin, tenant, live: None })
    }
}

/// A webhook on its way in.
struct Receiving {
    hub: Hub,
    hook: SharedHook,
    received_at: Timestamp,
    call: WebhookCall,
}

impl Receiving {
    async fn run(self) -> Result<WebhookAnswer, Failure> {
        let hub = &*self.hub.0;
        let serving = &self.hook.serving;
        let mut call = Call::new(hub, Arc::clone(serving), RunKind::Webhook, "verify".to_owned());
        call.calls_nobody();
        let span = call.span.clone();
        let finished = serving.plugin.verify_webhook(call.invocation(None), &self.call, None).instrument(span).await;
        let (verdict, finished) = judged(finished);
        // a run is an organization's, and this is nobody's
        let ended = call.end_unrecorded(hub, finished);
        let id = &serving.plugin.manifest().id;
        match verdict {
            Ok(Verdict::Genuine(receipt)) if !receipt.in_line => self.part(&receipt).await,
            Ok(Verdict::Genuine(_)) => {
                measure::received(id, "failed");
                let detail = "what comes for all accounts at once cannot be answered by each of them";
                Err(Failure::new(Code::PluginOutputInvalid, detail))
            }
            Ok(Verdict::Refused(reason)) => {
                measure::received(id, "refused");
                // the reason may repeat what a stranger sent
                let reason: String = reason.chars().take(MOST_REASON_CHARS).collect();
                tracing::info!(plugin.id = %id, ?reason, "a webhook for all accounts is not genuine");
                Err(Failure::new(Code::WebhookRefused, ""))
            }
            Ok(Verdict::Answer(answer)) => {
                measure::received(id, "answered");
                answer.try_into()
            }
            Err(failure) => {
                measure::received(id, "failed");
                ended.result?;
                Err(failure)
            }
        }
    }

    /// Gives each organization its part.
    async fn part(&self, receipt: &Receipt) -> Result<WebhookAnswer, Failure> {
        let hub = &*self.hub.0;
        let plugin = &self.hook.serving.plugin.manifest().id;
        // what is no JSON names no account
        let body: Value = serde_json::from_slice(&self.call.body).unwrap_or_default();
        let parts = self.hook.shared.parts(&body);
        let accounts: Vec<&str> = parts.keys().map(String::as_str).collect();
        let orgs = if accounts.is_empty() { Vec::new() } else { self.orgs(plugin, &accounts).await? };
        let unknown = accounts.iter().filter(|account| !orgs.iter().any(|(_, theirs)| theirs == *account)).count();
        for _ in 0..unknown.max(usize::from(accounts.is_empty())) {
            measure::received(plugin, "unknown_account");
        }
        let now = hub.clock.now();
        let mut webhooks = Vec::with_capacity(orgs.len());
        for (org, account) in &orgs {
            let Some(part) = parts.get(account) else { continue };
            match hub.installed(*org, plugin).await? {
                Some(installed) if takes(&installed) => {
                    webhooks.push(self.webhook(&installed, receipt, part.to_string(), now));
                }
                // disconnected or switched off since
                _ => measure::received(plugin, "unknown_account"),
            }
        }
        let stored = try_join_all(webhooks.into_iter().map(|webhook| hub.journal.receive(webhook))).await?;
        for is_new in stored {
            measure::received(plugin, if is_new { "new" } else { "duplicate" });
        }
        hub.webhooks.due_at(now);
        Ok(WebhookAnswer::acknowledged())
    }

    async fn orgs(&self, plugin: &PluginId, accounts: &[&str]) -> Result<Vec<(OrgId, String)>, Failure> {
        let mut tx = self.hub.0.database.read().await?;
        let mut orgs = tx.hub().orgs_of_accounts(plugin, &self.hook.client_id, accounts, MOST_ORGS + 1).await?;
        let most = usize::try_from(MOST_ORGS).unwrap_or(usize::MAX);
        if orgs.len() > most {
            tracing::error!(plugin.id = %plugin, "a webhook is for more than {MOST_ORGS} organizations: the rest does not get it");
            orgs.truncate(most);
        }
        Ok(orgs)
    }

    /// An organization's part, as if it had come to it alone.
    fn webhook(&self, installed: &Installed, receipt: &Receipt, body: String, now: Timestamp) -> Webhook {
        let hub = &*self.hub.0;
        let installation = &installed.settings.installation;
        let redact = &self.hook.serving.tenant.redact;
        let millis = receipt.occurred_at.and_then(|millis| i64::try_from(millis).ok());
        Webhook {
            id: WebhookId::new(&*hub.clock, &*hub.random),
            org: installation.org,
            installation: installation.id,
            plugin: installation.plugin.clone(),
            vendor_id: receipt.id.clone(),
            kind: receipt.kind.clone(),
            occurred_at: millis.and_then(chrono::DateTime::from_timestamp_millis),
            method: self.call.method.clone(),
            url: redact.redact_str(&self.call.url).into_owned(),
            headers: self.headers(),
            body: redact.redact_str(&body).into_owned().into_bytes(),
            status: WebhookStatus::Pending,
            reason: None,
            attempts: 0,
            next_attempt_at: Some(now),
            received_at: self.received_at,
            replay: None,
        }
    }

    /// Without the length, which is that of the whole.
    fn headers(&self) -> Vec<(String, String)> {
        let redact = &self.hook.serving.tenant.redact;
        let kept = self.call.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
        kept.map(|(name, value)| (name.clone(), redact.redact_str(value).into_owned())).collect()
    }
}

/// True if the installation takes webhooks that came for all accounts.
fn takes(installed: &Installed) -> bool {
    let serving = installed.serving();
    // what no version serves now is stored all the same, and waits for one that does
    let shares = serving.is_none_or(|serving| {
        serving.plugin.manifest().webhooks.as_ref().is_some_and(|webhooks| webhooks.shared.is_some())
    });
    installed.settings.installation.enabled && shares
}
