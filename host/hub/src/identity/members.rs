//! Members of an org: who they are, what they are there, and how that ends.
//!
//! Nobody gives a role, or takes one away, that may do more than they may themselves. So an admin neither makes owners nor
//! touches them, and a key with the scope `members` manages those whose rights it has. An org never loses its last owner.

use patchbay_model::{
    Code, Failure, OrgId, Permission, Timestamp, UserId,
    identity::{Actor, Member, Role, User},
};
use patchbay_storage::{Change, Tx};
use secrecy::SecretString;
use serde_json::json;

use super::{email as parse_email, passwords, sessions::SignedIn};
use crate::{
    audit::Entries,
    auth::Caller,
    hub::{Hub, Inner},
    orgs::check_name,
    queries::{Page, Size, not_found},
};

/// A member who is added without an invitation.
#[derive(Debug)]
pub struct NewMember {
    /// Their e-mail address.
    pub email: String,
    /// What people call them; what stands before the `@` if not said.
    pub name: Option<String>,
    /// What they shall be.
    pub role: Role,
    /// For a user who is new to the hub: their password. None: they sign in by an identity provider, or get one later.
    pub password: Option<SecretString>,
}

impl Hub {
    /// The org's members, in the order of their ids. Needs the permission `read_members`.
    pub async fn members(
        &self,
        caller: &Caller,
        after: Option<UserId>,
        limit: Option<u32>,
    ) -> Result<Page<Member>, Failure> {
        caller.require(Permission::ReadMembers)?;
        let size = Size::new(limit)?;
        let mut tx = self.0.database.read().await?;
        let members = tx.org(caller.org).members().list(after, size.and_one()).await?;
        Ok(size.page(members, |member| member.user.to_string()))
    }

    /// One member of the org; `not_found` for anybody else. Needs the permission `read_members`.
    pub async fn member(&self, caller: &Caller, user: UserId) -> Result<Member, Failure> {
        caller.require(Permission::ReadMembers)?;
        let mut tx = self.0.database.read().await?;
        tx.org(caller.org).members().get(user).await?.ok_or_else(|| not_found("member"))
    }

    /// The member of the org with an e-mail address. Needs the permission `read_members`.
    pub async fn member_by_email(&self, caller: &Caller, email: &str) -> Result<Member, Failure> {
        caller.require(Permission::ReadMembers)?;
        let email = parse_email("/email", email)?;
        let mut tx = self.0.database.read().await?;
        tx.org(caller.org).members().by_email(&email).await?.ok_or_else(|| not_found("member"))
    }

    /// Makes a user a member at once, and a user of the hub if need be. For whoever operates the hub: needs the permission
    /// `operate_hub`. `conflict` if they are a member.
    pub async fn add_member(&self, caller: &Caller, new: NewMember) -> Result<Member, Failure> {
        caller.require(Permission::OperateHub)?;
        let hub = &*self.0;
        let email = parse_email("/email", &new.email)?;
        let name = new.name.unwrap_or_else(|| name_of(&email));
        check_name(&name, 200)?;
        let hash = match new.password {
            None => None,
            Some(password) => {
                passwords::check("/password", &password, &email)?;
                Some(hub.passwords.hash(password).await?)
            }
        };
        let mut tx = hub.database.begin().await?;
        let user = match tx.hub().identities().user_by_email(&email).await? {
            Some(_) if hash.is_some() => {
                let detail = "the user has an account already: add them without a password, or reset it";
                return Err(Failure::new(Code::Conflict, detail));
            }
            Some(found) => found.user,
            None => hub.insert_user(&mut tx, email, name, hash.as_deref(), None).await?,
        };
        let mut entries = Entries::default();
        let member = hub.insert_member(&mut tx, &mut entries, caller.org, &user, new.role, caller.actor).await?;
        entries.append(&mut tx).await?;
        tx.commit().await?;
        Ok(member)
    }

    /// Gives a member another role, which holds on all hubs within a second. Needs the permission `manage_members`, all rights
    /// of the member, and all of the new role. `conflict` if the org would be left without an owner.
    pub async fn set_role(&self, caller: &Caller, user: UserId, role: Role) -> Result<Member, Failure> {
        caller.require(Permission::ManageMembers)?;
        caller.require_all(role.permissions(), &format!("the role `{}`", role.as_str()))?;
        let hub = &*self.0;
        let mut tx = hub.database.begin().await?;
        let before = hub.touchable(&mut tx, caller, user).await?;
        if before.role == role {
            return Ok(before);
        }
        keep_an_owner(&mut tx, &before, Some(role)).await?;
        let now = hub.clock.now();
        let detail = json!({ "email": before.email, "old": { "role": before.role }, "new": { "role": role } });
        let entry = hub.audit(caller.org, caller.actor, "member.role", user, detail);
        tx.org(caller.org).members().set_role(user, role, now).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.hub().notify(Change::Member { org: caller.org, user }).await?;
        tx.commit().await?;
        hub.sessions.invalidate_all();
        Ok(Member { role, updated_at: now, ..before })
    }

