//! Outbound HTTP. The guest names what it wants; the egress crate decides, injects, sends and redacts.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::{HeaderName, HeaderValue, Method};
use patchbay_egress::{Body, BodySecret, EgressError, Injection, Request, Response};
use patchbay_model::Code;
use url::Url;
use wasmtime::component::Resource;

use super::{
    HostError, invalid,
    reply::{Responder, client_left},
    source::{Source, collect},
    undeclared,
};
use crate::{
    bindings::{http as contract, types::Error},
    call::CallState,
    once,
};

/// The most that is kept of a call's time for the guest to end in.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(500);

/// What went over the wire in this call.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent: u64,
    received: Arc<AtomicU64>,
    /// The vendor's last status.
    pub(crate) status: Option<u16>,
    /// The last status that a request with each credential was answered with. The manifest bounds their number.
    pub(crate) answered: BTreeMap<String, u16>,
    /// The handle of the answer that a proxy call makes: while the vendor is waited for, somebody has to watch
    /// whether the client still waits for it.
    client: Option<u32>,
    /// How many requests that change something went to each place, for the keys by which vendors know repeats.
    changes: HashMap<String, u32>,
}

impl Traffic {
    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Says to whom the vendor's answer goes.
    pub(crate) fn answers(&mut self, responder: &Resource<Responder>) {
        self.client = Some(responder.rep());
    }

    /// Where bodies add what they receive; they outlive the import that opened them.
    fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }
}

