//! Signing in by the operator's identity provider.
//!
//! Between the redirect and the browser's return nothing is stored: the browser keeps a cookie with a random seed, and all that
//! must not be guessed is derived from it under the hub's pepper. Whoever has not this very cookie can do nothing with the
//! provider's answer, and any hub can take it.
//!
//! Who somebody is, is the provider's subject. The first time a subject is seen its verified e-mail address says which user it
//! is. A user who had that address without proof, because the hub sends no mail to ask, loses their password and their
//! sessions to the one who has proof: otherwise one could prepare an account for somebody else's address and wait in it.

use std::fmt;

use chrono::{DateTime, Duration};
use patchbay_model::{
    Code, Failure, OrgId,
    identity::{Actor, Role, SignInMethod, User},
};
use patchbay_oauth::{Identity, OidcProvider, OidcSecrets, OidcSettings};
use patchbay_storage::Tx;
use patchbay_vault::TokenKind;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Client, email as parse_email, members::name_of, sessions::NewSession};
use crate::{
    audit::Entries,
    hub::{Hub, Inner},
    orgs::org_named,
    request::carried,
};

/// How long somebody may take at the provider.
const PATIENCE: Duration = Duration::minutes(10);
/// Where the provider sends browsers back to.
const CALLBACK: &str = "/v1/oidc/callback";

/// How people sign in by an identity provider.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// The provider, and the hub's client there.
    pub provider: OidcSettings,
    /// What is behind the `@` of those who may sign in, in lower case. Empty: whoever the provider knows.
    pub allowed_domains: Vec<String>,
    /// The provider's word on an e-mail address counts although it does not say that it is verified.
    pub trust_unverified_email: bool,
    /// Where people become members whom nobody has invited. None: they are refused.
    pub provision: Option<Provision>,
}

/// Where people become members whom nobody has invited.
#[derive(Debug, Clone)]
pub struct Provision {
    /// The org's id or name.
    pub org: String,
    /// As what.
    pub role: Role,
}

/// A sign-in that has begun.
pub struct OidcStart {
    /// Where to send the browser. It is not for a log.
    pub url: Url,
    /// For a cookie of this browser, for ten minutes.
    pub cookie: SecretString,
}

impl fmt::Debug for OidcStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OidcStart([redacted])")
    }
}

/// What the browser keeps meanwhile: `seed.expires.org.invitation`, of which the last two may be empty.
struct Kept {
    expires_at: i64,
    org: Option<OrgId>,
    invitation: Option<SecretString>,
}

impl Kept {
    fn parse(cookie: &str) -> Option<Self> {
        let mut parts = cookie.split('.');
        let (_seed, expires_at, org, invitation) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            expires_at: expires_at.parse().ok()?,
            org: if org.is_empty() { None } else { Some(org.parse().ok()?) },
            invitation: Some(invitation).filter(|token| !token.is_empty()).map(SecretString::from),
        })
    }
}

impl Hub {
    /// True if people can sign in by an identity provider.
    #[must_use]
    pub fn has_oidc(&self) -> bool {
        self.0.oidc.is_some()
    }

    /// Begins to sign somebody in by the identity provider: into an org, or with an invitation. `not_found` if the operator has
    /// configured none.
    pub async fn begin_oidc(&self, org: Option<OrgId>, invitation: Option<&str>) -> Result<OidcStart, Failure> {
        let hub = &*self.0;
        let provider = hub.oidc_provider()?;
        if invitation.is_some_and(|token| !TokenKind::Invitation.fits(token)) {
            return Err(Failure::violation("/invitation", "an invitation's token: `pbi_…`"));
        }
        let mut seed = [0; 32];
        hub.random.fill(&mut seed);
        let expires_at = (hub.clock.now() + PATIENCE).timestamp();
        let org = org.map(|org| org.to_string()).unwrap_or_default();
        let cookie = format!("{}.{expires_at}.{org}.{}", hex::encode(seed), invitation.unwrap_or_default());
        let url = provider.begin(&hub.oidc_redirect()?, &hub.oidc_secrets(&cookie)).await?;
        Ok(OidcStart { url, cookie: cookie.into() })
    }

    /// Takes the provider's answer, from the query of the redirect without its question mark, and the browser's cookie. Goes on
    /// to its end also if the browser leaves: the code is spent by then.
    pub async fn finish_oidc(&self, query: &str, cookie: &str, client: Client) -> Result<NewSession, Failure> {
        let (hub, query, cookie) = (self.clone(), query.to_owned(), SecretString::from(cookie));
        let work = async move { hub.0.finish_oidc(&query, cookie.expose_secret(), &client).await };
        self.0.work.spawn(carried(work)).await.map_err(Failure::internal)?
    }
}

impl Inner {
    fn oidc_provider(&self) -> Result<&OidcProvider, Failure> {
        let none = || Failure::new(Code::NotFound, "this hub has no identity provider: sign in with a password");
        self.oidc.as_ref().ok_or_else(none)
    }

    fn oidc_redirect(&self) -> Result<Url, Failure> {
        Url::parse(&self.config.public(CALLBACK))
            .map_err(|error| Failure::internal(format!("the public URL makes no redirect URL: {error}")))
    }

    /// All of the cookie goes in, so that nothing of it can be changed.
    fn oidc_secrets(&self, cookie: &str) -> OidcSecrets {
        OidcSecrets {
            state: self.hasher.derive("oidc state", cookie),
            nonce: self.hasher.derive("oidc nonce", cookie),
            verifier: self.hasher.derive("oidc verifier", cookie),
        }
    }

