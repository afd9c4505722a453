//! What an org decides about a sync: looked at, and changed.
//!
//! A mapping is checked against both sides before it counts: against the object's schema, and against what the vendor says of its
//! fields for this very account, because half of those that people map are their own. A mapping that is put as it was is not
//! checked anew: whoever switches a sync off because the vendor fails need not wait for the vendor.

use std::sync::Arc;

use patchbay_model::{
    Code, Failure, OrgId, Permission, PluginId, Violation,
    failure::at,
    filter::{Field, Filter},
    object::StandardObject,
    sync::{Direction, SyncSettings, SyncState, validate},
};
use patchbay_package::{Manifest, manifest::sync::SyncDecl};
use patchbay_runtime::Plugin;
use patchbay_storage::OrgTx;
use serde_json::{Value, json};

use super::{connected::refused, declared, views::SyncView};
use crate::{
    auth::Caller,
    call::CallFailure,
    hub::{Hub, Inner},
    installations::not_installed,
    queries::not_found,
    tenant::Serving,
};

/// A sync as it is to be.
#[derive(Debug, Clone)]
pub struct PutSync {
    /// What the org decides.
    pub settings: SyncSettings,
    /// How often is not decided: as by default, or less often if the plan allows no more.
    pub is_every_left_out: bool,
    /// The version that the settings must have (0: the sync was never set up); none for whichever.
    pub version: Option<u64>,
}

impl Hub {
    /// The syncs that a plugin has, as the org has set them up, by object. Needs the permission `read_activity`;
    /// `not_installed` if the plugin is not.
    pub async fn syncs(&self, caller: &Caller, plugin: &PluginId) -> Result<Vec<SyncView>, Failure> {
        caller.require(Permission::ReadActivity)?;
        let version = self.0.declaring(caller, plugin).await?;
        self.sync_views(caller, plugin, version.manifest()).await
    }

    /// The syncs that a plugin has, by object, for somebody who may see them.
    pub(super) async fn sync_views(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        manifest: &Manifest,
    ) -> Result<Vec<SyncView>, Failure> {
        let mut tx = self.0.database.read().await?;
        let mut ours = tx.org(caller.org);
        let mut states = ours.syncs().list(Some(plugin)).await?;
        let mut views = Vec::with_capacity(manifest.syncs.len());
        for decl in &manifest.syncs {
            let place = states.iter().position(|state| state.object == decl.object);
            let state = place.map(|place| states.swap_remove(place));
            views.push(SyncView::load(&mut ours, plugin, decl, state).await?);
        }
        views.sort_by_key(|view| view.state.object.as_str());
        Ok(views)
    }

    /// One of them; `not_found` if the plugin has no sync of the object. Needs the permission `read_activity`.
    pub async fn sync(&self, caller: &Caller, plugin: &PluginId, object: StandardObject) -> Result<SyncView, Failure> {
        caller.require(Permission::ReadActivity)?;
        let hub = &*self.0;
        let version = hub.declaring(caller, plugin).await?;
        let decl = declared(version.manifest(), object).ok_or_else(|| not_found("sync"))?;
        let mut tx = hub.database.read().await?;
        let mut ours = tx.org(caller.org);
        let state = ours.syncs().get(plugin, object).await?;
        SyncView::load(&mut ours, plugin, decl, state).await
    }

