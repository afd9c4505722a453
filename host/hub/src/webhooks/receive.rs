//! A vendor's request on an installation's webhook URL.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::SET_COOKIE};
use patchbay_model::{
    Code, Failure, OrgId, PluginId, Timestamp, WebhookId,
    run::RunKind,
    webhook::{Webhook, WebhookStatus},
};
use patchbay_runtime::{Answer, Finished, Reach, Receipt, Verdict, WebhookCall, is_of_the_server};
use tracing::Instrument as _;

use super::{
    in_any_case::{ANSWER, COMMIT},
    in_line::Patience,
    line::Work,
};
use crate::{
    call::{Call, Ended},
    config::HubConfig,
    hub::{Hub, Inner},
    measure,
    offline::{self, Found},
    tenant::{Installed, Serving},
};

/// The longest id of a vendor, in bytes.
const MOST_ID_BYTES: usize = 512;
/// How much of a reason is kept, in characters.
pub(super) const MOST_REASON_CHARS: usize = 1_000;

/// A vendor's request.
#[derive(Debug, Clone)]
pub struct WebhookRequest {
    /// Its method.
    pub method: Method,
    /// As it was called, from the slash before `hooks` on.
    pub path_and_query: String,
    /// As they came.
    pub headers: HeaderMap,
    /// As it came.
    pub body: Bytes,
}

impl WebhookRequest {
    /// As its plugin gets it.
    pub(super) fn into_call(self, config: &HubConfig) -> WebhookCall {
        WebhookCall {
            method: self.method.to_string(),
            url: config.public(&self.path_and_query),
            headers: as_they_came(&self.headers),
            body: self.body,
        }
    }
}

/// What the vendor gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl WebhookAnswer {
    pub(super) fn acknowledged() -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

impl TryFrom<Answer> for WebhookAnswer {
    type Error = Failure;

    /// `plugin_output_invalid` for a status that does not end a request. What is no header is left out.
    fn try_from(answer: Answer) -> Result<Self, Failure> {
        let status = StatusCode::from_u16(answer.status).ok().filter(|status| (200..=599).contains(&status.as_u16()));
        let status = status.ok_or_else(|| {
            Failure::new(Code::PluginOutputInvalid, "the status of an answer to a webhook is 200 to 599")
        })?;
        let headers = answer
            .headers
            .into_iter()
            .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?)));
        let mut kept = HeaderMap::new();
        for (name, value) in headers {
            // the server knows the length and the connection, and nothing here is a browser's session
            if !is_of_the_server(name.as_str()) && name != SET_COOKIE {
                kept.append(name, value);
            }
        }
        Ok(Self { status, headers: kept, body: answer.body.into() })
    }
}

impl Hub {
    /// Whose webhooks the URL of this token takes; `not_found` if there is no such URL.
    pub async fn hook(&self, token: &str) -> Result<Hook, Failure> {
        self.0.hook(token).await
    }

    /// Takes a vendor's webhook in. A genuine one is committed before this comes back, and its work goes
    /// on afterwards; a repeat is acknowledged and dropped. `webhook_refused` for one that is not
    /// genuine: the reason is kept for the org and not told to the sender.
    pub async fn receive(&self, hook: Hook, request: WebhookRequest) -> Result<WebhookAnswer, Failure> {
        let hub = &*self.0;
        hub.running()?;
        let Hook { serving, body_bytes } = hook;
        if request.body.len() > body_bytes {
            return Err(too_large(body_bytes));
        }
        let webhooks = serving.plugin.manifest().webhooks.as_ref().ok_or_else(unknown)?;
        let patience = Patience::of(webhooks);
        let call = request.into_call(&hub.config);
        let received_at = hub.clock.now();
        let receiving = Receiving { hub: self.clone(), serving: Arc::clone(&serving), received_at, patience, call };
        // a vendor that hangs up must not stop what has begun
        hub.start_call(&serving, receiving.run()).await.map_err(Failure::internal)?
    }
}

/// An installation that takes webhooks, as it was when a request for it began.
pub struct Hook {
    serving: Arc<Serving>,
    body_bytes: usize,
}

impl Hook {
    /// The largest body that it takes, in bytes.
    #[must_use]
    pub fn body_limit(&self) -> usize {
        self.body_bytes
    }
}

pub(super) fn unknown() -> Failure {
    Failure::new(Code::NotFound, "there is no such webhook URL")
}

pub(super) fn too_large(most: usize) -> Failure {
    Failure::new(Code::PayloadTooLarge, format!("webhooks of this plugin have at most {most} bytes"))
}

