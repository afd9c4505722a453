//! The actions that an org can call, for its own API description.

use patchbay_model::{Failure, Permission, PluginId};
use serde::Serialize;
use serde_json::Value;

use crate::{auth::Caller, hub::Hub, registry::view::inline};

/// An action with its schemas.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionDoc {
    /// Of which plugin.
    pub plugin: PluginId,
    /// Its name.
    pub action: String,
    /// For people.
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// JSON Schema of what it takes.
    pub input: Value,
    /// JSON Schema of what it gives.
    pub output: Value,
}

impl Hub {
    /// The actions of the plugins that are switched on, by plugin, in the manifests' order. Needs the
    /// permission `call_actions` or `read_settings`.
    pub async fn enabled_actions(&self, caller: &Caller) -> Result<Vec<ActionDoc>, Failure> {
        if !caller.permissions.contains(Permission::CallActions) {
            caller.require(Permission::ReadSettings)?;
        }
        let hub = &*self.0;
        let mut tx = hub.database.read().await?;
        let installations = tx.org(caller.org).installations().list().await?;
        drop(tx);
        let mut docs = Vec::new();
        for installation in installations.into_iter().filter(|installation| installation.enabled) {
            let installed = hub.installed(caller.org, &installation.plugin).await?;
            let Some(serving) = installed.and_then(|installed| installed.serving()) else { continue };
            docs.extend(serving.plugin.manifest().actions.iter().map(|action| ActionDoc {
                plugin: installation.plugin.clone(),
                action: action.name.clone(),
                title: action.title.clone(),
                description: action.description.clone(),
                input: inline(&action.input).cloned().unwrap_or_default(),
                output: inline(&action.output).cloned().unwrap_or_default(),
            }));
        }
        Ok(docs)
    }
}
