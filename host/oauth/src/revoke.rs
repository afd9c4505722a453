//! Giving tokens back (RFC 7009), before a connection is forgotten.

use oauth2::{AccessToken, RefreshToken, StandardRevocableToken};
use secrecy::ExposeSecret as _;

use crate::{
    OauthClient, OauthError, Tokens,
    wire::{Reads, Wire, failed},
};

impl OauthClient {
    /// Asks the vendor to end these tokens: the refresh token, with which most vendors end all of the grant, then the
    /// access token for those that do not. False if the vendor has no endpoint for that. A token that the vendor does
    /// not know any more has ended.
    ///
    /// # Errors
    /// See [`OauthError`]; both tokens have been tried, and the error is the first.
    pub async fn revoke(&self, tokens: &Tokens) -> Result<bool, OauthError> {
        self.require_parties(&tokens.parties)?;
        if self.provider.revoke.is_none() {
            return Ok(false);
        }
        let refresh = tokens.refresh.as_ref().map(|token| RefreshToken::new(token.expose_secret().to_owned()));
        let first = match refresh {
            Some(token) => self.revoke_one(tokens, token.into()).await,
            None => Ok(()),
        };
        let access = AccessToken::new(tokens.access.expose_secret().to_owned());
        first.and(self.revoke_one(tokens, access.into()).await)?;
        Ok(true)
    }

    async fn revoke_one(&self, tokens: &Tokens, token: StandardRevocableToken) -> Result<(), OauthError> {
        let parameters = self.client_parameters(tokens.grant)?;
        let secrets = [&tokens.access].into_iter().chain(&tokens.refresh);
        let repeatable = parameters.assertion.is_none();
        let wire = Wire { reads: Reads::Done, ..self.wire(tokens.grant, repeatable, &parameters, secrets) };
        let protocol = self.protocol(tokens.grant);
        let request = protocol
            .revoke_token(token)
            .map_err(|_| OauthError::Malformed("there is no endpoint for revocation".to_owned()))?;
        let request =
            parameters.pairs.into_iter().fold(request, |request, (name, value)| request.add_extra_param(name, value));
        match request.request_async(&wire).await.map_err(failed) {
            Err(OauthError::InvalidGrant(_)) => Ok(()),
            Err(OauthError::Refused(answer)) if answer.code.as_deref() == Some("invalid_token") => Ok(()),
            outcome => outcome,
        }
    }
}
