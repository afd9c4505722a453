//! Signing in by an identity provider: OpenID Connect, the authorization code flow with PKCE and a nonce.
//!
//! The provider is described by its own document ([`discovery`]), proves what it says by a signature ([`keys`],
//! [`id_token`]), and is reached by the hub's own way out, with its address checks: a provider inside of the operator's
//! network needs an entry there, as a vendor would. What a user may do is none of this crate's business.
//!
//! Nothing is stored between the redirect and the browser's return. State, nonce and code verifier are the hub's to derive
//! from a secret that only that browser has ([`OidcSecrets`]); so the answer is good in that browser and in no other.

mod discovery;
mod id_token;
mod keys;

use std::{borrow::Cow, fmt, pin::Pin, sync::Arc};

use http::{HeaderMap, Method};
use oauth2::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, ExtraTokenFields, HttpRequest,
    HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, StandardRevocableToken,
    StandardTokenResponse,
    basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType},
};
use patchbay_egress::{Redactor, Rules};
use patchbay_model::{Code, Failure, OrgId};
use patchbay_package::manifest::{Egress, oauth::Answer as AnswerRules};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;
use uuid::Uuid;

use crate::{
    Callback, CallbackError, Net, OauthError, StateHash, answer,
    sealed::Exposed,
    wire::{self, Answer, Outgoing, failed},
};
use discovery::Described;
use keys::Keys;

/// What the operator says of the provider.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// The provider, to the letter as it names itself: an https URL.
    pub issuer: String,
    /// The hub's id there.
    pub client_id: String,
    /// The hub's secret there, if it has one.
    pub client_secret: Option<SecretString>,
}

/// What binds an answer to the browser that asked. 43 characters of base64url each.
#[derive(Clone)]
pub struct OidcSecrets {
    /// Comes back with the answer.
    pub state: SecretString,
    /// Comes back inside of the signed token.
    pub nonce: SecretString,
    /// Is shown when the code is redeemed.
    pub verifier: SecretString,
}

impl fmt::Debug for OidcSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OidcSecrets([redacted])")
    }
}

/// Who somebody is, as the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider's name for them, which stays the same.
    pub subject: String,
    /// Their e-mail address, as the provider writes it.
    pub email: Option<String>,
    /// The provider knows that it is theirs.
    pub email_verified: bool,
    /// What people call them.
    pub name: Option<String>,
}

/// Why nobody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The browser brought something else than an answer to what was asked, or a no.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// A request to the provider did not succeed.
    #[error("the identity provider: {0}")]
    Request(#[from] OauthError),
    /// What the provider says of itself cannot be worked with.
    #[error("the identity provider's description cannot be used: {0}")]
    Description(String),
    /// The token does not prove anything.
    #[error("the identity provider's token is not taken: {0}")]
    Token(&'static str),
}

impl From<OidcError> for Failure {
    fn from(error: OidcError) -> Self {
        match error {
            OidcError::Callback(error) => error.into(),
            OidcError::Request(ref failed) if failed.is_transient() => {
                Self::new(Code::UpstreamUnavailable, error.to_string())
            }
            error => Self::new(Code::UpstreamError, error.to_string()),
        }
    }
}

/// An answer with an ID token.
type TokenAnswer = StandardTokenResponse<WithIdToken, BasicTokenType>;

#[derive(Serialize, Deserialize)]
struct WithIdToken {
    id_token: Option<Exposed>,
}

impl fmt::Debug for WithIdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithIdToken([redacted])")
    }
}

impl ExtraTokenFields for WithIdToken {}

type Protocol = oauth2::Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    oauth2::EndpointSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointSet,
>;

/// An identity provider. What it says of itself, and its keys, are kept for a while.
pub struct OidcProvider {
    net: Arc<Net>,
    settings: OidcSettings,
    described: Mutex<Option<Described>>,
    keys: Mutex<Keys>,
}

