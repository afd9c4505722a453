//! `PUT /v1/installations/{plugin}/syncs/{object}`

use axum::{Json as Reply, extract::State};
use patchbay_hub::{Hub, PutSync};
use patchbay_model::{
    Failure, PluginId,
    filter::Filter,
    object::StandardObject,
    sync::{Direction, Mapping, OnDelete, SyncSettings, Wins},
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations, Path},
    problem::Problem,
    view::{SyncDeletes, SyncDirection, SyncMapping, SyncReply, SyncWins},
};

/// A sync's settings as they should be: what is left out is as by default, and not as it was.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncInput {
    /// It runs. Default: `true`.
    enabled: Option<bool>,
    /// Seconds between two deltas: 15 to 86,400, and not less than the plan allows. Default: 900, or as the plan allows if that is more.
    #[schema(minimum = 15, maximum = 86_400)]
    every_s: Option<u32>,
    /// Days between two full runs: 1 to 365. Default: 7.
    #[schema(minimum = 1, maximum = 365)]
    full_every_days: Option<u32>,
    /// Which way, as far as the plugin goes. Default: `both`.
    #[schema(value_type = Option<SyncDirection>)]
    direction: Option<Direction>,
    /// A mapping of the org's own, in the place of the plugin's.
    #[schema(value_type = Option<SyncMapping>)]
    mapping: Option<Mapping>,
    /// Whose value stays where both sides changed it. Default: `latest`.
    #[schema(value_type = Option<SyncWins>)]
    wins: Option<Wins>,
    /// What becomes of a record that the vendor deleted. Default: `delete`.
    #[schema(value_type = Option<SyncDeletes>)]
    deletes: Option<OnDelete>,
    /// The vendor's records are deleted with ours. Default: `false`.
    push_deletes: Option<bool>,
    /// Records that were made here are made at the vendor. Default: `true`.
    create_there: Option<bool>,
    /// Which records are written at the vendor (see the guide to filters). Default: all.
    #[schema(value_type = Option<Object>)]
    only: Option<Value>,
    /// The version of the settings that these shall replace; a `conflict` if somebody has changed them since. Default:
    /// whichever is there.
    version: Option<u64>,
}

impl TryFrom<SyncInput> for PutSync {
    type Error = Failure;

    fn try_from(input: SyncInput) -> Result<Self, Failure> {
        let SyncInput {
            enabled,
            every_s,
            full_every_days,
            direction,
            mapping,
            wins,
            deletes,
            push_deletes,
            create_there,
            only,
            version,
        } = input;
        let only = only.map(|only| Filter::parse_at("/only", &only)).transpose().map_err(Failure::invalid)?;
        let default = SyncSettings::default();
        let settings = SyncSettings {
            enabled: enabled.unwrap_or(default.enabled),
            every_s: every_s.unwrap_or(default.every_s),
            full_every_days: full_every_days.unwrap_or(default.full_every_days),
            direction: direction.unwrap_or(default.direction),
            mapping,
            wins: wins.unwrap_or(default.wins),
            deletes: deletes.unwrap_or(default.deletes),
            push_deletes: push_deletes.unwrap_or(default.push_deletes),
            create_there: create_there.unwrap_or(default.create_there),
            only,
        };
        Ok(Self { settings, is_every_left_out: every_s.is_none(), version })
    }
}

/// Set a sync up or change it
///
/// The mapping is checked against the standard object's schema and against the vendor's own fields, which are asked for. A sync
/// that is switched on reads all that the vendor has first, and then what changes. So does one that gets another
/// `mapping`: a run that is open is cancelled.
#[utoipa::path(
    put,
    path = "/v1/installations/{plugin}/syncs/{object}",
    tag = "Syncs",
    security(("api_key" = ["manage_installations"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "hubspot"),
        ("object" = String, Path, description = "The standard object's name", example = "contact"),
    ),
    request_body = SyncInput,
    responses((status = 200, description = "The sync as it is now", body = SyncReply))
)]
pub(crate) async fn put_sync(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path((plugin, object)): Path<(PluginId, StandardObject)>,
    Json(input): Json<SyncInput>,
) -> Result<Reply<SyncReply>, Problem> {
    Ok(Reply(hub.put_sync(&caller, &plugin, object, input.try_into()?).await?.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put(input: Value) -> Result<PutSync, Failure> {
        PutSync::try_from(serde_json::from_value::<SyncInput>(input).unwrap())
    }

    #[test]
    fn what_is_left_out_is_as_by_default() {
        let nothing = put(json!({})).unwrap();
        assert_eq!((nothing.settings, nothing.version), (SyncSettings::default(), None));
        assert!(nothing.is_every_left_out);
        let some = put(json!({"every_s": 60, "wins": "hub", "version": 3, "only": {"status": "customer"}})).unwrap();
        assert_eq!((some.settings.every_s, some.settings.wins, some.version), (60, Wins::Hub, Some(3)));
        assert!(!some.is_every_left_out);
        assert_eq!(some.settings.only, Some(Filter::parse(&json!({"status": "customer"})).unwrap()));
    }

    #[test]
    fn what_is_no_filter_is_pointed_at() {
        let failure = put(json!({"only": {"status": []}})).err().unwrap();
        assert_eq!(failure.violations[0].pointer, "/only/status");
    }
}
