//! An org's credentials for a plugin: put, shown by name, taken away. Values come in and never go out.

use std::{collections::BTreeMap, fmt, sync::Arc};

use chrono::Duration;
use patchbay_model::{
    Code, ConnectionId, Failure, OrgId, Permission, PluginId, Timestamp, Violation, installation::SealedConnection,
};
use patchbay_oauth::Parties;
use patchbay_package::{
    manifest::{Credential, Oauth},
    secret_path::secret_path,
};
use patchbay_runtime::Plugin;
use patchbay_storage::{Change, OrgTx, StorageError, Tx};
use patchbay_vault::{CredentialValues, Credentials};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;

use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    oauth::OauthView,
    request::carried,
    sync::connected::Account,
};

/// How long the former value of a credential stays good that only checks signatures: a vendor goes on
/// signing with the old secret until the new one is in place at its side.
const SIGNATURE_OVERLAP_S: u64 = 24 * 3600;
/// The longest overlap that can be asked for.
const MOST_OVERLAP_S: u64 = 30 * 24 * 3600;
/// The shortest value that is sent to a vendor, in bytes: a shorter one would be found by chance in ordinary
/// data, so it could not be taken out of what comes back.
const FEWEST_SENT_BYTES: usize = 8;
/// The longest value, in bytes.
const MOST_BYTES: usize = 16 * 1024;

/// What a connection shall be: all of its credentials, those that did not change too.
#[derive(Debug)]
pub struct PutConnection {
    /// Values by the names of the manifest; those that are sent to the vendor have at least 8 bytes.
    pub credentials: BTreeMap<String, SecretString>,
    /// How the vendor calls the account; 1 to 200 characters.
    pub account: Option<String>,
    /// How long a replaced value stays good beside the new one, in seconds, at most 30 days. If not said:
    /// 24 hours for credentials that only check signatures, and not at all for those that are sent.
    pub keep_previous_for_s: Option<u64>,
}

/// A connection as the API shows it: names, never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionView {
    /// Its id; a new one with each put.
    pub id: ConnectionId,
    /// For which plugin.
    pub plugin: PluginId,
    /// Names of the credentials that have a value, the one that OAuth fills included.
    pub credentials: Vec<String>,
    /// How the vendor calls the account.
    pub account: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its credentials were last put.
    pub updated_at: Timestamp,
    /// How it is authorized by OAuth, if it is.
    pub oauth: Option<OauthView>,
}

impl Hub {
    /// The org's connection of a plugin; `not_found` if there is none. Needs the permission `read_settings`.
    pub async fn connection(&self, caller: &Caller, plugin: &PluginId) -> Result<ConnectionView, Failure> {
        caller.require(Permission::ReadSettings)?;
        self.connection_of(caller.org, plugin).await
    }

    pub(crate) async fn connection_of(&self, org: OrgId, plugin: &PluginId) -> Result<ConnectionView, Failure> {
        let hub = &*self.0;
        // A connection can be looked at also when its plugin is gone.
        let version = hub.version_of(org, plugin).await.ok();
        let oauth = version.as_ref().and_then(|version| version.manifest().oauth.as_ref());
        let parties = hub.parties_of(org, plugin).await;
        let mut tx = hub.database.read().await?;
        let sealed = tx.org(org).connections().get(plugin).await?.ok_or_else(|| not_connected(plugin))?;
        hub.connection_view(&mut tx.org(org), sealed, oauth, parties.as_ref()).await
    }

    /// Makes or replaces the org's connection of a plugin. Needs the permission `manage_connections`. `invalid_input` for
    /// names that the manifest does not have, for required ones that are missing, and for values that
    /// cannot be sent where the manifest puts them.
    pub async fn put_connection(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        put: PutConnection,
    ) -> Result<ConnectionView, Failure> {
        caller.require(Permission::ManageConnections)?;
        self.store_connection(caller, plugin, put).await
    }