    /// Sets a sync up, or changes its settings. One that is switched on begins within seconds by reading all that the vendor
    /// has, then has written there what is here and not there, and gets what changes here from now on; and so does one by whose
    /// settings more goes there than before. Needs the permission `manage_installations`. `not_found` if the plugin has no
    /// sync of the object, `plan_required` if the org's plan lacks the plugin, `another_account` if one is connected that the sync's
    /// links are not about and it is to be switched on, `conflict` if the settings have another version,
    /// `invalid_input` for what does not fit the plugin, the plan, the object's schema or the vendor's fields, and what the plugin
    /// fails with when it is asked for those.
    pub async fn put_sync(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        object: StandardObject,
        put: PutSync,
    ) -> Result<SyncView, CallFailure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        hub.running()?;
        let serving = hub.serving(caller.org, plugin).await?;
        let manifest = serving.plugin.manifest();
        let decl = declared(manifest, object).ok_or_else(|| not_found("sync"))?;
        let PutSync { mut settings, is_every_left_out, version } = put;
        if settings.enabled {
            self.check_plan_of(caller, manifest).await?;
        }
        let present = {
            let mut tx = hub.database.read().await.map_err(Failure::from)?;
            tx.org(caller.org).syncs().get(plugin, object).await.map_err(Failure::from)?
        };
        if is_every_left_out {
            settings.every_s = settings.every_s.max(hub.standing(caller.org).await?.plan.sync_every_s);
        }
        hub.check_settings(caller, decl, &mut settings).await?;
        self.check_mapping(caller, &serving, decl, &settings, present.as_ref()).await?;
        hub.store_sync(caller, plugin, object, &settings, version).await?;
        Ok(self.sync_of(caller, plugin, decl).await?)
    }

    async fn sync_of(&self, caller: &Caller, plugin: &PluginId, decl: &SyncDecl) -> Result<SyncView, Failure> {
        let mut tx = self.0.database.read().await?;
        let mut ours = tx.org(caller.org);
        let state = ours.syncs().get(plugin, decl.object).await?;
        SyncView::load(&mut ours, plugin, decl, state).await
    }

    /// Checks a mapping that is new against the object's schema, and against the vendor's fields if there is a connection by
    /// which they can be asked for.
    async fn check_mapping(
        &self,
        caller: &Caller,
        serving: &Arc<Serving>,
        decl: &SyncDecl,
        settings: &SyncSettings,
        present: Option<&SyncState>,
    ) -> Result<(), CallFailure> {
        let Some(mapping) = &settings.mapping else { return Ok(()) };
        if present.is_some_and(|present| present.settings.mapping.as_ref() == Some(mapping)) {
            return Ok(());
        }
        let schema = decl.object.schema();
        let refuse = |violations: Vec<Violation>| match violations.is_empty() {
            true => Ok(()),
            false => Err(Failure::invalid(at("/mapping", violations))),
        };
        // what needs nobody's answer first
        refuse(validate(mapping, schema, None, &decl.directions))?;
        if !self.0.is_connected(caller.org, serving.plugin.manifest()).await? {
            return Ok(());
        }
        let fields = self.vendor_fields(caller, serving, &decl.resource).await?;
        Ok(refuse(validate(mapping, schema, Some(&fields), &decl.directions))?)
    }
}

impl Inner {
    /// The version by whose manifest a plugin's syncs are shown: the one that serves, or would if it could.
    pub(super) async fn declaring(&self, caller: &Caller, plugin: &PluginId) -> Result<Arc<Plugin>, Failure> {
        let installed = self.installed(caller.org, plugin).await?.ok_or_else(|| not_installed(plugin))?;
        if let Some(serving) = installed.serving() {
            return Ok(Arc::clone(&serving.plugin));
        }
        let catalogue = self.registry.catalogue();
        let fits = catalogue.choice_within(&installed.settings.installation).or_else(|| catalogue.best(plugin));
        fits.cloned().ok_or_else(|| Failure::new(Code::Unavailable, "no version of the plugin is loaded"))
    }

    /// True if the org has given the plugin what it connects with, or it needs nothing.
    pub(super) async fn is_connected(&self, org: OrgId, manifest: &Manifest) -> Result<bool, Failure> {
        if manifest.credentials.is_empty() && manifest.oauth.is_none() {
            return Ok(true);
        }
        let plugin = &manifest.id;
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(org);
        Ok(ours.connections().get(plugin).await?.is_some() || ours.oauth_tokens().get(plugin).await?.is_some())
    }

