//! Which version a replayed webhook is worked on by: any that the installation could be moved to, and no other.
//!
//! A replay to an older version tells whether a newer one is to blame, and one to a newer version mends what the older one
//! could not do, before all else is moved to it. It is no way around what an admin has approved, nor around the settings:
//! a version that would not serve the installation does not get its webhooks either.

use std::sync::Arc;

use patchbay_model::{Code, Failure, OrgId, PluginId};
use patchbay_runtime::Plugin;

use crate::{
    hub::Inner,
    registry::resolve::{approval_needed, beyond_approval},
    tenant::{Serving, Settings},
};

impl Inner {
    /// The loaded version of this number, if the installation could be moved to it. `invalid_input` if there is none,
    /// `approval_needed` if it may do more than was approved, `conflict` if it takes no webhooks or not these settings.
    pub(super) async fn version_in_reach(&self, settings: &Settings, version: &str) -> Result<Arc<Plugin>, Failure> {
        let installation = &settings.installation;
        let found = self.registry.catalogue().version(installation, version).cloned();
        let Some(plugin) = found else {
            return Err(Failure::violation("/version", "a version of the plugin that is loaded, as in 1.2.0"));
        };
        if !beyond_approval(&plugin, installation).is_empty() {
            return Err(approval_needed(plugin.digest()));
        }
        if plugin.manifest().webhooks.is_none() {
            return Err(Failure::new(Code::Conflict, format!("version {version} takes no webhooks")));
        }
        match self.verdict(&plugin, settings).await? {
            None => Ok(plugin),
            Some(refusal) => {
                let code = refusal.code.as_str();
                let detail = format!("version {version} does not take the installation's settings ({code})");
                Err(Failure::new(Code::Conflict, detail))
            }
        }
    }

    /// As [`Inner::callable`], with this version in the place of the one that serves.
    pub(super) async fn callable_at(
        &self,
        org: OrgId,
        plugin: &PluginId,
        version: &str,
    ) -> Result<Arc<Serving>, Failure> {
        // looked at first in any case: it is switched on, and its tokens are good
        let serving = self.callable(org, plugin).await?;
        if serving.plugin.version().to_string() == version {
            return Ok(serving);
        }
        let Some(installed) = self.installed(org, plugin).await? else { return Ok(serving) };
        let settings = &installed.settings;
        let plugin = self.version_in_reach(settings, version).await?;
        let (tenant, live) = (self.tenant(&plugin, settings), self.live(plugin.manifest(), settings));
        Ok(Arc::new(Serving { plugin, tenant, live }))
    }
}
