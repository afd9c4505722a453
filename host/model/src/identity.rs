//! People: users of the hub, members of orgs, their sessions, and those who were invited.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, ConnectSessionId, InvitationId, OrgId, PluginId, SessionId, Timestamp, UserId};

/// What a member is in an org, the most rights first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers for the org: everything, billing too. An org has one at least.
    Owner,
    /// Runs it: plugins, connections, members, keys.
    Admin,
    /// Works with it: calls actions, reads.
    Member,
    /// Looks on: reads.
    Viewer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Member, Self::Viewer];

    /// The role as text, as in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }
}

/// Somebody with an account on this hub, in whichever orgs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// In lower case; no other user has it.
    pub email: String,
    /// When it was proven that the address is theirs: an identity provider said so. The hub sends no mail.
    pub email_verified_at: Option<Timestamp>,
    /// What people call them; 1 to 200 characters.
    pub name: String,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// A user in an org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// In which org.
    pub org: OrgId,
    /// Who.
    pub user: UserId,
    /// Their e-mail address.
    pub email: String,
    /// What people call them.
    pub name: String,
    /// What they are there.
    pub role: Role,
    /// When they became a member.
    pub created_at: Timestamp,
    /// When that last changed.
    pub updated_at: Timestamp,
}

/// An org that a user is a member of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Which.
    pub org: OrgId,
    /// What it is called.
    pub name: String,
    /// What they are there.
    pub role: Role,
}

/// Somebody who may become a member: whoever has the token, which is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Into which org.
    pub org: OrgId,
    /// For whom.
    pub email: String,
    /// What they would be.
    pub role: Role,
    /// Who invited them, as an [`Actor`]'s text.
    pub invited_by: String,
    /// When.
    pub created_at: Timestamp,
    /// From when on it counts no more.
    pub expires_at: Timestamp,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInMethod {
    /// By a password.
    Password,
    /// By an identity provider.
    Oidc,
}

impl SignInMethod {
    /// As text, as in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Oidc => "oidc",
        }
    }
}

/// A member who signed in. Its token is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// In which org it acts.
    pub org: OrgId,
    /// Who.
    pub user: UserId,
    /// How they proved it.
    pub method: SignInMethod,
    /// What their program calls itself.
    pub user_agent: Option<String>,
    /// From where they signed in.
    pub address: Option<String>,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was last used, to a minute or so.
    pub used_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// The right of an end user to connect one account. Its token is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectSession {
    /// Its id.
    pub id: ConnectSessionId,
    /// For which org.
    pub org: OrgId,
    /// One of these plugins.
    pub plugins: Vec<PluginId>,
    /// Who the end user is to the org: its own reference.
    pub end_user: String,
    /// What the connection's account shall be called, if the vendor does not say.
    pub account: Option<String>,
    /// Who began it, as an [`Actor`]'s text.
    pub made_by: String,
    /// When.
    pub created_at: Timestamp,
    /// From when on it counts no more.
    pub expires_at: Timestamp,
    /// What came of it.
    pub connected: Option<Connected>,
}

/// The account that an end user connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connected {
    /// For which plugin.
    pub plugin: PluginId,
    /// When.
    pub at: Timestamp,
}

/// Who does something, for the audit log. Its text is what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Somebody with this API key.
    Key(ApiKeyId),
    /// A member who signed in.
    Member(UserId),
    /// An end user with a connect session.
    Connect(ConnectSessionId),
    /// Somebody at the command line.
    Operator,
    /// Whoever opened the link that brings a connection's account back.
    ReconnectLink,
    /// The hub of its own accord.
    Hub,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Member(id) => id.fmt(f),
            Self::Connect(id) => id.fmt(f),
            Self::Operator => f.write_str("operator"),
            Self::ReconnectLink => f.write_str("reconnect-link"),
            Self::Hub => f.write_str("hub"),
        }
    }
}

/// A text that no [`Actor`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not somebody who does things")]
pub struct InvalidActor;

impl FromStr for Actor {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, InvalidActor> {
        match text {
            "operator" => Ok(Self::Operator),
            "reconnect-link" => Ok(Self::ReconnectLink),
            "hub" => Ok(Self::Hub),
            _ => (text.parse().map(Self::Key))
                .or_else(|_| text.parse().map(Self::Member))
                .or_else(|_| text.parse().map(Self::Connect))
                .map_err(|_| InvalidActor),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_actor_is_known_by_its_text() {
        let id = Uuid::from_u128(7);
        for (actor, text) in [
            (Actor::Key(ApiKeyId(id)), "key_00000000000000000000000000000007"),
            (Actor::Member(UserId(id)), "user_00000000000000000000000000000007"),
            (Actor::Connect(ConnectSessionId(id)), "csn_00000000000000000000000000000007"),
            (Actor::Operator, "operator"),
            (Actor::ReconnectLink, "reconnect-link"),
            (Actor::Hub, "hub"),
        ] {
            assert_eq!(actor.to_string(), text);
            assert_eq!(text.parse(), Ok(actor));
        }
        assert_eq!("run_00000000000000000000000000000007".parse::<Actor>(), Err(InvalidActor));
    }
}
