//! Which registration at a vendor an org's connection uses: its own where it has one, else the operator's.
//!
//! With a person's consent the operator's client is as good for every org: what it gets is that person's. Without one it
//! would get whatever the operator itself may do at the vendor, and give that to each org that asks. So grants that need
//! nobody want a client of the org's own, unless the operator says otherwise.

use patchbay_model::{Code, Failure, PluginId};
use patchbay_oauth::RegisteredClient;
use patchbay_package::manifest::oauth::Grant;

use crate::hub::Inner;

/// A client that the operator registered at a plugin's vendor.
#[derive(Debug, Clone)]
pub struct OperatorClient {
    /// What the vendor gave.
    pub client: RegisteredClient,
    /// Grants that need nobody's consent and that every org may use all the same: they act as the operator. Empty: none.
    pub shared_grants: Vec<Grant>,
}

impl From<RegisteredClient> for OperatorClient {
    /// For people's consents alone.
    fn from(client: RegisteredClient) -> Self {
        Self { client, shared_grants: Vec::new() }
    }
}

impl OperatorClient {
    fn is_for(&self, grant: Grant) -> bool {
        grant == Grant::AuthorizationCode || self.shared_grants.contains(&grant)
    }
}

impl Inner {
    /// The client as it is registered. `grant` is what it is for, if that is known.
    pub(crate) fn registered<'a>(
        &'a self,
        plugin: &PluginId,
        own: Option<&'a RegisteredClient>,
        grant: Option<Grant>,
    ) -> Result<&'a RegisteredClient, Failure> {
        let missing = |detail: String| Err(Failure::new(Code::ConnectionMissing, detail));
        let put = format!("PUT /v1/connections/{plugin}/client");
        match (own, self.config.oauth_clients.get(plugin.as_str())) {
            (Some(own), _) => Ok(own),
            (None, Some(operators)) => match grant.filter(|grant| !operators.is_for(*grant)) {
                None => Ok(&operators.client),
                Some(grant) => missing(format!(
                    "the grant `{}` would act as the hub's operator: register a client of the organization's own, {put}",
                    grant.as_str()
                )),
            },
            (None, None) => missing(format!(
                "no client is registered at the vendor of `{plugin}`: {put}, or the operator's `[oauth.{plugin}]`"
            )),
        }
    }
}
