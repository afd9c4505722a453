//! What other credentials mean for the syncs of a plugin.
//!
//! The links of a sync are about one account of the vendor: in another one the same ids are those of other things, and what is not
//! there would be taken for deleted. So each sync keeps whose its links are, from the first connection that says so on, also
//! while nothing is connected. With another account, one that nobody can name in the place of a known one, or a known one where
//! nobody can say whose the links are, the plugin's syncs are switched off in the transaction that stores the credentials. They go on
//! when the first account is connected again, or when somebody decides what becomes of the links.
//!
//! Rejected: to take another account for a reason to forget the links (a slip in the vendor's window of consent would end years of
//! them), and to compare with the tokens that are stored (there are none after a connection was taken away).

use patchbay_model::{Code, Failure, OrgId, Permission, PluginId, sync::SyncState};
use patchbay_storage::OrgTx;
use serde_json::json;

use super::{Sync, views::SyncView};
use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    tenant::Serving,
};

/// Whose data the vendor shows from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account<'a> {
    /// The same as before.
    Same,
    /// That of this account, by the vendor's word.
    Known(&'a str),
    /// Nobody says whose: a token that was pasted names no account.
    Unknown,
}

impl<'a> Account<'a> {
    /// The account that is connected instead of a sync's own, if it may be another one; empty if nobody has said which one.
    fn instead_of(self, state: &SyncState) -> Option<&'a str> {
        match (self, state.account.as_deref()) {
            (Self::Known(id), Some(own)) if id != own => Some(id),
            // nobody knows whose its links are
            (Self::Known(id), None) if state.linked > 0 => Some(id),
            (Self::Unknown, Some(_)) => Some(""),
            _ => None,
        }
    }
}

/// What becomes of a sync's links when another account is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountLinks {
    /// They are good there as well: it is another user of the same account, or another way into it.
    Keep,
    /// They are forgotten. What the account has is looked for among the records as if the sync were new.
    Forget,
}

impl AccountLinks {
    /// As text, as in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Forget => "forget",
        }
    }
}

impl Hub {
    /// Decides what becomes of the links of a plugin's syncs in the account that is connected now, and switches on again those that
    /// were switched off because of it. Needs the permission `manage_installations`; `not_installed` if the plugin is not,
    /// `connection_missing` if nothing is connected and the plugin needs that.
    pub async fn settle_account(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        links: AccountLinks,
    ) -> Result<Vec<SyncView>, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        hub.running()?;
        let version = hub.declaring(caller, plugin).await?;
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        // nobody connects anything meanwhile
        ours.lock().await?;
        let manifest = version.manifest();
        let needs_one = !manifest.credentials.is_empty() || manifest.oauth.is_some();
        if needs_one && ours.connections().get(plugin).await?.is_none() {
            let detail = "nothing is connected: connect the account first that the syncs are to go on with";
            return Err(Failure::new(Code::ConnectionMissing, detail));
        }
        let account = ours.oauth_tokens().get(plugin).await?.and_then(|tokens| tokens.account_id);
        ours.relay().changed().await?;
        let states = ours.syncs().list(Some(plugin)).await?;
        for state in &states {
            if links == AccountLinks::Forget {
                ours.syncs().forget_links(plugin, state.object, now).await?;
            }
            ours.syncs().belong(plugin, state.object, account.as_deref()).await?;
            ours.syncs().rejoin(plugin, state.object, now).await?;
        }
        let before: Vec<_> = states.iter().map(|state| (state.object, state.account.as_deref())).collect();
        let detail = json!({ "links": links.as_str(), "account": account, "before": before });
        let entry = hub.audit(caller.org, caller.actor, "sync.account", plugin, detail);
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        hub.syncs_switched(caller.org).await;
        self.sync_views(caller, plugin, manifest).await
    }
}

impl Inner {
    /// Has the syncs of a plugin look again soon, in the transaction that gives it other credentials or switches it on: one that
    /// had come to a halt for lack of them need not wait for its next time. With another account those are switched off whose
    /// links are not its own, and with their own those go on that were switched off because of another. Hold the org's lock
    /// if the account is not the same, and tell [`Inner::syncs_switched`] afterwards.
    pub(crate) async fn resume_syncs(
        &self,
        ours: &mut OrgTx<'_>,
        plugin: &PluginId,
        account: Account<'_>,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        let states = ours.syncs().list(Some(plugin)).await?;
        if account != Account::Same && !states.is_empty() {
            // which of them go out may change
            ours.relay().changed().await?;
        }
        for state in states {
            let (object, is_parted) = (state.object, state.other_account.is_some());
            match (account, account.instead_of(&state)) {
                (_, Some(other)) if state.settings.enabled || is_parted => {
                    tracing::warn!(plugin.id = %plugin, %object, "a sync is switched off: another account is connected");
                    ours.syncs().part(plugin, object, other, now).await?;
                    continue;
                }
                (_, Some(_)) => continue,
                (Account::Known(id), None) => {
                    if state.account.is_none() {
                        ours.syncs().belong(plugin, object, Some(id)).await?;
                    }
                    ours.syncs().rejoin(plugin, object, now).await?;
                }
                (Account::Same | Account::Unknown, None) => {}
            }
            if state.next_due_at.is_some_and(|at| at > now) {
                ours.syncs().postpone(plugin, object, now).await?;
            }
        }
        Ok(())
    }