impl fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcProvider").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl OidcProvider {
    /// A provider that is asked when it is needed, not before.
    #[must_use]
    pub fn new(net: Arc<Net>, settings: OidcSettings) -> Self {
        Self { net, settings, described: Mutex::default(), keys: Mutex::default() }
    }

    /// Its name, to the letter.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Where to send a browser. `redirect` is the hub's own URL that it comes back to, as it is registered there.
    ///
    /// # Errors
    /// The provider cannot be asked what it is, or says what cannot be used.
    pub async fn begin(&self, redirect: &Url, secrets: &OidcSecrets) -> Result<Url, OidcError> {
        let described = self.described().await?;
        let verifier = PkceCodeVerifier::new(secrets.verifier.expose_secret().to_owned());
        let (url, _) = self
            .protocol(&described)
            .authorize_url(|| CsrfToken::new(secrets.state.expose_secret().to_owned()))
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(redirect.clone())))
            .add_scopes(["openid", "email", "profile"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_extra_param("nonce", secrets.nonce.expose_secret())
            .url();
        Ok(url)
    }

    /// Takes the answer, from the query of the redirect without its question mark: redeems the code once and checks the token
    /// that it gives.
    ///
    /// # Errors
    /// The answer is not for this browser or says no, the provider does not give a token, or the token proves nothing.
    pub async fn finish(&self, redirect: &Url, query: &str, secrets: &OidcSecrets) -> Result<Identity, OidcError> {
        let callback = Callback::parse(query)?;
        if !callback.answers(StateHash::of(secrets.state.expose_secret())) {
            return Err(CallbackError::NotPending.into());
        }
        // RFC 9207: an answer of another provider is not given to this one. Many say nothing of who they are.
        let code = callback.into_code_of(&self.settings.issuer)?;
        let described = self.described().await?;
        let known = [&code, &secrets.verifier].into_iter().chain(&self.settings.client_secret);
        let redact = Redactor::new(known.map(|secret| secret.expose_secret()));
        let wire = Wire { provider: self, rules: &described.rules, redact };
        let answer = self
            .protocol(&described)
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(redirect.clone())))
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.verifier.expose_secret().to_owned()))
            .request_async(&wire)
            .await
            .map_err(failed)?;
        let token = answer.extra_fields().id_token.as_ref().ok_or(OidcError::Token("there is none"))?;
        self.verify(&token.0, &secrets.nonce, &described).await
    }

    fn protocol(&self, described: &Described) -> Protocol {
        let client = oauth2::Client::new(ClientId::new(self.settings.client_id.clone()))
            .set_auth_uri(described.authorize.clone())
            .set_token_uri(described.token.clone());
        match &self.settings.client_secret {
            Some(secret) => {
                let auth = if described.secret_in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
                client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned())).set_auth_type(auth)
            }
            None => client.set_auth_type(AuthType::RequestBody),
        }
    }

    /// Gets a document of the provider's.
    async fn get(&self, url: Url, rules: &[Egress]) -> Result<Answer, OidcError> {
        let rules = Rules::of(rules).map_err(|error| OidcError::Description(error.to_string()))?;
        let outgoing =
            Outgoing { method: Method::GET, url, headers: HeaderMap::new(), body: Vec::new(), repeatable: true };
        let answer = wire::send(&self.net, nobody(), &rules, outgoing).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(answer::failure(&AnswerRules::default(), &answer, &Redactor::default()).into())
    }
}

/// For whom the hub asks when it asks for itself.
fn nobody() -> OrgId {
    OrgId(Uuid::nil())
}

/// The `oauth2` crate's HTTP to the provider's token endpoint.
struct Wire<'a> {
    provider: &'a OidcProvider,
    rules: &'a Rules,
    redact: Redactor,
}

impl<'c> AsyncHttpClient<'c> for Wire<'_> {
    type Error = OauthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OauthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let url = Url::parse(&parts.uri.to_string()).map_err(|_| OauthError::Malformed("a URL".to_owned()))?;
            // a code counts once, and what happened to it in a broken exchange nobody can tell
            let outgoing = Outgoing { method: parts.method, url, headers: parts.headers, body, repeatable: false };
            let answer = wire::send(&self.provider.net, nobody(), self.rules, outgoing).await?;
            if !answer.is_success() {
                return Err(answer::failure(&AnswerRules::default(), &answer, &self.redact));
            }
            Ok(HttpResponse::new(answer.body.to_vec()))
        })
    }
}
