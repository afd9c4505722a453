//! Signing in by a password, and changing it.
//!
//! What a wrong sign-in is told does not depend on whether there is such a user: neither the words nor the time, since a hash is
//! compared either way.

use patchbay_model::{
    Code, Failure, OrgId, UserId,
    identity::{Actor, SignInMethod},
};
use patchbay_storage::{Change, Credentials, Tx};
use patchbay_vault::Verified;
use secrecy::SecretString;
use serde_json::json;

use super::{
    Client,
    attempts::Counted,
    email as parse_email, passwords,
    sessions::{NewSession, SignedIn},
};
use crate::{
    audit::Entries,
    hub::{Hub, Inner},
};

/// Who wants to sign in.
#[derive(Debug)]
pub struct SignIn {
    /// Their e-mail address.
    pub email: String,
    /// Their password.
    pub password: SecretString,
    /// In which org the session shall act; the one that they have been a member of for longest if not said.
    pub org: Option<OrgId>,
}

/// A password that was right.
pub(crate) struct Proven {
    pub(crate) user: Credentials,
    /// As it is stored.
    stored: String,
    /// Another hash of it, if it should be stored anew.
    anew: Option<String>,
    counted: Counted,
}

impl Hub {
    /// Begins a session for somebody who knows a password. `invalid_credentials` if they do not, `rate_limited` after too many
    /// tries, `forbidden` if they are a member of no org.
    pub async fn sign_in(&self, sign_in: SignIn, client: &Client) -> Result<NewSession, Failure> {
        let hub = &*self.0;
        let email = parse_email("/email", &sign_in.email)?;
        let proven = hub.prove(&email, sign_in.password, client).await?;
        let user = proven.user.user.id;
        let mut tx = hub.database.begin().await?;
        hub.accept_proof(&mut tx, &proven).await?;
        let memberships = tx.hub().identities().memberships(user).await?;
        let membership = match Inner::choose(memberships, sign_in.org) {
            Ok(membership) => membership,
            Err(refused) => {
                // The password was right: it was no guess, and what was counted as one is taken back all the same.
                tx.commit().await?;
                return Err(refused);
            }
        };
        let new = hub.begin_session(&mut tx, user, &membership, SignInMethod::Password, client).await?;
        let mut entries = Entries::default();
        hub.store_session(&mut tx, &mut entries, &new).await?;
        entries.append(&mut tx).await?;
        tx.commit().await?;
        if new.replaces_others {
            hub.sessions.invalidate_all();
        }
        Ok(new)
    }

    /// Changes a member's own password, which ends all of their sessions; a new one takes the place of this one.
    /// `invalid_credentials` if the present password is another one, `conflict` for somebody who has none.
    pub async fn change_password(
        &self,
        signed_in: &SignedIn,
        current: SecretString,
        new: SecretString,
        client: &Client,
    ) -> Result<NewSession, Failure> {
        let hub = &*self.0;
        let mut tx = hub.database.read().await?;
        let found = tx.hub().identities().user(signed_in.session.user).await?;
        drop(tx);
        let user = found.ok_or_else(wrong)?;
        if user.password_hash.is_none() {
            return Err(Failure::new(
                Code::Conflict,
                "this account has no password: it signs in by an identity provider",
            ));
        }
        passwords::check("/new", &new, &user.user.email)?;
        let proven = hub.prove(&user.user.email, current, client).await?;
        let hash = hub.passwords.hash(new).await?;

        let user = proven.user.user.id;
        let mut tx = hub.database.begin().await?;
        hub.accept_proof(&mut tx, &proven).await?;
        tx.hub().identities().set_password(user, Some(&hash)).await?;
        let mut entries = Entries::default();
        hub.end_all_sessions(&mut tx, &mut entries, user, Actor::Member(user), "member.password").await?;
        let memberships = tx.hub().identities().memberships(user).await?;
        let membership = Inner::choose(memberships, Some(signed_in.session.org))?;
        let begun = hub.begin_session(&mut tx, user, &membership, SignInMethod::Password, client).await?;
        hub.store_session(&mut tx, &mut entries, &begun).await?;
        entries.append(&mut tx).await?;
        tx.commit().await?;
        hub.sessions.invalidate_all();
        Ok(begun)
    }
}

impl Inner {
    /// Checks a password. What is right must still be so when it is used: see [`Inner::accept_proof`].
    pub(crate) async fn prove(&self, email: &str, password: SecretString, client: &Client) -> Result<Proven, Failure> {
        if !passwords::could_be(&password) {
            return Err(wrong());
        }
        let counted = self.count_attempt(email, client.address).await?;
        let mut tx = self.database.read().await?;
        let found = tx.hub().identities().user_by_email(email).await?;
        drop(tx);
        let stored = found.as_ref().and_then(|found| found.password_hash.clone());
        let verified = self.passwords.verify(password.clone(), stored.clone()).await?;
        let (Some(user), Some(stored)) = (found, stored) else { return Err(refused(client)) };
        let anew = match verified {
            Verified::No => return Err(refused(client)),
            Verified::Yes => None,
            Verified::YesButOld => Some(self.passwords.hash(password).await?),
        };
        Ok(Proven { user, stored, anew, counted })
    }

    /// Sees to it that the password is still the one that was checked, and that it stays so until this transaction ends: one
    /// who changes it meanwhile waits, and then ends the session that begins here.
    pub(crate) async fn accept_proof(&self, tx: &mut Tx, proven: &Proven) -> Result<(), Failure> {
        let anew = proven.anew.as_ref().unwrap_or(&proven.stored);
        if !tx.hub().identities().replace_password(proven.user.user.id, &proven.stored, anew).await? {
            return Err(wrong());
        }
        self.attempt_succeeded(tx, &proven.counted).await
    }

    /// Ends all sessions of a user, with an entry for the audit log of each of their orgs, which the caller appends: it says how
    /// many were of that org, because how much somebody is at work elsewhere is not an org's to know.
    pub(crate) async fn end_all_sessions(
        &self,
        tx: &mut Tx,
        entries: &mut Entries,
        user: UserId,
        actor: Actor,
        action: &str,
    ) -> Result<(), Failure> {
        let ended = tx.hub().identities().end_sessions(user).await?;
        for membership in tx.hub().identities().memberships(user).await? {
            let org = membership.org;
            let ended = ended.iter().filter(|of| **of == org).count();
            entries.push(self.audit(org, actor, action, user, json!({ "sessions_ended": ended })));
            tx.hub().notify(Change::Member { org, user }).await?;
        }
        Ok(())
    }
}

fn wrong() -> Failure {
    Failure::new(Code::InvalidCredentials, "")
}

fn refused(client: &Client) -> Failure {
    tracing::info!(address = client.address.map(tracing::field::display), "a sign-in failed");
    wrong()
}
