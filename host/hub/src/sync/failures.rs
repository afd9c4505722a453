//! Records that a sync could not take over outside of a run: what webhooks told of, and what was written at the vendor.

use patchbay_model::{Failure, Permission, PluginId, object::StandardObject, sync::SyncFailure};

use crate::{
    auth::Caller,
    hub::Hub,
    installations::not_installed,
    queries::{Page, Size},
};

impl Hub {
    /// What a sync could not take over between its runs, in the order in which it was met; `after` is the cursor of the page
    /// before. `not_installed` if the org does not have the plugin. Needs the permission `read_activity`.
    pub async fn sync_failures(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        object: StandardObject,
        after: Option<u64>,
        limit: Option<u32>,
    ) -> Result<Page<SyncFailure>, Failure> {
        caller.require(Permission::ReadActivity)?;
        let size = Size::new(limit)?;
        if self.0.installed(caller.org, plugin).await?.is_none() {
            return Err(not_installed(plugin));
        }
        let mut tx = self.0.database.read().await?;
        let found = tx.org(caller.org).syncs().live_failures(plugin, object, after, size.and_one()).await?;
        let Page { items, next } = size.page(found, |(number, _)| number.to_string());
        Ok(Page { items: items.into_iter().map(|(_, failure)| failure).collect(), next })
    }
}
