//! The fields of both sides, for whoever maps them.

use std::sync::Arc;

use patchbay_model::{
    Digest, Failure, OrgId, Permission, PluginId,
    object::StandardObject,
    sync::{FieldKind, VendorField},
};
use patchbay_runtime::{SyncField, SyncFieldKind};
use serde_json::Value;

use super::declared;
use crate::{
    auth::Caller,
    call::CallFailure,
    hub::Hub,
    installations::not_installed,
    queries::not_found,
    tenant::{CredentialsOf, Serving},
};

/// Whose fields of what: of an org's connection, as a version of the plugin tells them.
pub(crate) type FieldsOf = (OrgId, PluginId, Digest, CredentialsOf, String);

/// The fields of both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncFieldsView {
    /// The object's schema (JSON Schema 2020-12), whose fields a mapping names by JSON Pointers.
    pub hub: &'static Value,
    /// The vendor's, as they are for this account, not older than a minute.
    pub vendor: Vec<VendorField>,
}

impl Hub {
    /// The fields that a sync's mapping can name, of both sides. Asks the plugin, unless it was asked within the last minute. Needs
    /// the permission `manage_installations`. `not_found` if the plugin has no sync of the object; fails as a call of the plugin does.
    pub async fn sync_fields(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        object: StandardObject,
    ) -> Result<SyncFieldsView, CallFailure> {
        caller.require(Permission::ManageInstallations)?;
        let serving = self.0.callable(caller.org, plugin).await?;
        let decl = declared(serving.plugin.manifest(), object).ok_or_else(|| not_found("sync"))?;
        let vendor = self.vendor_fields(caller, &serving, &decl.resource).await?;
        Ok(SyncFieldsView { hub: object.schema(), vendor: vendor.to_vec() })
    }

    /// The vendor's fields of a resource.
    pub(super) async fn vendor_fields(
        &self,
        caller: &Caller,
        serving: &Arc<Serving>,
        resource: &str,
    ) -> Result<Arc<Vec<VendorField>>, CallFailure> {
        let hub = &*self.0;
        let plugin = &serving.plugin.manifest().id;
        let installed = hub.installed(caller.org, plugin).await?.ok_or_else(|| not_installed(plugin))?;
        let key = (
            caller.org,
            plugin.clone(),
            serving.plugin.digest(),
            installed.settings.credentials_of(),
            resource.to_owned(),
        );
        let load = || async {
            let asked = resource.to_owned();
            let operation = format!("{resource}.describe");
            let fields = self
                .ask_version(caller, serving, operation, move |version, call| async move {
                    version.describe(call, &asked).await
                })
                .await?;
            Ok::<_, CallFailure>(Some(fields.into_iter().map(vendor_field).collect::<Vec<_>>()))
        };
        let found = hub.described.get(&key, load).await?;
        found.ok_or_else(|| Failure::internal("the fields of a resource were not kept").into())
    }
}

fn vendor_field(field: SyncField) -> VendorField {
    let SyncField { name, title, kind, required, readable, writable, unique, custom, choices } = field;
    let kind = match kind {
        SyncFieldKind::Text => FieldKind::Text,
        SyncFieldKind::Number => FieldKind::Number,
        SyncFieldKind::Boolean => FieldKind::Boolean,
        SyncFieldKind::Date => FieldKind::Date,
        SyncFieldKind::Time => FieldKind::Time,
        SyncFieldKind::Choice => FieldKind::Choice,
        SyncFieldKind::Reference => FieldKind::Reference,
    };
    VendorField { name, title, kind, required, readable, writable, unique, custom, choices }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_field_is_what_the_plugin_says() {
        let field = SyncField {
            name: "hs_lead_status".to_owned(),
            title: "Lead status".to_owned(),
            kind: SyncFieldKind::Choice,
            required: false,
            readable: true,
            writable: false,
            unique: false,
            custom: true,
            choices: vec!["NEW".to_owned()],
        };
        let told = vendor_field(field);
        assert_eq!((told.kind, told.custom, told.writable), (FieldKind::Choice, true, false));
        assert_eq!(told.choices, ["NEW"]);
    }
}
