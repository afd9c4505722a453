//! Members of an org, and those who may become some.

use patchbay_hub::NewInvitation;
use patchbay_model::{
    InvitationId, Timestamp, UserId,
    identity::{self, Role},
};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;

/// A user in the org.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    /// The user's id.
    #[schema(value_type = String, example = "user_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    user: UserId,
    /// Their e-mail address.
    email: String,
    /// What people call them.
    name: String,
    /// `owner`, `admin`, `member` or `viewer`.
    #[schema(value_type = String, example = "admin")]
    role: Role,
    /// When they became a member.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When that last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<identity::Member> for Member {
    fn from(member: identity::Member) -> Self {
        let identity::Member { org: _, user, email, name, role, created_at, updated_at } = member;
        Self { user, email, name, role, created_at, updated_at }
    }
}

/// Somebody who may become a member. The token never comes out again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invitation {
    /// Its id.
    #[schema(value_type = String, example = "inv_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: InvitationId,
    /// For whom.
    email: String,
    /// What they would be.
    #[schema(value_type = String, example = "member")]
    role: Role,
    /// Who invited them: a user's or a key's id, or `operator`.
    invited_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// From when on it counts no more.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<identity::Invitation> for Invitation {
    fn from(invitation: identity::Invitation) -> Self {
        let identity::Invitation { id, org: _, email, role, invited_by, created_at, expires_at } = invitation;
        Self { id, email, role, invited_by, created_at, expires_at }
    }
}

/// An invitation that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationReply {
    /// The invitation.
    invitation: Invitation,
    /// Whoever has it becomes the member. It is shown only now.
    #[schema(example = "pbi_…")]
    token: String,
    /// A page of the hub where it can be accepted. Pass it on yourself: the hub sends no mail.
    url: String,
}

impl From<NewInvitation> for InvitationReply {
    fn from(new: NewInvitation) -> Self {
        let NewInvitation { invitation, token, url } = new;
        let (token, url) = (token.expose_secret().to_owned(), url.expose_secret().to_owned());
        Self { invitation: invitation.into(), token, url }
    }
}
