//! Invitations: a token that makes whoever has it a member, once, within a week.
//!
//! The hub sends no mail. The token is given to whoever invites, who passes it on; so an invitation proves that somebody was
//! trusted by that person, and not that an e-mail address is theirs. Where that matters, people sign in by an identity provider.

use chrono::Duration;
use patchbay_model::{
    Code, Failure, InvitationId, Permission,
    identity::{Actor, Invitation, Membership, Role, SignInMethod, User},
};
use patchbay_storage::Tx;
use patchbay_vault::TokenKind;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{
    Client, email as parse_email,
    members::name_of,
    passwords,
    sessions::{NewSession, SignedIn},
    sign_in::Proven,
};
use crate::{
    audit::Entries,
    auth::Caller,
    hub::{Hub, Inner},
    orgs::check_name,
    queries::{Page, Size, not_found},
};

/// How long it can be accepted.
const LIFETIME: Duration = Duration::days(7);

/// An invitation that was just made. The token is given here and never again.
#[derive(Debug)]
pub struct NewInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// For the one who is invited.
    pub token: SecretString,
    /// A page of the hub where it can be accepted. It holds the token.
    pub url: SecretString,
}

/// An invitation as it is shown to the one who has its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The name of the org.
    pub organization: String,
    /// For whom it is.
    pub email: String,
    /// What they would be.
    pub role: Role,
}

/// How somebody accepts an invitation who is not signed in.
#[derive(Debug)]
pub struct Acceptance {
    /// Of their account on this hub; a new one is made with it if there is none.
    pub password: SecretString,
    /// What people call them, for a new account; what stands before the `@` if not said.
    pub name: Option<String>,
}

impl Hub {
    /// Invites somebody. Another invitation for the same address in the org ends. Needs the permission `manage_members` and all
    /// rights of the role; `conflict` if they are a member.
    pub async fn invite(&self, caller: &Caller, email: &str, role: Role) -> Result<NewInvitation, Failure> {
        caller.require(Permission::ManageMembers)?;
        caller.require_all(role.permissions(), &format!("the role `{}`", role.as_str()))?;
        let hub = &*self.0;
        let email = parse_email("/email", email)?;
        let now = hub.clock.now();
        let invitation = Invitation {
            id: InvitationId::new(&*hub.clock, &*hub.random),
            org: caller.org,
            email,
            role,
            invited_by: caller.actor.to_string(),
            created_at: now,
            expires_at: now + LIFETIME,
        };
        let token = TokenKind::Invitation.generate(&*hub.random);
        let hash = hub.hasher.hash(token.expose_secret());
        let detail = json!({ "email": invitation.email, "role": role, "expires_at": invitation.expires_at });
        let entry = hub.audit(caller.org, caller.actor, "invitation.create", invitation.id, detail);
        let mut tx = hub.database.begin().await?;
        tx.org(caller.org).lock().await?;
        if tx.org(caller.org).members().by_email(&invitation.email).await?.is_some() {
            return Err(Failure::new(Code::Conflict, "they are a member already"));
        }
        tx.org(caller.org).invitations().put(&invitation, &hash).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        let url = SecretString::from(hub.config.public(&format!("/invitations/{}", token.expose_secret())));
        Ok(NewInvitation { invitation, token, url })
    }

    /// The org's invitations that nobody has accepted, the oldest first. Needs the permission `manage_members`.
    pub async fn invitations(
        &self,
        caller: &Caller,
        after: Option<InvitationId>,
        limit: Option<u32>,
    ) -> Result<Page<Invitation>, Failure> {
        caller.require(Permission::ManageMembers)?;
        let size = Size::new(limit)?;
        let mut tx = self.0.database.read().await?;
        let found = tx.org(caller.org).invitations().list(after, size.and_one()).await?;
        Ok(size.page(found, |invitation| invitation.id.to_string()))
    }

    /// Takes an invitation back. Needs the permission `manage_members`; `not_found` for another org's.
    pub async fn revoke_invitation(&self, caller: &Caller, id: InvitationId) -> Result<(), Failure> {
        caller.require(Permission::ManageMembers)?;
        let hub = &*self.0;
        let mut tx = hub.database.begin().await?;
        let invitation = tx.org(caller.org).invitations().get(id).await?.ok_or_else(|| not_found("invitation"))?;
        let detail = json!({ "email": invitation.email, "role": invitation.role });
        let entry = hub.audit(caller.org, caller.actor, "invitation.revoke", id, detail);
        tx.org(caller.org).invitations().delete(id).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        Ok(tx.commit().await?)
    }

    /// What a token invites to. `not_found` if it does not count, or not any more.
    pub async fn invited(&self, token: &str) -> Result<Invited, Failure> {
        let hub = &*self.0;
        let mut tx = hub.database.read().await?;
        let invitation = hub.pending(&mut tx, token).await?;
        let org = tx.hub().org(invitation.org).await?.ok_or_else(gone)?;
        Ok(Invited { organization: org.name, email: invitation.email, role: invitation.role })
    }