    /// Checks all but the mapping, and limits the direction to what the plugin can.
    async fn check_settings(
        &self,
        caller: &Caller,
        decl: &SyncDecl,
        settings: &mut SyncSettings,
    ) -> Result<(), Failure> {
        let mut violations = settings.violations();
        let mut refuse = |pointer: &str, expected: String| {
            violations.push(Violation { pointer: pointer.to_owned(), expected });
        };
        let least = self.standing(caller.org).await?.plan.sync_every_s;
        if settings.enabled && settings.every_s < least {
            refuse("/every_s", format!("at least {least} seconds, by the organization's plan"));
        }
        match able(decl).and_then(|able| settings.direction.within(able)) {
            Some(direction) => settings.direction = direction,
            None => refuse("/direction", "a way that the plugin goes".to_owned()),
        }
        if settings.push_deletes && !decl.deletes.contains(&Direction::Out) {
            refuse("/push_deletes", "false: the plugin deletes nothing there".to_owned());
        }
        if let Some(name) = settings.only.as_ref().and_then(|only| unknown_field(decl.object, only)) {
            refuse(&format!("/only/{name}"), format!("a field of the object {}: see /v1/objects", decl.object));
        }
        if violations.is_empty() { Ok(()) } else { Err(Failure::invalid(violations)) }
    }

    /// Has the syncs of a plugin that go out go through all, in the transaction that switches it on again: what changed here while
    /// it was off waits for none of them.
    pub(crate) async fn catch_up_syncs(&self, ours: &mut OrgTx<'_>, plugin: &PluginId) -> Result<(), Failure> {
        let now = self.clock.now();
        for state in ours.syncs().list(Some(plugin)).await? {
            if goes_out(&state.settings) {
                ours.syncs().want_all(plugin, state.object, now).await?;
            }
        }
        Ok(())
    }

    async fn store_sync(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        object: StandardObject,
        settings: &SyncSettings,
        version: Option<u64>,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.lock().await?;
        let state = ours.syncs().get(plugin, object).await?;
        let connected = ours.oauth_tokens().get(plugin).await?.and_then(|tokens| tokens.account_id);
        if let Some(state) = state.as_ref().filter(|_| settings.enabled)
            && let Some(failure) = refused(state, connected.as_deref())
        {
            return Err(failure);
        }
        // with no links yet it is about the account that is connected
        let is_nobodys = state.as_ref().is_none_or(|state| state.account.is_none() && state.linked == 0);
        let before = state.map(|state| state.settings);
        if before.as_ref().is_some_and(goes_out) || goes_out(settings) {
            // what is published from here on is for the sync as it is now
            ours.relay().changed().await?;
        }
        if ours.syncs().put_settings(plugin, object, settings, version, now).await?.is_none() {
            let detail = "somebody else has changed the sync meanwhile: look at it and put it again";
            return Err(Failure::new(Code::Conflict, detail));
        }
        if is_nobodys && connected.is_some() {
            ours.syncs().belong(plugin, object, connected.as_deref()).await?;
        }
        if before.as_ref().is_some_and(|before| sends_more(before, settings)) {
            ours.syncs().want_all(plugin, object, now).await?;
        }
        self.drive_sync(&mut ours, plugin, object).await?;
        if before.as_ref().is_some_and(|before| is_read_anew(before, settings)) {
            ours.syncs().begin_anew(plugin, object, now).await?;
        }
        let detail = json!({ "old": before.as_ref().map(audited), "new": audited(settings) });
        let entry = self.audit(caller.org, caller.actor, "sync.put", format!("{plugin}/{object}"), detail);
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        self.outward.invalidate(&caller.org).await;
        self.relay.concerned(caller.org);
        self.jobs.due_at(now);
        Ok(())
    }
}

fn goes_out(settings: &SyncSettings) -> bool {
    settings.enabled && settings.direction.is_outward()
}

/// True if by the settings as they are now records may go to the vendor that did not by those before: what was here already did
/// not wait for that.
fn sends_more(before: &SyncSettings, after: &SyncSettings) -> bool {
    // of two filters it cannot be told which lets through more
    goes_out(after) && (!goes_out(before) || before.only != after.only || (after.create_there && !before.create_there))
}

/// Which ways a plugin's sync can go; none if it goes nowhere.
pub(super) fn able(decl: &SyncDecl) -> Option<Direction> {
    match (decl.directions.contains(&Direction::In), decl.directions.contains(&Direction::Out)) {
        (true, true) => Some(Direction::Both),
        (true, false) => Some(Direction::In),
        (false, true) => Some(Direction::Out),
        (false, false) => None,
    }
}

