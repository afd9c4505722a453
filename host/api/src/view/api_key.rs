//! API keys, without their secrets.

use patchbay_hub::{ApiKeyView, SpendLimits};
use patchbay_model::{
    ApiKeyId, Timestamp,
    org::{self, Scope},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

/// An API key. The key itself never comes out again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKey {
    /// Its id.
    #[schema(value_type = String, example = "key_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: ApiKeyId,
    /// What its owner calls it.
    name: String,
    /// What it may do.
    #[schema(value_type = Vec<String>, example = json!(["invoke", "read"]))]
    scopes: Vec<Scope>,
    /// Who made it: a user's or a key's id, or `operator`; null for the oldest.
    made_by: Option<String>,
    /// The key that it was made in the place of.
    #[schema(value_type = Option<String>)]
    replaces: Option<ApiKeyId>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last used, to a minute or so; null if it never was.
    #[schema(value_type = Option<String>, format = DateTime)]
    used_at: Option<Timestamp>,
    /// When it stops working.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// What it may spend at most in a billing period, by unit.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"money": 5000}))]
    spend_limits: SpendLimits,
    /// The key whose spend limits it shares; null if they are its own.
    #[schema(value_type = Option<String>)]
    spends_as: Option<ApiKeyId>,
}

impl From<ApiKeyView> for ApiKey {
    fn from(ApiKeyView { key, spend_limits }: ApiKeyView) -> Self {
        let org::ApiKey {
            id,
            org: _,
            name,
            scopes,
            expires_at,
            revoked_at,
            created_at,
            made_by,
            used_at,
            replaces,
            spends_as,
        } = key;
        Self {
            id,
            name,
            scopes,
            made_by,
            replaces,
            created_at,
            used_at,
            expires_at,
            revoked_at,
            spend_limits,
            spends_as,
        }
    }
}

/// An API key that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKeyReply {
    /// What is known of it.
    key: ApiKey,
    /// The key itself. It is shown only now.
    #[schema(example = "pb_…")]
    secret: String,
}

impl From<(ApiKeyView, SecretString)> for ApiKeyReply {
    fn from((key, secret): (ApiKeyView, SecretString)) -> Self {
        Self { key: key.into(), secret: secret.expose_secret().to_owned() }
    }
}
