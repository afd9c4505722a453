//! How an authorization begins: a URL for the browser, and what waits for its return.

use std::{borrow::Cow, fmt};

use chrono::Duration;
use oauth2::{CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use patchbay_package::manifest::oauth::{Grant, Pkce};
use secrecy::ExposeSecret as _;
use url::Url;

use crate::{OauthClient, OauthError, Pending, SetupError, StateHash, state::unguessable};

/// How long a person may take to consent.
const PATIENCE: Duration = Duration::minutes(10);

/// An authorization that has begun.
pub struct Started {
    /// Where to send the browser. It holds the state, so it is not for a log.
    pub url: Url,
    /// Under which the pending authorization is stored.
    pub state: StateHash,
    /// To seal and store.
    pub pending: Pending,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").field("state", &self.state).field("pending", &self.pending).finish_non_exhaustive()
    }
}

impl OauthClient {
    /// Begins an authorization. `redirect` is the hub's own URL that the vendor sends the browser back to, as it is
    /// registered there; `asked_by` says who began, for the audit log; `browser` is the hash of the nonce in the cookie of
    /// the browser that is sent there: no other may come back. Without that, one could have somebody else consent and so
    /// get the other's account into an org of one's own (RFC 6749, 10.12).
    ///
    /// # Errors
    /// If the manifest has no such grant.
    pub fn authorize(&self, redirect: &Url, asked_by: &str, browser: StateHash) -> Result<Started, OauthError> {
        self.require(Grant::AuthorizationCode)?;
        let (random, oauth) = (&*self.net.random, &self.provider.oauth);
        let state = unguessable(random);
        let verifier = (oauth.pkce == Pkce::S256).then(|| unguessable(random));
        let protocol = self.protocol(Grant::AuthorizationCode);
        let mut request = protocol
            .authorize_url(|| CsrfToken::new(state.expose_secret().to_owned()))
            .map_err(|_| SetupError::Grant(Grant::AuthorizationCode))?
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(redirect.clone())));
        let scopes = self.asked_scopes();
        if !scopes.is_empty() {
            request = request.add_scope(Scope::new(scopes));
        }
        if let Some(verifier) = &verifier {
            let verifier = PkceCodeVerifier::new(verifier.expose_secret().to_owned());
            request = request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        }
        let declared = oauth.authorize_parameters.iter();
        let request = declared.fold(request, |request, (name, value)| request.add_extra_param(name, value));
        let (url, _) = request.url();
        let hash = StateHash::of(state.expose_secret());
        let pending = Pending {
            org: self.org,
            plugin: self.provider.plugin.clone(),
            redirect: redirect.clone(),
            asked_by: asked_by.to_owned(),
            scopes: oauth.scopes.all().map(str::to_owned).collect(),
            parties: self.parties(),
            issuer: oauth.issuer.clone(),
            account: None,
            expires_at: self.net.clock.now() + PATIENCE,
            state: hash,
            nonce: browser,
            verifier,
        };
        Ok(Started { url, state: hash, pending })
    }
}