    /// Makes whoever has an invitation's token a member: with the password of their account, or with one for a new account.
    /// `not_found` if the token does not count, or not any more; `invalid_credentials` for another password than the account's.
    pub async fn accept_invitation(
        &self,
        token: &str,
        acceptance: Acceptance,
        client: &Client,
    ) -> Result<NewSession, Failure> {
        let hub = &*self.0;
        let mut tx = hub.database.read().await?;
        let invitation = hub.pending(&mut tx, token).await?;
        let known = tx.hub().identities().user_by_email(&invitation.email).await?;
        drop(tx);
        let Acceptance { password, name } = acceptance;
        let joins = match known {
            Some(found) if found.password_hash.is_none() => {
                let detail = "this account signs in by an identity provider: do that first, then accept";
                return Err(Failure::new(Code::Conflict, detail));
            }
            Some(_) => Joins::Known(Box::new(hub.prove(&invitation.email, password, client).await?)),
            None => {
                passwords::check("/password", &password, &invitation.email)?;
                let name = name.unwrap_or_else(|| name_of(&invitation.email));
                check_name(&name, 200)?;
                Joins::New { name, hash: hub.passwords.hash(password).await? }
            }
        };
        let mut tx = hub.database.begin().await?;
        let user = match joins {
            Joins::Known(proven) => {
                hub.accept_proof(&mut tx, &proven).await?;
                proven.user.user
            }
            Joins::New { name, hash } => hub.insert_user(&mut tx, invitation.email, name, Some(&hash), None).await?,
        };
        let mut entries = Entries::default();
        let membership = hub.join(&mut tx, &mut entries, token, &user).await?;
        let new = hub.begin_session(&mut tx, user.id, &membership, SignInMethod::Password, client).await?;
        hub.store_session(&mut tx, &mut entries, &new).await?;
        entries.append(&mut tx).await?;
        tx.commit().await?;
        if new.replaces_others {
            hub.sessions.invalidate_all();
        }
        Ok(new)
    }

    /// Makes somebody who is signed in a member of one more org. Their session goes on in the org that it is in.
    /// `not_found` if the token does not count, `forbidden` if it is for another e-mail address.
    pub async fn accept_invitation_as(&self, signed_in: &SignedIn, token: &str) -> Result<Membership, Failure> {
        let hub = &*self.0;
        let mut tx = hub.database.begin().await?;
        let found = tx.hub().identities().user(signed_in.session.user).await?;
        let user = found.ok_or_else(|| Failure::new(Code::Unauthenticated, "the account is gone"))?.user;
        let mut entries = Entries::default();
        let membership = hub.join(&mut tx, &mut entries, token, &user).await?;
        entries.append(&mut tx).await?;
        tx.commit().await?;
        Ok(membership)
    }
}

/// Who accepts.
enum Joins {
    Known(Box<Proven>),
    New { name: String, hash: String },
}

impl Inner {
    /// The invitation of a token, if it still counts.
    async fn pending(&self, tx: &mut Tx, token: &str) -> Result<Invitation, Failure> {
        if !TokenKind::Invitation.fits(token) {
            return Err(gone());
        }
        let found = tx.hub().identities().invitation_by_hash(&self.hasher.hash(token)).await?;
        found.filter(|invitation| invitation.expires_at > self.clock.now()).ok_or_else(gone)
    }

    /// Takes an invitation and makes a user the member that it says. The audit entries are the caller's to append.
    pub(crate) async fn join(
        &self,
        tx: &mut Tx,
        entries: &mut Entries,
        token: &str,
        user: &User,
    ) -> Result<Membership, Failure> {
        if !TokenKind::Invitation.fits(token) {
            return Err(gone());
        }
        let taken = tx.hub().identities().take_invitation(&self.hasher.hash(token)).await?;
        let invitation = taken.filter(|invitation| invitation.expires_at > self.clock.now()).ok_or_else(gone)?;
        if invitation.email != user.email {
            return Err(Failure::new(Code::Forbidden, "the invitation is for another e-mail address"));
        }
        let Invitation { org, role, id, .. } = invitation;
        let actor = Actor::Member(user.id);
        self.insert_member(tx, entries, org, user, role, actor).await?;
        entries.push(self.audit(org, actor, "invitation.accept", id, json!({ "email": user.email, "role": role })));
        let name = tx.hub().org(org).await?.ok_or_else(gone)?.name;
        Ok(Membership { org, name, role })
    }
}

fn gone() -> Failure {
    Failure::new(Code::NotFound, "there is no such invitation: it was accepted, taken back or has expired")
}