/// As the guest sees it, and remembered for the caller.
pub(crate) fn refuse(state: &mut CallState, error: EgressError) -> HostError {
    let code = error.code();
    let text = error.to_string();
    let seen = match error {
        EgressError::Denied(_) | EgressError::AddressDenied(_) => Error::Denied(text),
        EgressError::Timeout => Error::Timeout,
        EgressError::InvalidRequest(_) => return invalid("", text),
        EgressError::HeadersTooLarge(_) | EgressError::BodyTooLarge(_) => Error::Exhausted(text),
        EgressError::Paused(wait) => Error::RateLimited(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        EgressError::Unreachable(_) | EgressError::BrokenOff(_) => Error::Unavailable(text),
    };
    state.refuse(code, seen)
}

impl CallState {
    fn injection(&mut self, name: &str) -> Result<Injection, HostError> {
        let Some(credential) = self.grants.credentials.get(name) else {
            return Err(undeclared("credentials", name));
        };
        let Some(place) = credential.inject.clone() else {
            return Err(HostError::Guest(Error::Denied(format!(
                "the credential {name:?} is for signature checks: the manifest gives it no `inject`"
            ))));
        };
        if place.json.is_some() {
            return Err(HostError::Guest(Error::Denied(format!(
                "the credential {name:?} goes into bodies by itself: no request names it"
            ))));
        }
        let mut hosts = credential.hosts.clone();
        if let Some(named) = &self.tenant.named_hosts {
            // an empty list is every host of the manifest, but not what the settings name
            if hosts.is_empty() {
                hosts.clone_from(&self.grants.hosts);
            }
            if credential.named_hosts {
                hosts.extend(named.hosts.iter().cloned());
            }
        }
        let now = self.services.clock.now();
        let secret =
            self.tenant.credentials.as_ref().and_then(|all| all.get(name, now).first().map(|secret| (*secret).clone()));
        let Some(secret) = secret else {
            let text = format!("the connection has no {name:?}");
            return Err(self.refuse(Code::ConnectionMissing, Error::Reauthorize(text)));
        };
        let user = place.user.as_deref().map(|pointer| self.setting(pointer)).transpose()?;
        Ok(Injection { place, hosts, secret: Arc::new(secret), user })
    }

    /// A text among the org's settings, at a JSON Pointer of the manifest.
    fn setting(&mut self, pointer: &str) -> Result<String, HostError> {
        let settings: serde_json::Value = serde_json::from_str(&self.tenant.config).unwrap_or_default();
        match settings.pointer(pointer).and_then(serde_json::Value::as_str) {
            // the user of HTTP Basic ends with the first colon (RFC 7617, section 2)
            Some(text) if !text.is_empty() && !text.contains(':') => Ok(text.to_owned()),
            _ => {
                let text = format!("the settings have no {pointer}, which goes beside the credential");
                Err(self.refuse(Code::ConnectionMissing, Error::Reauthorize(text)))
            }
        }
    }

    /// The connection's secrets that go into bodies by themselves.
    fn body_secrets(&self) -> Vec<BodySecret> {
        let Some(all) = &self.tenant.credentials else { return Vec::new() };
        let now = self.services.clock.now();
        let secrets = self.grants.credentials.iter().filter_map(|(name, credential)| {
            let place = credential.inject.as_ref().filter(|place| place.json.is_some())?;
            let secret = all.get(name, now).first().map(|secret| Arc::new((*secret).clone()))?;
            let credential = Injection { place: place.clone(), hosts: credential.hosts.clone(), secret, user: None };
            Some(BodySecret { credential, webhook_url: self.tenant.webhook_url.clone() })
        });
        secrets.collect()
    }

    /// When the wait for a vendor ends: a little before the call, so that the guest can still say what was used.
    pub(super) fn vendors_deadline(&self) -> std::time::Instant {
        let margin = (self.limits.timeout / 20).min(LAST_WORDS);
        self.deadline.checked_sub(margin).unwrap_or(self.deadline)
    }

    /// Whoever waits for the answer of a proxied request, for as long as the guest has its handle.
    pub(super) fn client(&self) -> Option<&Responder> {
        let handle = Resource::<Responder>::new_borrow(self.capabilities.http.client?);
        // a guest may have dropped it, and its number may stand for another handle now
        self.table.get(&handle).ok()
    }

    /// The header by which the vendor knows a repeat of this request, with a value that a repeat of the whole call, on
    /// whichever hub, has again: it depends on what is asked for and how often it was before, but not on the body,
    /// because one that is a little different must not count as something new.
    fn repeat_header(&mut self, method: &Method, url: &Url) -> Result<Option<(HeaderName, HeaderValue)>, HostError> {
        if method.is_safe() {
            return Ok(None);
        }
        let Some(header) = self.grants.rules.idempotency_header(method.as_str(), url).cloned() else { return Ok(None) };
        let place = format!("{method} {}{}", url.host_str().unwrap_or_default(), url.path());
        let number = self.capabilities.http.changes.entry(place.clone()).or_default();
        *number += 1;
        let value = match &self.once {
            Some(once) => once.vendor_key(&place, *number),
            None => once::vendor_key(self.run.0.as_bytes(), &place, *number),
        };
        let value = HeaderValue::try_from(value).map_err(|_| invalid("/headers", "valid headers"))?;
        Ok(Some((header, value)))
    }

    async fn exchange(&mut self, request: contract::Request) -> Result<Response, HostError> {
        self.demand_storage()?;
        self.check_spending().await?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| invalid("/method", "an HTTP method in upper case"))?;
        let url =
            Url::parse(&request.url).map_err(|error| invalid("/url", format!("an absolute https URL ({error})")))?;
        let changes = !method.is_safe();
        let credential = match &request.credential {
            Some(name) => Some(self.injection(name)?),
            None => None,
        };
        let named = request.credential;
        let knows_repeats = self.repeat_header(&method, &url)?;
        let mut upload = None;
        let body = match request.body {
            contract::Body::Empty => Body::Empty,
            contract::Body::Bytes(bytes) => Body::Bytes(bytes.into()),
            contract::Body::Stream(source) => {
                let source = self.table.delete(source)?;
                let size = source.size();
                let (stream, mishap) = source.into_stream();
                upload = Some(mishap);
                Body::Stream(stream, size)
            }
        };
        let request = Request {
            org: self.tenant.org,
            plugin: Some(self.grants.plugin.clone()),
            repeat_header: knows_repeats.clone(),
            method,
            url,
            headers: request.headers,
            body,
            credential,
            body_secrets: self.body_secrets(),
            redact: Arc::clone(&self.tenant.redact),
            deadline: self.vendors_deadline().into(),
            headers_timeout: request.timeout_ms.map(|ms| std::time::Duration::from_millis(ms.into())),
            repeatable: request.repeatable,
        };
        let client = self.client();
        if client.is_some_and(Responder::client_has_left) {
            return Err(client_left());
        }
        let change = match &self.once {
            Some(once) if changes && knows_repeats.is_none() => {
                if !once.begin_change(&self.services.database).await? {
                    let lost = Error::Conflict("another hub has taken this write over".to_owned());
                    return Err(self.refuse(Code::Conflict, lost));
                }
                Some(Arc::clone(once))
            }
            _ => None,
        };
        let rules = self.tenant.named_hosts.as_ref().map_or(&self.grants.rules, |named| &named.rules);
        let sending = self.services.egress.send(rules, request);
        let answer = match client {
            None => sending.await,
            Some(client) => tokio::select! {
                biased;
                answer = sending => answer,
                // Dropping the request stops the vendor. To the guest it is a timeout and not `unavailable`: the
                // vendor has begun, so there may be something to meter.
                () = client.client_leaves() => return Err(self.refuse(Code::UpstreamTimeout, Error::Timeout)),
            },
        };
        if let Some(once) = change
            && match &answer {
                // refused: whatever it was, the vendor has not done it
                Ok(response) => (400..500).contains(&response.status),
                Err(error) => error.is_unseen(),
            }
        {
            once.nothing_changed();
        }
        match answer {
            Ok(response) => {
                let traffic = &mut self.capabilities.http;
                traffic.sent = traffic.sent.saturating_add(response.sent);
                traffic.status = Some(response.status);
                if let Some(name) = named {
                    traffic.answered.insert(name, response.status);
                }
                Ok(response)
            }
            Err(error) => Err(match upload.and_then(|upload| upload.take()) {
                // the vendor is not to blame for a body that it did not get
                Some(broken) => broken.refuse(self),
                None => refuse(self, error),
            }),
        }
    }
}

fn content_type(headers: &[(String, String)]) -> Option<String> {
    headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.clone())
}

impl contract::Host for CallState {
    async fn send(&mut self, request: contract::Request) -> Result<contract::Response, HostError> {
        self.enter()?;
        let response = self.exchange(request).await?;
        let source = Source::vendor(response.body, content_type(&response.headers), self.capabilities.http.counter());
        let body = self.push(source)?;
        Ok(contract::Response { status: response.status, headers: response.headers, body })
    }

    async fn fetch(&mut self, request: contract::Request) -> Result<contract::WholeResponse, HostError> {
        self.enter()?;
        let response = self.exchange(request).await?;
        let limit = self.limits.body_bytes;
        let mut source = Source::vendor(response.body, None, self.capabilities.http.counter());
        match collect(&mut source, limit).await {
            Ok(Some(body)) => {
                Ok(contract::WholeResponse { status: response.status, headers: response.headers, body: body.into() })
            }
            Ok(None) => Err(self.refuse(
                Code::EgressBodyTooLarge,
                Error::Exhausted(format!("the vendor's body has more than the {limit} bytes that may be held at once")),
            )),
            Err(broken) => Err(broken.refuse(self)),
        }
    }
}
