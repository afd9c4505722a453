//! Endpoints: an org's URLs that subscribe to events.
//!
//! Whatever changes one says so in its transaction to who hands events on (`relay`), so that an event which is published
//! after it is handed on as it says; and tells all hubs, which keep endpoints with their secrets in memory.

mod change;
pub(crate) mod secrets;
pub(crate) mod sign;
mod validate;

use std::{collections::BTreeMap, fmt, time::Duration};

use patchbay_model::{
    Code, DeliveryId, EndpointId, EventId, Failure, Permission,
    endpoint::{Disabled, DisabledReason, Endpoint, EndpointSettings, EventTypes, Signing, Transform},
    plan::Metric,
    rate::Rate,
};
use patchbay_storage::{Change, LaneKey, Tx};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    auth::Caller,
    events::own::{Fact, Own},
    hub::{Hub, Inner},
    queries::{Page, Size, not_found},
};
use secrets::{Key, Secrets};
use sign::Signer;

/// How long a former secret signs on, if nothing else is said, and at most.
const OVERLAP: Duration = Duration::from_secs(24 * 3_600);
const MOST_OVERLAP: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Secrets that sign at once.
const MOST_KEYS: usize = 5;

/// An endpoint that shall be made.
#[derive(Debug, Clone, Default)]
pub struct NewEndpoint {
    /// Where events are sent.
    pub url: String,
    /// For people.
    pub description: String,
    /// What it subscribes to; none named: all.
    pub types: EventTypes,
    /// What events must look like.
    pub filter: Option<Value>,
    /// Makes the payload.
    pub transform: Option<Transform>,
    /// Sent along.
    pub headers: BTreeMap<String, String>,
    /// The same, and never shown.
    pub secret_headers: BTreeMap<String, SecretString>,
    /// How often it may be sent to.
    pub rate: Option<Rate>,
    /// One at a time, in order.
    pub fifo: bool,
    /// Is it switched on?
    pub enabled: bool,
    /// How deliveries are signed.
    pub signing: Signing,
}

/// What shall be different about an endpoint; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct EndpointPatch {
    /// Where events are sent.
    pub url: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// What it subscribes to.
    pub types: Option<EventTypes>,
    /// What events must look like, or that it does not matter.
    pub filter: Option<Option<Value>>,
    /// What makes the payload, or that it is the event itself.
    pub transform: Option<Option<Transform>>,
    /// All that are sent along.
    pub headers: Option<BTreeMap<String, String>>,
    /// Those that are changed, or taken away.
    pub secret_headers: BTreeMap<String, Option<SecretString>>,
    /// How often it may be sent to, or that it does not matter.
    pub rate: Option<Option<Rate>>,
    /// One at a time, in order.
    pub fifo: Option<bool>,
    /// Is it switched on?
    pub enabled: Option<bool>,
}

/// An endpoint with a new secret: the only time that it is shown.
pub struct EndpointSecret {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// `whsec_…`; none for Ed25519, whose receivers need the public key alone.
    pub secret: Option<SecretString>,
}

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointSecret").field("endpoint", &self.endpoint.id).finish_non_exhaustive()
    }
}

/// What was sent to try an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointTest {
    /// The event.
    pub event: EventId,
    /// Its delivery, as soon as it is handed on.
    pub delivery: DeliveryId,
}

impl Hub {
    /// The org's endpoints, newest first. Needs the permission `read_settings`.
    pub async fn endpoints(
        &self,
        caller: &Caller,
        before: Option<EndpointId>,
        limit: Option<u32>,
    ) -> Result<Page<Endpoint>, Failure> {
        caller.require(Permission::ReadSettings)?;
        let size = Size::new(limit)?;
        let mut tx = self.0.database.read().await?;
        let endpoints = tx.org(caller.org).endpoints().list(before, size.and_one()).await?;
        Ok(size.page(endpoints, |endpoint| endpoint.id.to_string()))
    }

    /// One endpoint of the org; `not_found` for another org's. Needs the permission `read_settings`.
    pub async fn endpoint(&self, caller: &Caller, id: EndpointId) -> Result<Endpoint, Failure> {
        caller.require(Permission::ReadSettings)?;
        let mut tx = self.0.database.read().await?;
        tx.org(caller.org).endpoints().get(id).await?.ok_or_else(|| not_found("endpoint"))
    }

