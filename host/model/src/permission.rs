//! Who may do what: the one table of it.
//!
//! What the hub does needs a [`Permission`]. Nobody is given one alone: a member has those of a [`Role`], an API key
//! those of its [`Scope`]s, and this file says which those are. Whoever gives rights on (a role, a key) can give none
//! that they do not have themselves ([`Permissions::covers`]), so that nobody rises by a detour.
//!
//! Rejected: roles that an org composes for itself. Four are what people ask for first, and a table that is code is
//! read, reviewed and tested as code.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{identity::Role, org::Scope};

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A right to something.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($(#[$doc])* $name,)* }

        impl Permission {
            /// Every permission, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The permission as text, as in the API's description.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The permission of this text, if there is one.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

permissions! {
    /// Call actions and the proxy.
    CallActions = "call_actions";
    /// Read runs, jobs, usage, events, webhooks and stored files.
    ReadActivity = "read_activity";
    /// Read plugins, installations, connections (never their secrets) and the org itself.
    ReadSettings = "read_settings";
    /// Switch plugins on and off, configure them, begin failed webhooks and jobs anew, put schedules, set the org's rate
    /// limits.
    ManageInstallations = "manage_installations";
    /// Put, authorize and destroy connections, and register the org's own OAuth clients.
    ManageConnections = "manage_connections";
    /// Let an end user connect one account.
    ManageConnectSessions = "manage_connect_sessions";
    /// Connect the account that a connect session is for. Only connect sessions have it.
    ConnectAccount = "connect_account";
    /// See who is a member, with their e-mail addresses.
    ReadMembers = "read_members";
    /// Invite, change and remove members whose rights one has oneself.
    ManageMembers = "manage_members";
    /// List, make, rotate and revoke API keys whose rights one has oneself.
    ManageKeys = "manage_keys";
    /// Rename the org.
    ManageOrg = "manage_org";
    /// Read the audit log.
    ReadAudit = "read_audit";
    /// Choose what the org pays for. Owners alone.
    ManageBilling = "manage_billing";
    /// Upload plugins for the whole hub. Only the operator's keys.
    OperateHub = "operate_hub";
}

/// A set of permissions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u32);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// All that there are: whoever types at the hub's own machine.
    pub const ALL: Self = Self::of(Permission::ALL);
    /// Those of a connect session.
    pub const CONNECT_SESSION: Self = Self::of(&[Permission::ConnectAccount]);

    const fn bit(permission: Permission) -> u32 {
        1 << permission as u32
    }

    /// These.
    #[must_use]
    pub const fn of(mut permissions: &[Permission]) -> Self {
        let mut bits = 0;
        while let Some((first, rest)) = permissions.split_first() {
            bits |= Self::bit(*first);
            permissions = rest;
        }
        Self(bits)
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if the permission is in the set.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & Self::bit(permission) != 0
    }

    /// True if all of the other set is in this one: who has these may give those.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Those of the other set that are not in this one.
    #[must_use]
    pub const fn lacks(self, other: Self) -> Self {
        Self(other.0 & !self.0)
    }

    /// The set's permissions, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl<'de> Deserialize<'de> for Permissions {
    /// Of a list of their texts. One that is not known any more gives nothing.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let known: Vec<Permission> = texts.iter().filter_map(|text| Permission::from_text(text)).collect();
        Ok(Self::of(&known))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::as_str)).finish()
    }
}

impl Serialize for Permissions {
    /// As a list of their texts.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Permission::as_str))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | Self::bit(permission)))
    }
}

/// Looks on.
const VIEWER: Permissions =
    Permissions::of(&[Permission::ReadActivity, Permission::ReadSettings, Permission::ReadMembers]);
/// Works with what is there.
const MEMBER: Permissions = VIEWER.and(Permissions::of(&[Permission::CallActions]));
/// Runs the org.
const ADMIN: Permissions = MEMBER.and(Permissions::of(&[
    Permission::ManageInstallations,
    Permission::ManageConnections,
    Permission::ManageConnectSessions,
    Permission::ManageMembers,
    Permission::ManageKeys,
    Permission::ManageOrg,
    Permission::ReadAudit,
]));
/// Answers for it.
const OWNER: Permissions = ADMIN.and(Permissions::of(&[Permission::ManageBilling]));

