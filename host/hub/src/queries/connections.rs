//! An org's connections.

use patchbay_model::{Failure, Permission};

use crate::{auth::Caller, connections::ConnectionView, hub::Hub};

impl Hub {
    /// The org's connections, by plugin. Needs the permission `read_settings`.
    pub async fn connections(&self, caller: &Caller) -> Result<Vec<ConnectionView>, Failure> {
        caller.require(Permission::ReadSettings)?;
        let mut tx = self.0.database.read().await?;
        let connections = tx.org(caller.org).connections().list().await?;
        drop(tx);
        let mut views = Vec::with_capacity(connections.len());
        for connection in connections {
            views.push(self.connection_of(caller.org, &connection.plugin).await?);
        }
        Ok(views)
    }
}
