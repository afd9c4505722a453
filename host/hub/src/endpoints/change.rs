//! Changing an endpoint.

use std::collections::BTreeMap;

use patchbay_model::{
    EndpointId, Failure, Permission,
    endpoint::{Disabled, DisabledReason, Endpoint},
};
use patchbay_storage::LaneKey;
use serde_json::json;

use super::{EndpointPatch, audited, secrets::Secrets, validate};
use crate::{auth::Caller, hub::Hub, queries::not_found};

impl Hub {
    /// Changes an endpoint. One that is switched on gets the events that are published from then on; those of before are
    /// replayed if somebody asks for it. What is due to it is sent at once. Needs the permission `manage_installations`;
    /// `invalid_input` as when one is made.
    pub async fn change_endpoint(
        &self,
        caller: &Caller,
        id: EndpointId,
        patch: EndpointPatch,
    ) -> Result<Endpoint, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &self.0;
        hub.running()?;
        // looked at before the transaction, because it may ask a name server; the endpoint as it will be differs from that
        // only if somebody else changes it meanwhile
        let present = {
            let mut tx = hub.database.read().await?;
            tx.org(caller.org).endpoints().get(id).await?.ok_or_else(|| not_found("endpoint"))?
        };
        let mut preview = present.clone();
        let new_headers = apply(&mut preview, &patch);
        if preview.settings != present.settings || !new_headers.is_empty() {
            self.check_endpoint(caller, &preview.settings, &new_headers).await?;
        }

        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.lock().await?;
        let before = ours.endpoints().get(id).await?.ok_or_else(|| not_found("endpoint"))?;
        let mut endpoint = before.clone();
        let new_headers = apply(&mut endpoint, &patch);
        ours.relay().changed().await?;
        if !new_headers.is_empty() || endpoint.settings.secret_headers != before.settings.secret_headers {
            let mut secrets = Secrets::open(&hub.vault, &mut ours, &before).await?;
            secrets.headers.extend(new_headers);
            secrets.headers.retain(|name, _| endpoint.settings.secret_headers.contains(name));
            endpoint.sealed = secrets.seal(&hub.vault, &mut ours, id).await?;
        }
        match patch.enabled {
            Some(true) if before.disabled.is_some() => {
                endpoint.disabled = None;
                endpoint.from_sequence = ours.relay().newest().await?;
                ours.deliveries().wake_lane(id, now).await?;
            }
            Some(false) if before.disabled.is_none() => {
                endpoint.disabled = Some(Disabled { reason: DisabledReason::Asked, at: now });
                ours.deliveries().rest_lane(id).await?;
            }
            _ => {}
        }
        endpoint.version += 1;
        endpoint.updated_at = now;
        ours.endpoints().put(&endpoint).await?;
        let detail = json!({ "old": audited(&before), "new": audited(&endpoint) });
        hub.endpoint_changed(&mut tx, caller, "endpoint.update", id, detail).await?;
        tx.commit().await?;
        hub.endpoint_is_changed(LaneKey { org: caller.org, endpoint: id }).await;
        Ok(endpoint)
    }
}

/// Makes the changes but for `enabled`, and gives the headers to seal.
fn apply(endpoint: &mut Endpoint, patch: &EndpointPatch) -> BTreeMap<String, secrecy::SecretString> {
    let settings = &mut endpoint.settings;
    let patch = patch.clone();
    set(&mut settings.url, patch.url);
    set(&mut settings.description, patch.description);
    set(&mut settings.types, patch.types);
    set(&mut settings.filter, patch.filter);
    set(&mut settings.transform, patch.transform);
    set(&mut settings.headers, patch.headers.map(validate::lower_case));
    set(&mut settings.rate, patch.rate);
    set(&mut settings.fifo, patch.fifo);
    let mut new = BTreeMap::new();
    for (name, value) in validate::lower_case(patch.secret_headers) {
        match value {
            Some(value) => {
                settings.secret_headers.insert(name.clone());
                new.insert(name, value);
            }
            None => {
                settings.secret_headers.remove(&name);
            }
        }
    }
    new
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