    /// Makes an endpoint. Needs the permission `manage_installations`; `invalid_input` for what cannot be one, a URL that leads to
    /// an address that no endpoint may have among it; `plan_limit_reached` if the plan includes no more.
    pub async fn create_endpoint(&self, caller: &Caller, new: NewEndpoint) -> Result<EndpointSecret, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &self.0;
        hub.running()?;
        let now = hub.clock.now();
        let id = EndpointId::new(&*hub.clock, &*hub.random);
        let key = sign::new_key(new.signing, &*hub.random);
        let public_key = Signer::new(&key)?.public_key();
        let NewEndpoint { headers, secret_headers, enabled, signing, .. } = new;
        let settings = EndpointSettings {
            url: new.url,
            description: new.description,
            types: new.types,
            filter: new.filter,
            transform: new.transform,
            headers: validate::lower_case(headers),
            secret_headers: secret_headers.keys().map(|name| name.to_ascii_lowercase()).collect(),
            rate: new.rate,
            fifo: new.fifo,
            signing,
            public_key,
            former_until: None,
        };
        let secret_headers = validate::lower_case(secret_headers);
        self.check_endpoint(caller, &settings, &secret_headers).await?;
        // known before the transaction is begun in which it is looked at again
        self.allow_standing(caller, Metric::Endpoints, 1).await?;
        let secrets = Secrets { keys: vec![Key { text: key.clone(), until: None }], headers: secret_headers };
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.lock().await?;
        let count = ours.endpoints().count().await?;
        self.allow_standing(caller, Metric::Endpoints, count + 1).await?;
        ours.relay().changed().await?;
        let endpoint = Endpoint {
            id,
            org: caller.org,
            disabled: (!enabled).then_some(Disabled { reason: DisabledReason::Asked, at: now }),
            from_sequence: ours.relay().newest().await?,
            version: 1,
            sealed: secrets.seal(&hub.vault, &mut ours, id).await?,
            created_at: now,
            updated_at: now,
            settings,
        };
        ours.endpoints().put(&endpoint).await?;
        let detail = json!({ "new": audited(&endpoint) });
        hub.endpoint_changed(&mut tx, caller, "endpoint.create", id, detail).await?;
        tx.commit().await?;
        hub.endpoint_is_changed(LaneKey { org: caller.org, endpoint: id }).await;
        Ok(EndpointSecret { endpoint, secret: shown(signing, key) })
    }

    /// Deletes an endpoint; what is queued for it is cancelled. Needs the permission `manage_installations`; `not_found` for another
    /// org's.
    pub async fn delete_endpoint(&self, caller: &Caller, id: EndpointId) -> Result<(), Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &self.0;
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.lock().await?;
        let endpoint = ours.endpoints().get(id).await?.ok_or_else(|| not_found("endpoint"))?;
        ours.relay().changed().await?;
        ours.endpoints().delete(id).await?;
        ours.deliveries().abandon_lane(id).await?;
        let detail = json!({ "old": audited(&endpoint) });
        hub.endpoint_changed(&mut tx, caller, "endpoint.delete", id, detail).await?;
        tx.commit().await?;
        hub.endpoint_is_changed(LaneKey { org: caller.org, endpoint: id }).await;
        Ok(())
    }

    /// Gives an endpoint a new secret. The former one signs as well for a while, a day if nothing else is said, so that
    /// receivers can change over. Needs the permission `manage_installations`; `conflict` if there are too many that still sign.
    pub async fn rotate_endpoint_secret(
        &self,
        caller: &Caller,
        id: EndpointId,
        overlap: Option<Duration>,
    ) -> Result<EndpointSecret, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &self.0;
        hub.running()?;
        let overlap = overlap.unwrap_or(OVERLAP);
        if overlap > MOST_OVERLAP {
            let most = MOST_OVERLAP.as_secs();
            return Err(Failure::violation("/overlap_seconds", format!("at most {most} (7 days)")));
        }
        let now = hub.clock.now();
        let until = now + chrono::TimeDelta::from_std(overlap).unwrap_or_default();
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.lock().await?;
        let mut endpoint = ours.endpoints().get(id).await?.ok_or_else(|| not_found("endpoint"))?;
        let mut secrets = Secrets::open(&hub.vault, &mut ours, &endpoint).await?;
        let key = sign::new_key(endpoint.settings.signing, &*hub.random);
        for former in &mut secrets.keys {
            former.until = Some(former.until.map_or(until, |earlier| earlier.min(until)));
        }
        secrets.keys.insert(0, Key { text: key.clone(), until: None });
        secrets.keys = secrets.current(now);
        if secrets.keys.len() > MOST_KEYS {
            let detail = format!("{MOST_KEYS} secrets sign at once: wait until a former one has ended");
            return Err(Failure::new(Code::Conflict, detail));
        }
        endpoint.settings.public_key = Signer::new(&key)?.public_key();
        endpoint.settings.former_until = secrets.keys.iter().filter_map(|key| key.until).max();
        endpoint.sealed = secrets.seal(&hub.vault, &mut ours, id).await?;
        endpoint.version += 1;
        endpoint.updated_at = now;
        ours.endpoints().put(&endpoint).await?;
        let detail = json!({ "former_until": endpoint.settings.former_until });
        hub.endpoint_changed(&mut tx, caller, "endpoint.secret.rotate", id, detail).await?;
        tx.commit().await?;
        hub.endpoint_is_changed(LaneKey { org: caller.org, endpoint: id }).await;
        Ok(EndpointSecret { secret: shown(endpoint.settings.signing, key), endpoint })
    }

    /// Sends an event of the type `endpoint.test` to an endpoint, on the way of all others, whatever it subscribes to. Needs
    /// the permission `manage_installations`; `conflict` for one that is switched off.
    pub async fn test_endpoint(&self, caller: &Caller, id: EndpointId) -> Result<EndpointTest, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &self.0;
        hub.running()?;
        let fact = Fact {
            org: caller.org,
            subject: id.to_string(),
            data: json!({ "endpoint": id, "message": "this is a test" }),
            dedupe: None,
            at: hub.clock.now(),
        };
        let event = Own::EndpointTest.event(fact, &*hub.clock, &*hub.random);
        let entry = hub.audit(caller.org, caller.actor, "endpoint.test", id, json!({ "event": event.id }));
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        let endpoint = ours.endpoints().get(id).await?.ok_or_else(|| not_found("endpoint"))?;
        check_enabled(&endpoint)?;
        ours.events().append(&event).await?;
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        Ok(EndpointTest { event: event.id, delivery: DeliveryId::of(event.id, id) })
    }
}

