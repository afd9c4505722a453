//! The org itself.

use patchbay_model::{OrgId, Timestamp, org};
use serde::Serialize;
use utoipa::ToSchema;

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Org {
    /// Its id.
    #[schema(value_type = String, example = "org_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: OrgId,
    /// What people call it.
    name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<org::Org> for Org {
    fn from(org: org::Org) -> Self {
        let org::Org { id, name, created_at } = org;
        Self { id, name, created_at }
    }
}
