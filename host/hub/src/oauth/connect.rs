//! What happens when a person opens a link: a page says for whom and at which vendor, and its button binds their browser
//! and leads on.
//!
//! Opening alone begins nothing, so that a mail scanner or a preview spends no ticket; and another site's page cannot
//! press the button, so that nobody is led through a consent that they gave before without having seen whose it will be.

use std::fmt;

use patchbay_model::{
    Code, Failure, OrgId, PluginId, Timestamp,
    oauth::{AuthorizationStage, SealedAuthorization},
};
use patchbay_oauth::{OauthClient, StateHash, Ticket, unguessable};
use patchbay_package::manifest::oauth::Grant;
use patchbay_storage::Tx;
use patchbay_vault::TextPlace;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use super::{
    asker::{Asker, asker},
    link::{Link, is_unguessable},
    tokens::unreadable,
};
use crate::{
    audit::Actor,
    auth::Caller,
    hub::{Hub, Inner},
};

/// What the page of a link says, and what its button sends along. Its text for people is without the proof.
#[derive(Clone)]
pub struct ConnectPage {
    /// Of which plugin.
    pub plugin: PluginId,
    /// What people call the plugin.
    pub plugin_name: String,
    /// The name of the org that will have the connection.
    pub organization: String,
    /// Who asked for it; none for a link to reconnect.
    pub asked_by: Option<String>,
    /// The host where the person consents.
    pub vendor: String,
    /// What is asked for there.
    pub scopes: Vec<String>,
    /// The only account that it can be; none: any.
    pub account: Option<String>,
    /// For the browser's cookie: `HttpOnly`, `Secure`, `SameSite=Lax`.
    pub nonce: SecretString,
    /// For the form.
    pub proof: String,
}

impl fmt::Debug for ConnectPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectPage")
            .field("plugin", &self.plugin)
            .field("organization", &self.organization)
            .field("asked_by", &self.asked_by)
            .field("vendor", &self.vendor)
            .field("scopes", &self.scopes)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// What a link is for, or what the browser that asked is sent to the vendor for.
pub(super) struct Wish {
    pub(super) org: OrgId,
    pub(super) plugin: PluginId,
    /// An [`Actor`]'s text.
    pub(super) asked_by: String,
    /// The vendor's id of the only account that it can be, and what people call it.
    pub(super) account: Option<(String, Option<String>)>,
    /// The ticket that is used up by going on.
    pub(super) ticket: Option<StateHash>,
}

impl Hub {
    /// What the page of a link says; `link` is the last part of its path. `nonce` is what the browser has in its cookie, if it
    /// has one. Changes nothing. `not_found` for a link that is none, was used, has ended, or is for an authorization that was
    /// replaced since; `conflict` if who asked may not have it any more or only an admin can help.
    pub async fn connect_page(&self, link: &str, nonce: Option<&str>) -> Result<ConnectPage, Failure> {
        let hub = &*self.0;
        hub.running()?;
        let mut tx = hub.database.read().await?;
        let (wish, asker) = hub.wish(&mut tx, link).await?;
        let organization = tx.hub().org(wish.org).await?.map(|org| org.name).unwrap_or_default();
        drop(tx);
        let client = hub.consenting_client(&wish).await?;
        let nonce = hub.browsers_nonce(nonce);
        let proof = hub.links.form(link, nonce.expose_secret());
        let provider = client.provider();
        Ok(ConnectPage {
            plugin_name: hub.version_of(wish.org, &wish.plugin).await?.manifest().name.clone(),
            plugin: wish.plugin,
            organization,
            asked_by: asker.name,
            vendor: provider.authorize_host().unwrap_or_default().to_owned(),
            scopes: provider.oauth().scopes.all().map(str::to_owned).collect(),
            account: wish.account.map(|(id, name)| name.unwrap_or(id)),
            nonce,
            proof,
        })
    }

    /// Goes on from the page of a link: binds the browser with this nonce and gives the vendor's URL for it. `proof` is what
    /// the page's form sent. A ticket is used up by that. Fails as of [`Hub::connect_page`], and with `conflict` for a browser
    /// that was not shown the page.
    pub async fn follow_connect_link(&self, link: &str, nonce: Option<&str>, proof: &str) -> Result<Url, Failure> {
        let hub = &*self.0;
        hub.running()?;
        let nonce = nonce
            .filter(|nonce| is_unguessable(nonce) && hub.links.was_shown(link, nonce, proof))
            .ok_or_else(|| Failure::new(Code::Conflict, "open the link first, in a browser that keeps cookies"))?;
        let mut tx = hub.database.read().await?;
        let (wish, _) = hub.wish(&mut tx, link).await?;
        drop(tx);
        let client = hub.consenting_client(&wish).await?;
        Ok(hub.begin(&wish, &client, StateHash::of(nonce), None).await?.0)
    }
}

impl Inner {
    /// What a link is for, and who asked.
    async fn wish(&self, tx: &mut Tx, link: &str) -> Result<(Wish, Asker), Failure> {
        let wish = match Link::parse(link).ok_or_else(no_link)? {
            Link::Ticket(hash) => {
                let row = tx.hub().oauth_authorization(AuthorizationStage::Link, hash.as_bytes()).await?;
                let row = row.ok_or_else(no_link)?;
                let text = self.open_authorization(&mut tx.org(row.org), &row).await?;
                let Ticket { org, plugin, asked_by, expires_at } = Ticket::from_secret(&text).map_err(unreadable)?;
                if expires_at <= self.clock.now() {
                    return Err(no_link());
                }
                Wish { org, plugin, asked_by, account: None, ticket: Some(hash) }
            }
            Link::Reconnect { org, plugin, proof } => {
                let row = tx.org(org).oauth_tokens().get(&plugin).await?.ok_or_else(no_link)?;
                if !self.links.proves(org, &plugin, row.authorized_at, &proof) {
                    return Err(no_link());
                }
                // Whoever may read events has the link: it must not bring another account in.
                let id = row.account_id.ok_or_else(|| only_by_an_admin(&plugin))?;
                Wish {
                    org,
                    plugin,
                    asked_by: Actor::ReconnectLink.to_string(),
                    account: Some((id, row.account_name)),
                    ticket: None,
                }
            }
        };
        let asker = asker(&mut tx.org(wish.org), &wish.asked_by, self.clock.now()).await?;
        Ok((wish, asker))
    }