/// True if what was read already is to be read by other settings.
fn is_read_anew(before: &SyncSettings, after: &SyncSettings) -> bool {
    before.mapping != after.mapping || (after.direction.is_inward() && !before.direction.is_inward())
}

/// A field that a filter names and the object does not have.
fn unknown_field(object: StandardObject, only: &Filter) -> Option<String> {
    let mut names = only.fields().into_iter().map(Field::dotted);
    names.find(|name| !object.has_field(name.split('.').next().unwrap_or_default()))
}

/// What the audit log tells of settings: of a mapping how many fields it has, which may be hundreds.
fn audited(settings: &SyncSettings) -> Value {
    let SyncSettings {
        enabled,
        every_s,
        full_every_days,
        direction,
        mapping,
        wins,
        deletes,
        push_deletes,
        create_there,
        only,
    } = settings;
    json!({
        "enabled": enabled, "every_s": every_s, "full_every_days": full_every_days, "direction": direction, "wins": wins,
        "deletes": deletes, "push_deletes": push_deletes, "create_there": create_there, "only": only,
        "mapped_fields": mapping.as_ref().map(|mapping| mapping.fields.len()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_names_fields_that_the_object_has() {
        let of = |filter: Value| unknown_field(StandardObject::Call, &Filter::parse(&filter).unwrap());
        assert_eq!(of(json!({"status": {"in": ["completed"]}, "extra.twilio.price": 1})), None);
        assert_eq!(of(json!({"any": [{"status": "busy"}, {"stage": "won"}]})), Some("stage".to_owned()));
    }

    #[test]
    fn what_is_here_is_gone_through_where_more_goes_out_than_before() {
        let both = SyncSettings::default;
        let off = SyncSettings { enabled: false, ..both() };
        let inward = SyncSettings { direction: Direction::In, ..both() };
        let only = SyncSettings { only: Some(Filter::parse(&json!({"status": "won"})).unwrap()), ..both() };
        let joins = SyncSettings { create_there: false, ..both() };
        for before in [&off, &inward, &only, &joins] {
            assert!(sends_more(before, &both()), "{before:?}");
        }
        assert!(sends_more(&both(), &only), "which of two is wider is not known");
        for after in [&off, &inward, &joins, &SyncSettings { every_s: 60, ..both() }] {
            assert!(!sends_more(&both(), after), "{after:?}");
        }
        assert!(!sends_more(&off, &inward));
    }

    #[test]
    fn the_audit_log_tells_what_was_decided_and_not_each_field() {
        let mapping = serde_json::from_value(json!({"fields": [{"hub": "/name", "vendor": "name"}]})).unwrap();
        let told = audited(&SyncSettings { mapping: Some(mapping), ..SyncSettings::default() });
        assert_eq!(told["mapped_fields"], 1);
        assert_eq!(told["enabled"], true);
        assert!(told.get("mapping").is_none());
        assert_eq!(audited(&SyncSettings::default())["mapped_fields"], Value::Null);
    }

    #[test]
    fn all_is_read_anew_by_another_mapping_and_where_nothing_was_read() {
        let before = SyncSettings { direction: Direction::Out, ..SyncSettings::default() };
        let mapping = serde_json::from_value(json!({"fields": [{"hub": "/name", "vendor": "name"}]})).unwrap();
        let mapped = SyncSettings { mapping: Some(mapping), ..before.clone() };
        assert!(is_read_anew(&before, &mapped) && is_read_anew(&mapped, &before));
        for direction in [Direction::In, Direction::Both] {
            assert!(is_read_anew(&before, &SyncSettings { direction, ..before.clone() }), "{direction}");
        }
        let both = SyncSettings { direction: Direction::Both, ..before.clone() };
        for direction in Direction::ALL {
            assert!(!is_read_anew(&both, &SyncSettings { direction: *direction, ..both.clone() }), "{direction}");
        }
        assert!(!is_read_anew(&before, &SyncSettings { every_s: 60, push_deletes: true, ..before.clone() }));
    }
}
