//! What a provider says of itself (OpenID Connect Discovery 1.0).

use chrono::Duration;
use oauth2::{AuthUrl, TokenUrl};
use patchbay_egress::Rules;
use patchbay_model::Timestamp;
use serde::Deserialize;
use url::Url;

use super::{OidcError, OidcProvider};
use crate::provider::rule;

/// How long it is believed before it is asked for again.
const FRESH: Duration = Duration::hours(1);
/// How much longer, while it cannot be had.
const STALE: Duration = Duration::hours(24);

/// A provider, ready to be asked.
#[derive(Clone)]
pub(super) struct Described {
    pub(super) authorize: AuthUrl,
    pub(super) token: TokenUrl,
    pub(super) keys: Url,
    /// The client's secret goes into the body: HTTP Basic is not taken.
    pub(super) secret_in_body: bool,
    /// Lets requests for tokens through and nothing else.
    pub(super) rules: Rules,
    at: Timestamp,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl OidcProvider {
    /// What the provider says of itself, asked for again after an hour.
    pub(super) async fn described(&self) -> Result<Described, OidcError> {
        let now = self.net.clock.now();
        // held while it is asked for: the others wait for the one answer
        let mut kept = self.described.lock().await;
        if let Some(described) = kept.as_ref().filter(|described| described.at + FRESH > now) {
            return Ok(described.clone());
        }
        match self.describe(now).await {
            Ok(described) => {
                *kept = Some(described.clone());
                Ok(described)
            }
            Err(error) => match kept.as_ref().filter(|described| described.at + STALE > now) {
                Some(described) => {
                    tracing::warn!(%error, "the identity provider's description is an old one");
                    Ok(described.clone())
                }
                None => Err(error),
            },
        }
    }

    async fn describe(&self, at: Timestamp) -> Result<Described, OidcError> {
        let issuer = &self.settings.issuer;
        let url = endpoint("issuer", &format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))?;
        let answer = self.get(url.clone(), &[rule("GET", &url)]).await?;
        let document: Document = serde_json::from_slice(&answer.body)
            .map_err(|_| OidcError::Description("it is not JSON, or an endpoint is missing".to_owned()))?;
        // to the letter: a document of one provider must not speak for another
        if document.issuer != *issuer {
            return Err(OidcError::Description(format!("it is of another issuer than {issuer:?}")));
        }
        let token = endpoint("token_endpoint", &document.token_endpoint)?;
        let rules = Rules::of(&[rule("POST", &token)]).map_err(|error| OidcError::Description(error.to_string()))?;
        let methods = document.token_endpoint_auth_methods_supported;
        let takes = |method: &str| methods.as_ref().is_none_or(|methods| methods.iter().any(|taken| taken == method));
        Ok(Described {
            authorize: AuthUrl::from_url(endpoint("authorization_endpoint", &document.authorization_endpoint)?),
            token: TokenUrl::from_url(token),
            keys: endpoint("jwks_uri", &document.jwks_uri)?,
            secret_in_body: !takes("client_secret_basic") && takes("client_secret_post"),
            rules,
            at,
        })
    }
}

fn endpoint(name: &str, text: &str) -> Result<Url, OidcError> {
    let refused = || OidcError::Description(format!("{name} is not an https URL"));
    let url = Url::parse(text).map_err(|_| refused())?;
    if url.scheme() == "https" && url.host_str().is_some() && url.username().is_empty() && url.password().is_none() {
        Ok(url)
    } else {
        Err(refused())
    }
}