    /// Puts a connection for somebody who may.
    pub(crate) async fn store_connection(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        put: PutConnection,
    ) -> Result<ConnectionView, Failure> {
        let hub = &*self.0;
        hub.running()?;
        let version = hub.version_of(caller.org, plugin).await?;
        let declared = &version.manifest().credentials;
        let oauth = version.manifest().oauth.as_ref();
        check(declared, oauth.map(|oauth| oauth.credential.as_str()), &put)?;

        let now = hub.clock.now();
        let id = ConnectionId::new(&*hub.clock, &*hub.random);
        let names: Vec<String> = put.credentials.keys().cloned().collect();
        let parties = hub.parties_of(caller.org, plugin).await;
        let mut tx = hub.database.begin().await?;
        // the new values are made from the old ones, and the org's data key with the first of them
        tx.org(caller.org).lock().await?;
        if hub.registry.catalogue().consumes(plugin) {
            // with these credentials it may be another version that serves
            tx.org(caller.org).relay().changed().await?;
        }
        hub.settle_connect_session(&mut tx, caller.org, caller.actor, plugin).await?;
        let before = tx.org(caller.org).connections().get(plugin).await?;
        if let Some(oauth) = oauth
            && put.credentials.contains_key(&oauth.credential)
            && tx.org(caller.org).oauth_tokens().get(plugin).await?.is_some()
        {
            let expected = "nothing: OAuth fills this credential; delete the connection first to put a value yourself";
            return Err(Failure::violation(format!("/credentials/{}", oauth.credential), expected));
        }
        let old = match &before {
            Some(sealed) => hub.vault.open_connection(&mut tx.org(caller.org), sealed).await?,
            None => Credentials::default(),
        };
        let values = rotate(declared, &old, put.credentials, put.keep_previous_for_s, now);
        let sealed = hub.vault.seal_connection(&mut tx.org(caller.org), id, plugin, &values).await?;
        let connection = SealedConnection {
            id,
            org: caller.org,
            plugin: plugin.clone(),
            credentials: names,
            account: put.account,
            sealed,
            created_at: before.as_ref().map_or(now, |before| before.created_at),
            updated_at: now,
        };
        let names_of = |connection: &SealedConnection| json!({ "credentials": connection.credentials, "account": connection.account });
        let detail = json!({ "old": before.as_ref().map(names_of), "new": names_of(&connection) });
        let entry = hub.audit(caller.org, caller.actor, "connection.put", plugin, detail);
        tx.org(caller.org).connections().put(&connection).await?;
        let is_token = |oauth: &Oauth| connection.credentials.contains(&oauth.credential);
        let account = if oauth.is_some_and(is_token) { Account::Unknown } else { Account::Same };
        hub.resume_syncs(&mut tx.org(caller.org), plugin, account).await?;
        let view = hub.connection_view(&mut tx.org(caller.org), connection, oauth, parties.as_ref()).await?;
        tx.hub().notify(Change::Connection { org: caller.org, id, plugin: plugin.clone() }).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        let key = (caller.org, plugin.clone());
        hub.read_anew(&key);
        hub.tenants.invalidate(&key).await;
        hub.takers.invalidate(&caller.org).await;
        hub.syncs_switched(caller.org).await;
        // an open connection to a vendor may be logged in with what no longer counts
        hub.egress.forget_org(caller.org);
        Ok(view)
    }