impl Inner {
    async fn hook(&self, token: &str) -> Result<Hook, Failure> {
        // junk never reaches the database
        if token.len() != 64 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        self.running()?;
        let load = || async {
            let asking = async {
                let mut tx = self.database.read().await?;
                Ok::<_, Failure>(tx.hub().installation_by_hook_token(token).await?)
            };
            let known = self.offline.known.by_token(token, Instant::now());
            Ok::<_, Failure>(match offline::or_known(known, asking).await? {
                Found::Told(target) => target,
                Found::Known(target) => Some(target),
            })
        };
        let target: Arc<(OrgId, PluginId)> = self.hooks.get(&token.to_owned(), load).await?.ok_or_else(unknown)?;
        let (org, plugin) = &*target;
        let installed =
            self.installed(*org, plugin).await?.filter(|installed| is_open(installed, token)).ok_or_else(unknown)?;
        let serving = self.callable(installed.settings.installation.org, plugin).await?;
        let webhooks = serving.plugin.manifest().webhooks.as_ref().ok_or_else(unknown)?;
        let body_bytes = usize::try_from(webhooks.body_kib).unwrap_or(0) * 1024;
        Ok(Hook { serving, body_bytes })
    }
}

fn is_open(installed: &Installed, token: &str) -> bool {
    let installation = &installed.settings.installation;
    installation.enabled && installation.hook_token == token
}

/// A webhook on its way in.
pub(super) struct Receiving {
    pub(super) hub: Hub,
    pub(super) serving: Arc<Serving>,
    received_at: Timestamp,
    pub(super) patience: Patience,
    call: WebhookCall,
}

impl Receiving {
    async fn run(self) -> Result<WebhookAnswer, Failure> {
        let hub = &*self.hub.0;
        let plugin = &self.serving.plugin;
        let mut call = Call::new(hub, Arc::clone(&self.serving), RunKind::Webhook, "verify".to_owned());
        call.calls_nobody();
        let in_any_case = plugin.manifest().answers_offline();
        if in_any_case {
            call.reach = Reach::Within(ANSWER);
        }
        let span = call.span.clone();
        let finished = plugin.verify_webhook(call.invocation(None), &self.call, None).instrument(span).await;
        let (verdict, finished) = judged(finished);
        let id = &plugin.manifest().id;
        match verdict {
            Ok(Verdict::Genuine(receipt)) if receipt.in_line && in_any_case => {
                self.answer_in_any_case(receipt, call, finished).await
            }
            Ok(Verdict::Genuine(receipt)) => self.genuine(receipt, &call, finished).await,
            Ok(Verdict::Refused(reason)) => {
                measure::received(id, "refused");
                let webhook = self.refused(&reason);
                let storing = async {
                    let (ended, stored) = tokio::join!(call.commit(hub, finished, None), hub.journal.receive(webhook));
                    ended.result?;
                    stored.map(drop).map_err(Failure::from)
                };
                let stored = match in_any_case {
                    // what was handed over is stored if the database is back soon; nobody waits for that
                    true => tokio::time::timeout(COMMIT, storing).await.unwrap_or(Ok(())),
                    false => storing.await,
                };
                stored?;
                Err(Failure::new(Code::WebhookRefused, ""))
            }
            Ok(Verdict::Answer(answer)) => {
                measure::received(id, "answered");
                call.commit(hub, finished, None).await.result?;
                answer.try_into()
            }
            Err(failure) => {
                measure::received(id, "failed");
                let Ended { result, .. } = call.commit(hub, finished, None).await;
                result?;
                Err(failure)
            }
        }
    }

    async fn genuine(&self, receipt: Receipt, call: &Call, finished: Finished<()>) -> Result<WebhookAnswer, Failure> {
        let hub = &*self.hub.0;
        let plugin = &self.serving.plugin.manifest().id;
        let room = match receipt.in_line {
            true => None,
            false => hub.webhooks.line.try_room(self.call.body.len()),
        };
        // not from when it came: asking whether it is genuine takes its time as well
        let now = hub.clock.now();
        // without room here, it is there for whichever hub has some
        let due = match receipt.in_line || room.is_some() {
            true => hub.webhooks.lease(now, hub.longest_work(plugin, false)),
            false => now,
        };
        let webhook = Arc::new(self.pending(&receipt, due));
        // claimed before it is stored: the worker must not take it from under us
        let claim = hub.webhooks.claims.claim(webhook.id);
        let storing = hub.journal.receive(Arc::clone(&webhook));
        let (ended, new) = if left_nothing(&finished) {
            (call.end_unrecorded(hub, finished), storing.await)
        } else {
            // side by side: if only one is stored the vendor is not answered with a success and sends again
            tokio::join!(call.commit(hub, finished, None), storing)
        };
        ended.result?;
        if !new? {
            measure::received(plugin, "duplicate");
            return Ok(WebhookAnswer::acknowledged());
        }
        measure::received(plugin, "new");
        let Some(claim) = claim else { return Ok(WebhookAnswer::acknowledged()) };
        if receipt.in_line {
            return self.hub.answer_in_line(&self.serving, webhook, claim, &self.patience).await;
        }
        match room {
            Some(room) => self.hub.hand_over(Work { webhook, claim, room }),
            None => {
                drop(claim);
                hub.webhooks.due_at(due);
            }
        }
        Ok(WebhookAnswer::acknowledged())
    }