impl Role {
    /// What a member of this role may do.
    #[must_use]
    pub const fn permissions(self) -> Permissions {
        match self {
            Self::Owner => OWNER,
            Self::Admin => ADMIN,
            Self::Member => MEMBER,
            Self::Viewer => VIEWER,
        }
    }
}

impl Scope {
    /// What an API key of this scope may do. No scope implies another.
    #[must_use]
    pub const fn permissions(self) -> Permissions {
        match self {
            Self::Invoke => Permissions::of(&[Permission::CallActions]),
            Self::Read => Permissions::of(&[Permission::ReadActivity, Permission::ReadSettings]),
            Self::Admin => Permissions::of(&[
                Permission::ManageInstallations,
                Permission::ManageConnections,
                Permission::ManageConnectSessions,
            ]),
            Self::Connect => Permissions::of(&[Permission::ManageConnectSessions]),
            Self::Members => {
                Permissions::of(&[Permission::ReadMembers, Permission::ManageMembers, Permission::ManageOrg])
            }
            Self::Keys => Permissions::of(&[Permission::ManageKeys]),
            Self::Audit => Permissions::of(&[Permission::ReadAudit]),
            Self::Operator => Permissions::of(&[Permission::OperateHub]),
        }
    }

    /// What an API key of these scopes may do.
    #[must_use]
    pub fn all_permissions(scopes: &[Self]) -> Permissions {
        scopes.iter().fold(Permissions::NONE, |all, scope| all.and(scope.permissions()))
    }

    /// The scopes that give a permission.
    pub fn that_give(permission: Permission) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |scope| scope.permissions().contains(permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_the_next_one_may_and_more() {
        for pair in [Role::Owner, Role::Admin, Role::Member, Role::Viewer].windows(2) {
            let (higher, lower) = (pair[0].permissions(), pair[1].permissions());
            assert!(higher.covers(lower) && !lower.covers(higher), "{:?} and {:?}", pair[0], pair[1]);
        }
    }

    #[test]
    fn billing_is_the_owners_alone_and_the_hub_the_operators() {
        for role in Role::ALL {
            let permissions = role.permissions();
            assert_eq!(permissions.contains(Permission::ManageBilling), role == Role::Owner, "{role:?}");
            assert!(!permissions.contains(Permission::OperateHub), "{role:?}");
            assert!(!permissions.contains(Permission::ConnectAccount), "{role:?}");
        }
        assert_eq!(Scope::that_give(Permission::ManageBilling).count(), 0);
        assert_eq!(Scope::that_give(Permission::ConnectAccount).count(), 0);
        assert_eq!(Scope::that_give(Permission::OperateHub).collect::<Vec<_>>(), [Scope::Operator]);
    }

    #[test]
    fn no_scope_implies_another() {
        for scope in Scope::ALL {
            for other in Scope::ALL.into_iter().filter(|other| *other != scope) {
                // to begin connect sessions is a part of administering connections
                let part = scope == Scope::Admin && other == Scope::Connect;
                assert_eq!(scope.permissions().covers(other.permissions()), part, "{scope:?} and {other:?}");
            }
        }
    }

    #[test]
    fn every_permission_has_a_text_of_its_own_and_a_bit() {
        for permission in Permission::ALL {
            assert_eq!(Permission::from_text(permission.as_str()), Some(*permission));
        }
        assert_eq!(Permissions::ALL.iter().count(), Permission::ALL.len());
        assert_eq!(Permission::from_text("everything"), None);
    }

    #[test]
    fn what_somebody_lacks_is_told() {
        let lacks = Role::Admin.permissions().lacks(Role::Owner.permissions());
        assert_eq!(lacks.iter().collect::<Vec<_>>(), [Permission::ManageBilling]);
        assert_eq!(format!("{lacks:?}"), "{\"manage_billing\"}");
        assert_eq!(serde_json::to_string(&lacks).unwrap(), "[\"manage_billing\"]");
    }
}