    async fn finish_oidc(&self, query: &str, cookie: &str, client: &Client) -> Result<NewSession, Failure> {
        let provider = self.oidc_provider()?;
        let again =
            || Failure::new(Code::Conflict, "this sign-in took too long or was begun in another browser: begin again");
        let kept = Kept::parse(cookie).ok_or_else(again)?;
        let ends = DateTime::from_timestamp(kept.expires_at, 0).ok_or_else(again)?;
        if ends <= self.clock.now() {
            return Err(again());
        }
        let identity = provider.finish(&self.oidc_redirect()?, query, &self.oidc_secrets(cookie)).await?;
        let mut tx = self.database.begin().await?;
        let mut entries = Entries::default();
        let invited = kept.invitation.is_some();
        let user = self.user_of(&mut tx, &mut entries, provider.issuer(), identity, invited).await?;
        let mut wanted = kept.org;
        if let Some(token) = &kept.invitation {
            wanted = Some(self.join(&mut tx, &mut entries, token.expose_secret(), &user).await?.org);
        }
        let memberships = tx.hub().identities().memberships(user.id).await?;
        let membership = Self::choose(memberships, wanted)?;
        let new = self.begin_session(&mut tx, user.id, &membership, SignInMethod::Oidc, client).await?;
        self.store_session(&mut tx, &mut entries, &new).await?;
        entries.append(&mut tx).await?;
        tx.commit().await?;
        self.sessions.invalidate_all();
        Ok(new)
    }

    /// The user whom the provider means, who is made if nobody knows them and that is allowed.
    async fn user_of(
        &self,
        tx: &mut Tx,
        entries: &mut Entries,
        issuer: &str,
        identity: Identity,
        invited: bool,
    ) -> Result<User, Failure> {
        let Some(config) = &self.config.oidc else { return Err(Failure::internal("a sign-in without a provider")) };
        let email = self.proven_email(config, &identity)?;
        if let Some(found) = tx.hub().identities().user_by_subject(issuer, &identity.subject).await? {
            return Ok(found.user);
        }
        let email =
            email.ok_or_else(|| refused("the identity provider does not say that an e-mail address is yours"))?;
        let now = self.clock.now();
        let user = match tx.hub().identities().user_by_email(&email).await? {
            Some(found) => {
                if found.user.email_verified_at.is_none() {
                    tx.hub().identities().set_password(found.user.id, None).await?;
                    tx.hub().identities().set_email_verified(found.user.id, now).await?;
                    let action = "member.email_verified";
                    self.end_all_sessions(tx, entries, found.user.id, Actor::Hub, action).await?;
                }
                found.user
            }
            None => {
                let name = identity.name.unwrap_or_default();
                let name: String = name.chars().filter(|character| !character.is_control()).take(200).collect();
                let name = if name.trim().is_empty() { name_of(&email) } else { name };
                self.new_oidc_user(tx, entries, config, email, name, invited).await?
            }
        };
        tx.hub().identities().insert_subject(issuer, &identity.subject, user.id, now).await?;
        Ok(user)
    }

    async fn new_oidc_user(
        &self,
        tx: &mut Tx,
        entries: &mut Entries,
        config: &OidcConfig,
        email: String,
        name: String,
        invited: bool,
    ) -> Result<User, Failure> {
        let org = match &config.provision {
            // the invitation says of which org and as what: who is a member already cannot accept one to the same
            _ if invited => None,
            Some(provision) => {
                let org = self.provision_org(tx, &provision.org).await?;
                Some((org, provision.role))
            }
            None => return Err(refused("nobody has invited you: ask a member of your organization")),
        };
        let user = self.insert_user(tx, email, name, None, Some(self.clock.now())).await?;
        if let Some((org, role)) = org {
            self.insert_member(tx, entries, org, &user, role, Actor::Hub).await?;
        }
        Ok(user)
    }

    /// Reads the operator's org, by its id or its name.
    async fn provision_org(&self, tx: &mut Tx, name_or_id: &str) -> Result<OrgId, Failure> {
        let missing = || Failure::internal(format!("oidc.provision_org: there is no organization {name_or_id:?}"));
        let found = match name_or_id.parse::<OrgId>() {
            Ok(id) => tx.hub().org(id).await?,
            Err(_) => org_named(tx, name_or_id).await?,
        };
        found.map(|org| org.id).ok_or_else(missing)
    }

    /// The e-mail address that the provider vouches for, if it does. `forbidden` if the operator does not want it here.
    fn proven_email(&self, config: &OidcConfig, identity: &Identity) -> Result<Option<String>, Failure> {
        let vouched = identity.email_verified || config.trust_unverified_email;
        let email = identity.email.as_deref().filter(|_| vouched).and_then(|email| parse_email("", email).ok());
        let domain = email.as_deref().and_then(|email| email.rsplit('@').next());
        let allowed = &config.allowed_domains;
        if !allowed.is_empty() && !domain.is_some_and(|domain| allowed.iter().any(|allowed| allowed == domain)) {
            return Err(refused("your e-mail address is not of a domain that may sign in here"));
        }
        Ok(email)
    }
}

fn refused(detail: &str) -> Failure {
    Failure::new(Code::Forbidden, detail)
}