/// Fails with `conflict` for an endpoint that is switched off.
pub(crate) fn check_enabled(endpoint: &Endpoint) -> Result<(), Failure> {
    match endpoint.disabled {
        None => Ok(()),
        Some(_) => Err(Failure::new(Code::Conflict, "the endpoint is switched off: set `enabled` first")),
    }
}

/// A secret as whoever made it gets it.
fn shown(signing: Signing, key: SecretString) -> Option<SecretString> {
    (signing == Signing::Hmac).then_some(key)
}

/// What the audit log tells of an endpoint. Of its URL the host: what is behind it can be as good as a password.
fn audited(endpoint: &Endpoint) -> Value {
    let settings = &endpoint.settings;
    let host = url::Url::parse(&settings.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    json!({
        "host": host,
        "description": settings.description,
        "types": settings.types,
        "filter": settings.filter,
        "transform": settings.transform,
        "headers": settings.headers.keys().collect::<Vec<_>>(),
        "secret_headers": settings.secret_headers,
        "rate": settings.rate,
        "fifo": settings.fifo,
        "signing": settings.signing,
        "enabled": endpoint.disabled.is_none(),
    })
}

impl Inner {
    /// Tells of a change of an endpoint, last in its transaction.
    async fn endpoint_changed(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        action: &str,
        id: EndpointId,
        detail: Value,
    ) -> Result<(), Failure> {
        tx.hub().notify(Change::Endpoint { org: caller.org, id }).await?;
        let entry = self.audit(caller.org, caller.actor, action, id, detail);
        tx.org(caller.org).audit().append(&entry).await?;
        Ok(())
    }

    /// After a change of an endpoint is committed, here or elsewhere.
    pub(crate) async fn endpoint_is_changed(&self, key: LaneKey) {
        self.deliveries.live.invalidate(&(key.org, key.endpoint)).await;
        self.relay.concerned(key.org);
        self.deliveries.endpoint_changed(key, &*self.clock);
    }
}