    /// After the commit of what may have switched syncs on or off.
    pub(crate) async fn syncs_switched(&self, org: OrgId) {
        self.outward.invalidate(&org).await;
        self.relay.concerned(org);
    }

    /// Why a step of a sync must not be made with the credentials at hand: they may be for another account than its links. Either
    /// they came after the step had begun, and the sync is another one since, or this hub was told late that others are stored
    /// by now, and reads them anew.
    pub(crate) async fn with_foreign_tokens(&self, sync: &Sync, serving: &Serving) -> Result<Option<Failure>, Failure> {
        let Some(own) = sync.state.account.as_deref() else {
            let named = serving.account().filter(|_| sync.state.linked > 0);
            return Ok(named.map(|other| another(None, other)));
        };
        let (plugin, object) = (sync.plugin(), sync.object());
        let mut tx = self.database.read().await?;
        let now = tx.org(sync.org).syncs().get(plugin, object).await?;
        drop(tx);
        if now.is_none_or(|now| now.other_account.is_some() || now.account.as_deref() != Some(own)) {
            let detail = "another account was connected while the step began";
            return Ok(Some(Failure::new(Code::Unavailable, detail)));
        }
        if serving.account().is_none_or(|account| account == own) {
            return Ok(None);
        }
        self.tenants.invalidate(&(sync.org, plugin.clone())).await;
        let detail = "the tokens at hand are for another account than the sync's links: they are read anew";
        Ok(Some(Failure::new(Code::Unavailable, detail)))
    }
}

/// Why a sync is not switched on while this account is connected, as far as that is known.
pub(super) fn refused(state: &SyncState, connected: Option<&str>) -> Option<Failure> {
    match connected {
        Some(id) if state.account.as_deref() == Some(id) => None,
        Some(id) => Account::Known(id).instead_of(state).map(|other| another(state.account.as_deref(), other)),
        None => problem_of(state),
    }
}

/// Why a sync was switched off by the hub, if it was.
pub(super) fn problem_of(state: &SyncState) -> Option<Failure> {
    let other = state.other_account.as_deref()?;
    Some(another(state.account.as_deref(), other))
}

fn another(own: Option<&str>, other: &str) -> Failure {
    let own = own.map_or_else(|| "an account that nobody has named".to_owned(), |own| format!("the account {own:?}"));
    let other = match other {
        "" => "an account that nobody has named".to_owned(),
        other => format!("the account {other:?}"),
    };
    let detail = format!(
        "{other} is connected, and the sync's links are about {own}: connect that one again, or say what becomes of the links \
         (POST /v1/installations/{{plugin}}/account with \"keep\" or \"forget\")"
    );
    Failure::new(Code::AnotherAccount, detail)
}

#[cfg(test)]
mod tests {
    use patchbay_model::{object::StandardObject, sync::SyncSettings};

    use super::*;

    #[test]
    fn another_account_is_one_that_is_not_known_to_be_the_same() {
        let of = |account: Option<&str>, linked| {
            let state = SyncState::new("crm".parse().unwrap(), StandardObject::Contact, SyncSettings::default());
            SyncState { linked, account: account.map(str::to_owned), ..state }
        };
        assert_eq!(Account::Known("1").instead_of(&of(Some("2"), 0)), Some("1"));
        assert_eq!(Account::Known("1").instead_of(&of(Some("1"), 7)), None);
        assert_eq!(Account::Known("1").instead_of(&of(None, 0)), None, "it is the first that says whose it is");
        assert_eq!(Account::Known("1").instead_of(&of(None, 7)), Some("1"), "whose those are nobody knows");
        assert_eq!(Account::Unknown.instead_of(&of(Some("1"), 0)), Some(""));
        assert_eq!(Account::Unknown.instead_of(&of(None, 7)), None);
        assert_eq!(Account::Same.instead_of(&of(Some("1"), 7)), None);
        let unnamed = of(None, 7);
        assert!(refused(&unnamed, Some("1")).is_some() && refused(&unnamed, None).is_none());
        assert!(refused(&of(None, 0), Some("1")).is_none());
    }
}
