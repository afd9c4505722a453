//! The operator at the command line, who acts for an org without a key of its own.
//!
//! The same use cases, with a caller whom nobody can be over HTTP; the audit log says `operator`.

use std::sync::Arc;

use patchbay_model::{Clock, Code, Failure, OrgId, Random};

use crate::{auth::Caller, config::HubConfig, hub::Hub, start_error::StartError, watch};

impl Hub {
    /// As [`Hub::open`], with every plugin loaded: for commands that change what plugins are asked about. Nothing
    /// runs in the background.
    pub async fn open_with_plugins(
        config: HubConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StartError> {
        let hub = Self::open(config, clock, random).await?;
        hub.0.load_stored_packages().await?;
        watch::load(&hub).await;
        Ok(hub)
    }

    /// The operator, acting for an org; `not_found` if there is no such org.
    pub async fn operator(&self, org: OrgId) -> Result<Caller, Failure> {
        let mut tx = self.0.database.read().await?;
        match tx.hub().org(org).await? {
            Some(_) => Ok(Caller::operator(org)),
            None => Err(Failure::new(Code::NotFound, "there is no such organization")),
        }
    }
}
