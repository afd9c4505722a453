//! Requests for tokens, one for each grant.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::Duration;
use http::{HeaderValue, Method, header};
use oauth2::{
    AsyncHttpClient as _, AuthorizationCode, HttpRequest, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope,
    TokenResponse as _,
};
use patchbay_egress::Redactor;
use patchbay_model::Timestamp;
use patchbay_package::manifest::oauth::{ClientAuth, Grant};
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::{
    Consent, OauthClient, OauthError, Tokens,
    client::TokenAnswer,
    policy::due_at,
    wire::{Reads, Wire, failed},
};

const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What goes into a request beside what the grant itself puts there.
pub(crate) struct Parameters {
    pub(crate) pairs: Vec<(String, String)>,
    /// The client's assertion, if there is one.
    pub(crate) assertion: Option<SecretString>,
}

impl OauthClient {
    /// Makes tokens of a consent. Sent once: a code counts once, and what happened to it in a broken exchange nobody
    /// can tell.
    ///
    /// # Errors
    /// See [`OauthError`].
    pub async fn exchange(&self, consent: Consent) -> Result<Tokens, OauthError> {
        self.require(Grant::AuthorizationCode)?;
        self.require_parties(&consent.parties)?;
        let asked_at = self.net.clock.now();
        let parameters = self.token_parameters(Grant::AuthorizationCode)?;
        let secrets = [&consent.code].into_iter().chain(&consent.verifier);
        let wire = self.wire(Grant::AuthorizationCode, false, &parameters, secrets);
        let protocol = self.protocol(Grant::AuthorizationCode);
        let mut request = protocol
            .exchange_code(AuthorizationCode::new(consent.code.expose_secret().to_owned()))
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(consent.redirect)));
        if let Some(verifier) = &consent.verifier {
            request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()));
        }
        let request =
            parameters.pairs.into_iter().fold(request, |request, (name, value)| request.add_extra_param(name, value));
        let answer = request.request_async(&wire).await.map_err(failed)?;
        Ok(self.scheduled(self.tokens(Grant::AuthorizationCode, asked_at, &answer, consent.scopes)))
    }

    /// Gets tokens for the client itself.
    ///
    /// # Errors
    /// See [`OauthError`].
    pub async fn client_credentials(&self) -> Result<Tokens, OauthError> {
        self.require(Grant::ClientCredentials)?;
        let asked_at = self.net.clock.now();
        let grant = Grant::ClientCredentials;
        let parameters = self.token_parameters(grant)?;
        let wire = self.wire(grant, self.may_repeat(grant), &parameters, []);
        let protocol = self.protocol(grant);
        let mut request = protocol.exchange_client_credentials();
        let scopes = self.asked_scopes();
        if !scopes.is_empty() {
            request = request.add_scope(Scope::new(scopes));
        }
        let request =
            parameters.pairs.into_iter().fold(request, |request, (name, value)| request.add_extra_param(name, value));
        let answer = request.request_async(&wire).await.map_err(failed)?;
        Ok(self.scheduled(self.tokens(Grant::ClientCredentials, asked_at, &answer, self.all_scopes())))
    }

    /// Gets tokens for the account that the hub signs for.
    ///
    /// # Errors
    /// See [`OauthError`].
    pub async fn jwt_bearer(&self) -> Result<Tokens, OauthError> {
        self.require(Grant::JwtBearer)?;
        let asked_at = self.net.clock.now();
        let parameters = self.token_parameters(Grant::JwtBearer)?;
        let assertion = self.grant_assertion()?;
        let wire = self.wire(Grant::JwtBearer, false, &parameters, [&assertion]);
        let request = self.assertion_request(&assertion, &parameters);
        let body = wire.call(request).await?.into_body();
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|_| OauthError::Malformed("it is not an answer of OAuth 2.0".to_owned()))?;
        Ok(self.scheduled(self.tokens(Grant::JwtBearer, asked_at, &answer, self.all_scopes())))
    }

    /// Gets new tokens in the place of these: by the refresh token, or by the grant once more where that needs nobody.
    ///
    /// Whoever calls it must see to it that nobody else does at the same time, and must store the result before it is
    /// used: see [`Refresher`](crate::Refresher).
    ///
    /// # Errors
    /// See [`OauthError`].
    pub async fn renew(&self, old: &Tokens) -> Result<Tokens, OauthError> {
        self.require_parties(&old.parties)?;
        let renewed = match &old.refresh {
            Some(refresh) => self.refresh(old, refresh).await,
            None => Err(OauthError::NoRefreshToken),
        };
        // What needs nobody does not need the refresh token either.
        let again = matches!(renewed, Err(OauthError::InvalidGrant(_) | OauthError::NoRefreshToken));
        let without = || Tokens { refresh: None, ..old.clone() };
        match old.grant {
            Grant::ClientCredentials if again => Ok(self.client_credentials().await?.in_place_of(&without())),
            Grant::JwtBearer if again => Ok(self.jwt_bearer().await?.in_place_of(&without())),
            _ => renewed,
        }
    }

    async fn refresh(&self, old: &Tokens, refresh: &SecretString) -> Result<Tokens, OauthError> {
        let asked_at = self.net.clock.now();
        let parameters = self.token_parameters(old.grant)?;
        // A vendor that rotates takes a repeat for theft, and ends all tokens of the grant.
        let repeatable = self.provider.oauth.refresh.repeatable && self.may_repeat(old.grant);
        let wire = Wire { reads: Reads::Renewed, ..self.wire(old.grant, repeatable, &parameters, [refresh]) };
        let protocol = self.protocol(old.grant);
        let token = RefreshToken::new(refresh.expose_secret().to_owned());
        let request = protocol.exchange_refresh_token(&token);
        let request =
            parameters.pairs.into_iter().fold(request, |request, (name, value)| request.add_extra_param(name, value));
        let answer = request.request_async(&wire).await.map_err(failed)?;
        let tokens = self.tokens(old.grant, asked_at, &answer, old.scopes.clone());
        Ok(self.scheduled(tokens.in_place_of(old)))
    }

    /// A client's assertion counts once.
    fn may_repeat(&self, grant: Grant) -> bool {
        self.provider.oauth.client_auth_of(grant) != ClientAuth::PrivateKeyJwt
    }

    fn all_scopes(&self) -> Vec<String> {
        self.provider.oauth.scopes.all().map(str::to_owned).collect()
    }

    /// What goes into every request for tokens.
    fn token_parameters(&self, grant: Grant) -> Result<Parameters, OauthError> {
        let mut parameters = self.client_parameters(grant)?;
        let declared = &self.provider.oauth.token_parameters;
        parameters.pairs.extend(declared.iter().map(|(name, value)| (name.clone(), value.clone())));
        Ok(parameters)
    }

    /// What shows the vendor who the hub is, where the `oauth2` crate cannot.
    pub(crate) fn client_parameters(&self, grant: Grant) -> Result<Parameters, OauthError> {
        if self.provider.oauth.client_auth_of(grant) != ClientAuth::PrivateKeyJwt {
            return Ok(Parameters { pairs: Vec::new(), assertion: None });
        }
        let assertion = self.client_assertion()?;
        let pairs = vec![
            ("client_assertion_type".to_owned(), CLIENT_ASSERTION.to_owned()),
            ("client_assertion".to_owned(), assertion.expose_secret().to_owned()),
        ];
        Ok(Parameters { pairs, assertion: Some(assertion) })
    }

    pub(crate) fn wire<'a>(
        &self,
        grant: Grant,
        repeatable: bool,
        parameters: &Parameters,
        secrets: impl IntoIterator<Item = &'a SecretString>,
    ) -> Wire<'_> {
        let mut known: Vec<&str> = secrets.into_iter().map(|secret| secret.expose_secret()).collect();
        known.extend(self.secret(grant).into_iter().chain(&parameters.assertion).map(|secret| secret.expose_secret()));
        let redact = Redactor::new(known);
        Wire { client: self, repeatable, reads: Reads::Tokens, redact }
    }

    /// The one request that the `oauth2` crate does not know.
    fn assertion_request(&self, assertion: &SecretString, parameters: &Parameters) -> HttpRequest {
        let oauth = &self.provider.oauth;
        let id = self.registration.client_id.as_str();
        let way = oauth.client_auth_of(Grant::JwtBearer);
        let secret = self.secret(Grant::JwtBearer).map(|secret| secret.expose_secret()).unwrap_or_default();
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", JWT_BEARER).append_pair("assertion", assertion.expose_secret());
        let scopes = self.asked_scopes();
        if !scopes.is_empty() && !oauth.jwt.as_ref().is_some_and(|jwt| jwt.scope_claim) {
            form.append_pair("scope", &scopes);
        }
        match way {
            ClientAuth::Post => drop(form.append_pair("client_id", id).append_pair("client_secret", secret)),
            ClientAuth::PrivateKeyJwt => drop(form.append_pair("client_id", id)),
            // The assertion says who signed it, and a vendor that knows no client takes no id.
            ClientAuth::Basic | ClientAuth::None => {}
        }
        form.extend_pairs(&parameters.pairs);
        let mut request = HttpRequest::new(form.finish().into_bytes());
        *request.method_mut() = Method::POST;
        if let Ok(uri) = self.provider.token.as_str().parse() {
            *request.uri_mut() = uri;
        }
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if way == ClientAuth::Basic {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let basic = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
            // Base64 is always a header's value.
            if let Ok(value) = HeaderValue::try_from(format!("Basic {basic}")) {
                headers.insert(header::AUTHORIZATION, value);
            }
        }
        request
    }

    fn tokens(&self, grant: Grant, asked_at: Timestamp, answer: &TokenAnswer, asked: Vec<String>) -> Tokens {
        let refresh = &self.provider.oauth.refresh;
        let life = answer.expires_in().map(|life| life.as_secs()).or(refresh.lifetime_seconds.map(u64::from));
        let life = life.and_then(|life| Duration::try_seconds(i64::try_from(life).ok()?));
        let extra = answer.extra_fields();
        Tokens {
            access: SecretString::from(answer.access_token().secret().as_str()),
            refresh: answer.refresh_token().map(|refresh| SecretString::from(refresh.secret().as_str())),
            grant,
            parties: self.parties(),
            issued_at: asked_at,
            expires_at: life.and_then(|life| asked_at.checked_add_signed(life)),
            due_at: None,
            scopes: extra.scopes.clone().unwrap_or(asked),
            account: extra.account.clone(),
            kept: BTreeMap::clone(&extra.kept),
        }
    }

    /// The tokens with the time of their renewal, if there is a way to renew them without a person.
    fn scheduled(&self, tokens: Tokens) -> Tokens {
        let refresh = &self.provider.oauth.refresh;
        let due = due_at(tokens.issued_at, tokens.expires_at, refresh, &*self.net.random);
        Tokens { due_at: due.filter(|_| tokens.is_renewable()), ..tokens }
    }
}