    /// Destroys the org's connection of a plugin, former values included, then gives its tokens back to the vendor and
    /// comes back once that is done or has failed, of which the audit log tells. If it failed, it is tried again for a day.
    /// Needs the permission `manage_connections`; `not_found` if there is none.
    pub async fn delete_connection(&self, caller: &Caller, plugin: &PluginId) -> Result<(), Failure> {
        caller.require(Permission::ManageConnections)?;
        let hub = &*self.0;
        let entry = hub.audit(caller.org, caller.actor, "connection.delete", plugin, json!({}));
        let key = (caller.org, plugin.clone());
        let mut tx = hub.database.begin().await?;
        // As everybody who changes connections: first the org, then its rows. What is read here is opened here: no data
        // key goes meanwhile.
        tx.org(caller.org).lock().await?;
        let Some(SealedConnection { id, .. }) = tx.org(caller.org).connections().get(plugin).await? else {
            return Err(not_connected(plugin));
        };
        let planned = hub.end_tokens(&mut tx.org(caller.org), plugin, caller.actor).await?;
        if !tx.org(caller.org).connections().delete(plugin).await? {
            return Err(not_connected(plugin));
        }
        tx.hub().notify(Change::Connection { org: caller.org, id, plugin: plugin.clone() }).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        hub.read_anew(&key);
        hub.tenants.invalidate(&key).await;
        hub.takers.invalidate(&caller.org).await;
        hub.refresher.forget(&key);
        hub.suspicions.clear(&key);
        // an open connection to a vendor may be logged in with what no longer counts
        hub.egress.forget_org(caller.org);
        if let Some(id) = planned {
            let (all, org) = (self.clone(), caller.org);
            let revoking = carried(async move { all.0.revoke(org, id).await });
            hub.work.spawn(revoking).await.map_err(Failure::internal)?;
        }
        Ok(())
    }
}

impl Inner {
    /// The version whose manifest says what the connection holds: the one that serves the org, else the
    /// best.
    pub(crate) async fn version_of(&self, org: OrgId, plugin: &PluginId) -> Result<Arc<Plugin>, Failure> {
        let installed = self.installed(org, plugin).await?;
        let serving = installed.and_then(|installed| installed.serving()).map(|serving| Arc::clone(&serving.plugin));
        serving
            .or_else(|| self.registry.catalogue().best(plugin).cloned())
            .ok_or_else(|| Failure::new(Code::NotFound, format!("there is no plugin `{plugin}`")))
    }

    async fn connection_view(
        &self,
        tx: &mut OrgTx<'_>,
        sealed: SealedConnection,
        declared: Option<&Oauth>,
        parties: Option<&Parties>,
    ) -> Result<ConnectionView, Failure> {
        let SealedConnection { id, plugin, mut credentials, account, created_at, updated_at, .. } = sealed;
        let required = declared.map_or(&[][..], |oauth| &oauth.scopes.required);
        let oauth = self.oauth_view(tx, &plugin, required, parties).await?;
        if let (Some(declared), Some(_)) = (declared, &oauth)
            && !credentials.contains(&declared.credential)
        {
            credentials.push(declared.credential.clone());
        }
        let known = oauth.as_ref().and_then(|oauth| oauth.account_name.as_ref().or(oauth.account_id.as_ref()));
        let account = account.or_else(|| known.cloned());
        Ok(ConnectionView { id, plugin, credentials, account, created_at, updated_at, oauth })
    }
}

/// Tells other hubs that something of a connection is another than they know. Without a connection they know nothing.
pub(crate) async fn tell_of(tx: &mut Tx, org: OrgId, plugin: &PluginId) -> Result<(), StorageError> {
    match tx.org(org).connections().get(plugin).await? {
        Some(SealedConnection { id, .. }) => {
            tx.hub().notify(Change::Connection { org, id, plugin: plugin.clone() }).await
        }
        None => Ok(()),
    }
}

fn not_connected(plugin: &PluginId) -> Failure {
    Failure::new(Code::NotFound, format!("there is no connection for the plugin `{plugin}`"))
}

