//! One org's client of one vendor.

use std::{fmt, sync::Arc, time::Duration};

use oauth2::{
    ClientId, ClientSecret, EndpointMaybeSet, EndpointNotSet, EndpointSet, StandardRevocableToken,
    StandardTokenResponse,
    basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType},
};
use patchbay_egress::Egress;
use patchbay_model::{Clock, OrgId, Random};
use patchbay_package::manifest::oauth::{ClientAuth, Grant};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{OauthError, Provider, Registration, SetupError, answer::Extra};

/// What every client needs of the hub.
pub struct Net {
    /// The way out.
    pub egress: Arc<Egress>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// For one request, to the last byte of its answer.
    pub timeout: Duration,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// One org's client of one vendor. Cheap to make.
#[derive(Debug, Clone)]
pub struct OauthClient {
    pub(crate) net: Arc<Net>,
    pub(crate) org: OrgId,
    pub(crate) provider: Arc<Provider>,
    pub(crate) registration: Arc<Registration>,
}

/// The `oauth2` crate's client with the endpoints that we have.
pub(crate) type Protocol = oauth2::Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointMaybeSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointSet,
>;
/// An answer with tokens.
pub(crate) type TokenAnswer = StandardTokenResponse<Extra, BasicTokenType>;

impl OauthClient {
    /// A client.
    ///
    /// # Errors
    /// If the registration lacks what every grant of the manifest's section calls for.
    pub fn new(
        net: Arc<Net>,
        org: OrgId,
        provider: Arc<Provider>,
        registration: Arc<Registration>,
    ) -> Result<Self, SetupError> {
        registration.check(&provider.oauth, None)?;
        Ok(Self { net, org, provider, registration })
    }

    /// Its vendor.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Its id at the vendor.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.registration.client_id
    }

    /// The longest that one request takes.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.net.timeout
    }

    /// The `oauth2` crate's client for a grant, and for what came of it.
    pub(crate) fn protocol(&self, grant: Grant) -> Protocol {
        let client = oauth2::Client::new(ClientId::new(self.registration.client_id.clone()))
            .set_auth_uri_option(self.provider.authorize.clone())
            .set_token_uri(self.provider.token.clone())
            .set_revocation_url_option(self.provider.revoke.clone());
        let client = client.set_auth_type(match self.provider.oauth.client_auth_of(grant) {
            ClientAuth::Basic => oauth2::AuthType::BasicAuth,
            ClientAuth::Post | ClientAuth::None | ClientAuth::PrivateKeyJwt => oauth2::AuthType::RequestBody,
        });
        match self.secret(grant) {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned())),
            None => client,
        }
    }

    /// The client's secret, if it goes into requests.
    pub(crate) fn secret(&self, grant: Grant) -> Option<&SecretString> {
        let sent = matches!(self.provider.oauth.client_auth_of(grant), ClientAuth::Basic | ClientAuth::Post);
        self.registration.secret.as_ref().filter(|_| sent)
    }

    pub(crate) fn require(&self, grant: Grant) -> Result<(), OauthError> {
        if !self.provider.oauth.grants.contains(&grant) {
            return Err(SetupError::Grant(grant).into());
        }
        Ok(self.registration.check(&self.provider.oauth, Some(grant))?)
    }
}
