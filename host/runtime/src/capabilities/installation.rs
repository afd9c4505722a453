//! What the guest may know of the installation that it runs for.

use crate::{
    bindings::installation::{Account, Host},
    call::CallState,
};

impl Host for CallState {
    async fn config(&mut self) -> wasmtime::Result<String> {
        self.enter()?;
        Ok(self.tenant.config.clone())
    }

    async fn connection(&mut self) -> wasmtime::Result<Option<Account>> {
        self.enter()?;
        Ok(self.tenant.credentials.as_deref().map(|credentials| Account {
            name: self.tenant.account.clone(),
            scopes: Vec::new(),
            credentials: credentials.names().map(ToOwned::to_owned).collect(),
        }))
    }

    async fn webhook_url(&mut self) -> wasmtime::Result<String> {
        self.enter()?;
        Ok(self.tenant.webhook_url.clone())
    }
}