    /// Ends a membership and the member's sessions in the org, on all hubs within a second. Needs the permission
    /// `manage_members` and all rights of the member. `conflict` for the last owner.
    pub async fn remove_member(&self, caller: &Caller, user: UserId) -> Result<(), Failure> {
        caller.require(Permission::ManageMembers)?;
        let hub = &*self.0;
        let mut tx = hub.database.begin().await?;
        let member = hub.touchable(&mut tx, caller, user).await?;
        hub.delete_member(tx, &member, caller.actor, "member.remove").await
    }

    /// Ends a member's own membership in the org of their session. `conflict` for the last owner.
    pub async fn leave(&self, signed_in: &SignedIn) -> Result<(), Failure> {
        let hub = &*self.0;
        let (org, user) = (signed_in.session.org, signed_in.session.user);
        let mut tx = hub.database.begin().await?;
        tx.org(org).lock().await?;
        let member = tx.org(org).members().get(user).await?.ok_or_else(|| not_found("member"))?;
        hub.delete_member(tx, &member, Actor::Member(user), "member.leave").await
    }

    /// Puts a password in the place of a user's, which ends all of their sessions. For whoever operates the hub: needs the
    /// permission `operate_hub`. `not_found` for somebody who is no member of the org.
    pub async fn reset_password(&self, caller: &Caller, user: UserId, password: SecretString) -> Result<(), Failure> {
        caller.require(Permission::OperateHub)?;
        let hub = &*self.0;
        let member = self.member(caller, user).await?;
        passwords::check("/password", &password, &member.email)?;
        let hash = hub.passwords.hash(password).await?;
        let mut tx = hub.database.begin().await?;
        tx.hub().identities().set_password(user, Some(&hash)).await?;
        hub.forget_attempts(&mut tx, &member.email).await?;
        let mut entries = Entries::default();
        hub.end_all_sessions(&mut tx, &mut entries, user, caller.actor, "member.reset_password").await?;
        entries.append(&mut tx).await?;
        tx.commit().await?;
        hub.sessions.invalidate_all();
        Ok(())
    }
}

impl Inner {
    /// A new user of the hub.
    pub(crate) async fn insert_user(
        &self,
        tx: &mut Tx,
        email: String,
        name: String,
        password_hash: Option<&str>,
        email_verified_at: Option<Timestamp>,
    ) -> Result<User, Failure> {
        let id = UserId::new(&*self.clock, &*self.random);
        let user = User { id, email, email_verified_at, name, created_at: self.clock.now() };
        tx.hub().identities().insert_user(&user, password_hash).await?;
        Ok(user)
    }

    /// A new member; the audit entry is the caller's to append. `conflict` if they are one.
    pub(crate) async fn insert_member(
        &self,
        tx: &mut Tx,
        entries: &mut Entries,
        org: OrgId,
        user: &User,
        role: Role,
        actor: Actor,
    ) -> Result<Member, Failure> {
        if tx.org(org).members().get(user.id).await?.is_some() {
            return Err(Failure::new(Code::Conflict, "they are a member already"));
        }
        let now = self.clock.now();
        let member = Member {
            org,
            user: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
            role,
            created_at: now,
            updated_at: now,
        };
        let detail = json!({ "email": member.email, "role": role });
        entries.push(self.audit(org, actor, "member.create", user.id, detail));
        tx.org(org).members().insert(&member).await?;
        tx.hub().notify(Change::Member { org, user: user.id }).await?;
        Ok(member)
    }

    /// The member whom a caller wants to change, with the org locked: `not_found` for somebody else's, `forbidden` for one who
    /// may do more than the caller.
    async fn touchable(&self, tx: &mut Tx, caller: &Caller, user: UserId) -> Result<Member, Failure> {
        tx.org(caller.org).lock().await?;
        let member = tx.org(caller.org).members().get(user).await?.ok_or_else(|| not_found("member"))?;
        caller.require_all(member.role.permissions(), "the member")?;
        Ok(member)
    }

    async fn delete_member(&self, mut tx: Tx, member: &Member, actor: Actor, action: &str) -> Result<(), Failure> {
        let (org, user) = (member.org, member.user);
        keep_an_owner(&mut tx, member, None).await?;
        let detail = json!({ "email": member.email, "role": member.role });
        let entry = self.audit(org, actor, action, user, detail);
        tx.org(org).members().delete(user).await?;
        tx.org(org).audit().append(&entry).await?;
        tx.hub().notify(Change::Member { org, user }).await?;
        tx.commit().await?;
        self.sessions.invalidate_all();
        Ok(())
    }
}

/// `conflict` if this change would leave the org without an owner. The org is locked, so that no other one does at the same time.
async fn keep_an_owner(tx: &mut Tx, member: &Member, after: Option<Role>) -> Result<(), Failure> {
    let goes = member.role == Role::Owner && after != Some(Role::Owner);
    if goes && tx.org(member.org).members().count(Role::Owner).await? <= 1 {
        let detail = "this is the organization's last owner: make somebody else an owner first";
        return Err(Failure::new(Code::Conflict, detail));
    }
    Ok(())
}

/// What somebody is called who has not said it.
pub(crate) fn name_of(email: &str) -> String {
    email.split('@').next().unwrap_or(email).to_owned()
}