    async fn consenting_client(&self, wish: &Wish) -> Result<OauthClient, Failure> {
        let client = self.oauth_client_of(wish.org, &wish.plugin, Some(Grant::AuthorizationCode)).await?;
        if client.provider().oauth().grants.contains(&Grant::AuthorizationCode) {
            return Ok(client);
        }
        Err(only_by_an_admin(&wish.plugin))
    }

    /// Begins in this browser; gives the vendor's URL, and from when on its answer counts no more. `asks` is who asks for
    /// it just now, where no link was made of that before.
    pub(super) async fn begin(
        &self,
        wish: &Wish,
        client: &OauthClient,
        browser: StateHash,
        asks: Option<Actor>,
    ) -> Result<(Url, Timestamp), Failure> {
        let Wish { org, plugin, asked_by, account, ticket } = wish;
        let redirect = Url::parse(&self.redirect_url(plugin))
            .map_err(|error| Failure::internal(format!("the public URL makes no redirect URL: {error}")))?;
        let mut started = client.authorize(&redirect, asked_by, browser)?;
        let expires_at = started.pending.expires_at;
        let detail = json!({ "scopes": started.pending.scopes, "expires_at": expires_at });
        let entry = asks.map(|actor| self.audit(*org, actor, "connection.authorize", plugin, detail));
        started.pending.account = account.as_ref().map(|(id, _)| id.clone());
        let mut tx = self.database.begin().await?;
        if let Some(ticket) = ticket {
            let taken = tx.hub().take_oauth_authorization(AuthorizationStage::Link, ticket.as_bytes()).await?;
            taken.ok_or_else(no_link)?;
        }
        let waiting = Waiting {
            plugin,
            stage: AuthorizationStage::Browser,
            state: started.state,
            text: started.pending.to_secret(),
            expires_at,
        };
        self.let_wait(&mut tx, *org, waiting).await?;
        if let Some(entry) = entry {
            tx.org(*org).audit().append(&entry).await?;
        }
        tx.commit().await?;
        Ok((started.url, expires_at))
    }

    /// Makes a link for somebody who may connect accounts.
    pub(super) async fn new_link(&self, caller: &Caller, plugin: &PluginId) -> Result<(Url, Timestamp), Failure> {
        let (org, actor) = (caller.org, caller.actor);
        let secret = unguessable(&*self.random);
        let ticket = Ticket::new(org, plugin.clone(), actor.to_string(), self.clock.now());
        let url = Url::parse(&self.links.ticket(&secret))
            .map_err(|error| Failure::internal(format!("the public URL makes no link: {error}")))?;
        let entry = self.audit(org, actor, "connection.authorize", plugin, json!({ "expires_at": ticket.expires_at }));
        let waiting = Waiting {
            plugin,
            stage: AuthorizationStage::Link,
            state: StateHash::of(secret.expose_secret()),
            text: ticket.to_secret(),
            expires_at: ticket.expires_at,
        };
        let mut tx = self.database.begin().await?;
        self.let_wait(&mut tx, org, waiting).await?;
        tx.org(org).audit().append(&entry).await?;
        tx.commit().await?;
        Ok((url, ticket.expires_at))
    }

    async fn let_wait(&self, tx: &mut Tx, org: OrgId, waiting: Waiting<'_>) -> Result<(), Failure> {
        let Waiting { plugin, stage, state, text, expires_at } = waiting;
        // the org's data key is made with the first thing that is sealed
        tx.org(org).lock().await?;
        let sealed = self.vault.seal_text(&mut tx.org(org), place(state.as_bytes()), &text).await?;
        let plugin = plugin.clone();
        let row = SealedAuthorization { org, plugin, stage, state: *state.as_bytes(), sealed, expires_at };
        Ok(tx.org(org).oauth_authorizations().insert(&row).await?)
    }

    /// Opens what waited for a browser.
    pub(super) async fn open_authorization(
        &self,
        tx: &mut patchbay_storage::OrgTx<'_>,
        row: &SealedAuthorization,
    ) -> Result<SecretString, Failure> {
        Ok(self.vault.open_text(tx, place(&row.state), &row.sealed).await?)
    }
}

/// What is about to wait for a browser.
struct Waiting<'a> {
    plugin: &'a PluginId,
    stage: AuthorizationStage,
    state: StateHash,
    text: SecretString,
    expires_at: Timestamp,
}

const fn place(state: &[u8; 32]) -> TextPlace<'_> {
    TextPlace { table: "oauth_authorization", row: state }
}

fn no_link() -> Failure {
    let detail =
        "this link is not good: it was used already, has ended, or the account was connected since; ask for another";
    Failure::new(Code::NotFound, detail)
}

fn only_by_an_admin(plugin: &PluginId) -> Failure {
    let detail = format!(
        "only an admin of the organization can connect this again, by POST /v1/connections/{plugin}/authorize: the vendor did not say which account it was, or nobody consents to it"
    );
    Failure::new(Code::Conflict, detail)
}