    pub(super) fn pending(&self, receipt: &Receipt, due: Timestamp) -> Webhook {
        let millis = receipt.occurred_at.and_then(|millis| i64::try_from(millis).ok());
        Webhook {
            vendor_id: receipt.id.clone(),
            kind: receipt.kind.clone(),
            occurred_at: millis.and_then(chrono::DateTime::from_timestamp_millis),
            status: WebhookStatus::Pending,
            next_attempt_at: Some(due),
            ..self.stored()
        }
    }

    fn refused(&self, reason: &str) -> Webhook {
        let reason = reason.chars().take(MOST_REASON_CHARS).collect();
        Webhook { reason: Some(reason), ..self.stored() }
    }

    /// The request as it is kept: some vendors prove themselves by sending the secret itself, which must
    /// not lie in the database.
    fn stored(&self) -> Webhook {
        let redact = &self.serving.tenant.redact;
        let clean = |text: &String| redact.redact_str(text).into_owned();
        let body = match std::str::from_utf8(&self.call.body) {
            Ok(text) => redact.redact_str(text).into_owned().into_bytes(),
            Err(_) => self.call.body.to_vec(),
        };
        let hub = &*self.hub.0;
        let id = WebhookId::new(&*hub.clock, &*hub.random);
        let tenant = &self.serving.tenant;
        Webhook {
            id,
            org: tenant.org,
            installation: tenant.installation,
            plugin: self.serving.plugin.manifest().id.clone(),
            vendor_id: id.to_string(),
            kind: String::new(),
            occurred_at: None,
            method: self.call.method.clone(),
            url: clean(&self.call.url),
            headers: self.call.headers.iter().map(|(name, value)| (name.clone(), clean(value))).collect(),
            body,
            status: WebhookStatus::Refused,
            reason: None,
            attempts: 0,
            next_attempt_at: None,
            received_at: self.received_at,
            replay: None,
        }
    }
}

/// True if a call that found a webhook genuine is told of by the webhook alone: it metered and logged nothing, and asked nobody.
/// There is one for each webhook that comes, repeats included.
pub(super) fn left_nothing(finished: &Finished<()>) -> bool {
    let Finished { result, effects, figures, upstream_status, .. } = finished;
    result.is_ok()
        && effects.usage.is_empty()
        && effects.log.is_empty()
        && upstream_status.is_none()
        && figures.egress_sent == 0
        && figures.egress_received == 0
}

/// What a plugin says of a webhook, and what is to be committed of its call: nothing that it did, for asking whether a
/// webhook is genuine has no effects. A repeat is asked about, too.
pub(super) fn judged(mut finished: Finished<Verdict>) -> (Result<Verdict, Failure>, Finished<()>) {
    finished.effects.drop_writes();
    if let Ok(Verdict::Genuine(receipt)) = &finished.result
        && !(1..=MOST_ID_BYTES).contains(&receipt.id.len())
    {
        finished.result =
            Err(Failure::new(Code::PluginOutputInvalid, format!("a webhook's id has 1 to {MOST_ID_BYTES} bytes")));
    }
    split(finished)
}

/// Takes what the call gave out of what is committed: a refusal is a success of the call.
fn split<T>(finished: Finished<T>) -> (Result<T, Failure>, Finished<()>) {
    let Finished { result, effects, figures, upstream_status, started_at, finished_at } = finished;
    let outcome = result.as_ref().map(|_| ()).map_err(Clone::clone);
    (result, Finished { result: outcome, effects, figures, upstream_status, started_at, finished_at })
}

fn as_they_came(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestHub;

    #[tokio::test]
    async fn a_token_that_is_nobodys_is_not_found() {
        let test = TestHub::open().await;
        for token in ["", "short", &"g".repeat(64), &"0".repeat(64)] {
            assert_eq!(test.hub.hook(token).await.err().unwrap().code, Code::NotFound, "{token}");
        }
    }

    #[test]
    fn an_answer_sets_neither_the_connection_nor_a_cookie() {
        let header = |name: &str| (name.to_owned(), "1".to_owned());
        let answer = |status| Answer {
            status,
            headers: vec![header("content-length"), header("Set-Cookie"), header("x-ok"), header("bad name")],
            body: b"hello".to_vec(),
        };
        let kept = WebhookAnswer::try_from(answer(200)).unwrap();
        assert_eq!(kept.headers.keys().collect::<Vec<_>>(), ["x-ok"]);
        for status in [0, 100, 101, 600, 999] {
            assert_eq!(WebhookAnswer::try_from(answer(status)).unwrap_err().code, Code::PluginOutputInvalid);
        }
    }

    #[test]
    fn headers_reach_the_plugin_as_they_came() {
        let mut headers = HeaderMap::new();
        headers.append("x-sig", HeaderValue::from_static("a"));
        headers.append("x-sig", HeaderValue::from_bytes("é".as_bytes()).unwrap());
        assert_eq!(
            as_they_came(&headers),
            [("x-sig".to_owned(), "a".to_owned()), ("x-sig".to_owned(), "é".to_owned())]
        );
    }
}
