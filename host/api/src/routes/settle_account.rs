//! `POST /v1/installations/{plugin}/account`

use axum::{Json as Reply, extract::State};
use patchbay_hub::{AccountLinks, Hub};
use patchbay_model::PluginId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations, Path},
    problem::Problem,
    view::{Page, SyncReply},
};

/// What becomes of the pairs that a plugin's syncs have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountInput {
    /// `keep`: they are good in the account that is connected now as well. `forget`: they are not.
    links: LinksInput,
}

/// What becomes of the pairs of an account in another one.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinksInput {
    /// It is another user of the same account, or another way into it.
    Keep,
    /// What the account has is looked for among the records as if the syncs were new. Records stay.
    Forget,
}

impl From<LinksInput> for AccountLinks {
    fn from(links: LinksInput) -> Self {
        match links {
            LinksInput::Keep => Self::Keep,
            LinksInput::Forget => Self::Forget,
        }
    }
}

/// Go on with the account that is connected now
///
/// A sync that is about one of the vendor's accounts is switched off when another one is connected (`problem` says so): the ids of
/// one mean other things in the other. This decides what becomes of the pairs, for all syncs of the plugin, and switches those on
/// again that were switched off for it. They read all that the account has.
#[utoipa::path(
    post,
    path = "/v1/installations/{plugin}/account",
    tag = "Syncs",
    security(("api_key" = ["manage_installations"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "hubspot")),
    request_body = AccountInput,
    responses((status = 200, description = "The plugin's syncs as they are now", body = Page<SyncReply>))
)]
pub(crate) async fn settle_account(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
    Json(input): Json<AccountInput>,
) -> Result<Reply<Page<SyncReply>>, Problem> {
    Ok(Reply(hub.settle_account(&caller, &plugin, input.links.into()).await?.into()))
}
