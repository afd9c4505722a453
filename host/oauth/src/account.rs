//! Whose account a token is for.

use http::{HeaderMap, HeaderValue, Method, header};
use patchbay_egress::Redactor;
use secrecy::ExposeSecret as _;

use crate::{Account, OauthClient, OauthError, Tokens, answer};

impl OauthClient {
    /// Asks the vendor whose account it is, if the manifest names a URL for that; else what is known already.
    ///
    /// # Errors
    /// See [`OauthError`]. The tokens are good whatever happens here: nobody knows then whose they are.
    pub async fn account(&self, tokens: &Tokens) -> Result<Account, OauthError> {
        let Some(url) = &self.provider.account else { return Ok(tokens.account.clone()) };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let bearer = HeaderValue::try_from(format!("Bearer {}", tokens.access.expose_secret()))
            .map_err(|_| OauthError::Malformed("the access token cannot stand in a header".to_owned()))?;
        headers.insert(header::AUTHORIZATION, bearer);
        let answer = self.send(Method::GET, url.clone(), headers, Vec::new(), true).await?;
        let told = answer::profile(&self.provider.oauth, &answer, &Redactor::new(tokens.secrets()))?;
        // it is shown, and is written beside what comes from the account
        let no_secret = |text: &String| tokens.secrets().all(|secret| secret != text.as_str());
        Ok(Account { id: told.id.filter(no_secret), name: told.name.filter(no_secret) })
    }

    /// Asks the vendor whether it still takes the access token, at the URL that says whose account it is. Nothing if there is
    /// no such URL.
    ///
    /// # Errors
    /// See [`OauthError`]: then it is not known.
    pub async fn still_takes(&self, tokens: &Tokens) -> Result<Option<bool>, OauthError> {
        if self.provider.account.is_none() {
            return Ok(None);
        }
        match self.account(tokens).await {
            Ok(_) => Ok(Some(true)),
            // A vendor that answers 200 to everything says so by a word that the manifest knows.
            Err(OauthError::InvalidGrant(_)) => Ok(Some(false)),
            Err(OauthError::InvalidClient(answer) | OauthError::Refused(answer)) if answer.status == 401 => {
                Ok(Some(false))
            }
            Err(error) => Err(error),
        }
    }
}