/// `by_oauth` is the credential that OAuth can fill: it may be put, and need not be.
fn check(declared: &[Credential], by_oauth: Option<&str>, put: &PutConnection) -> Result<(), Failure> {
    let mut violations = Vec::new();
    let mut violation = |pointer: String, expected: &dyn fmt::Display| {
        violations.push(Violation { pointer, expected: expected.to_string() });
    };
    for (name, value) in &put.credentials {
        let pointer = format!("/credentials/{}", name.replace('~', "~0").replace('/', "~1"));
        match declared.iter().find(|credential| credential.name == *name) {
            None => {
                let names: Vec<_> = declared.iter().map(|credential| format!("`{}`", credential.name)).collect();
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                violation(pointer, &format_args!("a credential of the plugin: {known}"));
            }
            Some(credential) => {
                if let Some(expected) = misfit(credential, value.expose_secret()) {
                    violation(pointer, &expected);
                }
            }
        }
    }
    let by_hand = |credential: &&Credential| credential.required && by_oauth != Some(credential.name.as_str());
    for credential in declared.iter().filter(by_hand) {
        if !put.credentials.contains_key(&credential.name) {
            violation(format!("/credentials/{}", credential.name), &"a value: the plugin requires this credential");
        }
    }
    if put.keep_previous_for_s.is_some_and(|seconds| seconds > MOST_OVERLAP_S) {
        violation("/keep_previous_for_s".to_owned(), &format_args!("at most {MOST_OVERLAP_S} seconds"));
    }
    if put.account.as_ref().is_some_and(|account| !(1..=200).contains(&account.chars().count())) {
        violation("/account".to_owned(), &"1 to 200 characters");
    }
    if violations.is_empty() { Ok(()) } else { Err(Failure::invalid(violations)) }
}

fn misfit(credential: &Credential, value: &str) -> Option<String> {
    if value.is_empty() || value.len() > MOST_BYTES {
        return Some(format!("1 to {MOST_BYTES} bytes"));
    }
    let inject = credential.inject.as_ref()?;
    if let Some(pattern) = &inject.path {
        let host = |host: &str| {
            credential.hosts.is_empty()
                || credential.hosts.iter().any(|own| match own.strip_prefix('*') {
                    Some(below) => host.ends_with(below),
                    None => own == host,
                })
        };
        let fits = secret_path(pattern, value).is_some_and(|secret| secret.host.is_none_or(host));
        if !fits {
            let host = credential.hosts.first().map_or("…", String::as_str);
            return Some(format!("the URL as the vendor gave it, as in https://{host}{pattern}"));
        }
    }
    // a header takes nothing else, and a line break pasted along with a key is a common slip
    if !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || value.trim() != value {
        return Some("visible ASCII characters without line breaks and without blanks around them".to_owned());
    }
    (value.len() < FEWEST_SENT_BYTES).then(|| {
        format!(
            "at least {FEWEST_SENT_BYTES} bytes: a shorter secret cannot be told from other data and kept out of it"
        )
    })
}

/// The new values, each with the value that it replaces for as long as that stays good.
fn rotate(
    declared: &[Credential],
    old: &Credentials,
    new: BTreeMap<String, SecretString>,
    keep_s: Option<u64>,
    now: Timestamp,
) -> BTreeMap<String, CredentialValues> {
    let values = new.into_iter().map(|(name, current)| {
        let before = old.values().get(&name);
        let previous = match before {
            Some(before) if before.current.expose_secret() == current.expose_secret() => before.previous.clone(),
            Some(before) => {
                // one that the vendor sends back is checked as well as sent: what was asked for before still comes with it
                let is_sent = |credential: &Credential| {
                    credential.name == name && credential.inject.as_ref().is_some_and(|inject| inject.json.is_none())
                };
                let sent = declared.iter().any(is_sent);
                let seconds = keep_s.unwrap_or(if sent { 0 } else { SIGNATURE_OVERLAP_S });
                let until = now + Duration::seconds(i64::try_from(seconds.min(MOST_OVERLAP_S)).unwrap_or(0));
                (seconds > 0).then(|| (before.current.clone(), until))
            }
            None => None,
        };
        (name, CredentialValues { current, previous: previous.filter(|(_, until)| *until > now) })
    });
    values.collect()
}

#[cfg(test)]
mod tests;
