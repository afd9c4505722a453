//! `plugin.toml` as types: what a plugin is, and everything that it asks of the host.
//!
//! An author writes TOML, with schemas as files beside it; the packed form is the same document as
//! JSON, with the schemas inside. Unknown keys are refused in both, so that a typo is an error and not
//! a permission that silently never was.

mod estimate;
mod named_hosts;
pub mod oauth;
mod shared_webhooks;
pub mod sync;
mod webhooks;

use std::collections::BTreeMap;

use patchbay_model::{
    PluginId,
    object::{Access, StandardObject},
    plan::{Counts, Metric},
    rate::Rate,
    schedule::Missed,
};
use semver::Version;
use serde::{Deserialize, Serialize};

pub use estimate::{Estimate, StreamEstimate};
pub use named_hosts::NamedHost;
pub use oauth::Oauth;
pub use shared_webhooks::SharedWebhooks;
pub use sync::SyncDecl;
pub use webhooks::{ANSWER_MS, Fallback, Webhooks};

/// A JSON Schema (2020-12): in `plugin.toml` the path of a file beside it, in a package the schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Schema {
    /// The path of a JSON file, relative to `plugin.toml`. Never in a package.
    File(String),
    /// The schema itself.
    Inline(serde_json::Value),
}

/// A plugin's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Unique among plugins.
    pub id: PluginId,
    /// For people.
    pub name: String,
    /// Of this package; semver.
    pub version: Version,
    /// The version of the WIT package `patchbay:connector` that it was built for, as in `1.0.0`.
    pub api: Version,
    /// What it does, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// The lowest plan that may use it, as in `pro`. Without one: every plan. The operator's `[features]` wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What it asks for beyond or below the defaults; the operator's ceilings win.
    #[serde(default)]
    pub limits: Limits,
    /// The org's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Config>,
    /// The secrets that its connection holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<Credential>,
    /// How its connection is authorized by OAuth 2.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<Oauth>,
    /// Every destination that it may reach. Empty: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<Egress>,
    /// Destinations whose hosts an org names in its settings; each host is reached once an admin of the org approved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named_hosts: Vec<NamedHost>,
    /// Typed operations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// The vendor's own API through the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// What the vendor sends in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<Webhooks>,
    /// What it publishes and takes in.
    #[serde(default)]
    pub events: Events,
    /// Kinds of jobs that its step export does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<Job>,
    /// When jobs are made by themselves, for each installation. An org may change them or switch them off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
    /// What it meters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meters: Vec<Meter>,
    /// Documents that it keeps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<Collection>,
    /// Standard objects that it shares with other plugins, as in `call = "write"`. To write is to read as well.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objects: BTreeMap<StandardObject, Access>,
    /// What it keeps in step with the vendor, object by object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syncs: Vec<SyncDecl>,
    /// It tells the hub what organizations are entitled to, where the operator names it (`billing.plugin`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub entitlements: bool,
    /// Actions of other plugins that it calls in the org's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<PeerCalls>,
}

/// Limits of one call. A missing one is the operator's default; one above the operator's ceiling is cut
/// to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Linear memories and tables of the instance together, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// From start to end, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// In guest code, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u32>,
    /// Calls at once per org.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Calls from guest to host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_calls: Option<u32>,
    /// The largest body of a vendor that `fetch` or `read-to-end` holds, in KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_kib: Option<u32>,
}

/// The org's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// What is valid.
    pub schema: Schema,
}

/// A named secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Credential {
    /// What the guest calls it: `a-z`, `0-9`, `_`; at most 64.
    pub name: String,
    /// For the form in which it is entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where to find it at the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The connection is not complete without it.
    #[serde(default)]
    pub required: bool,
    /// Where the host puts it. Without this it never leaves: it serves signature checks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inject: Option<Inject>,
    /// Hosts that may get it; each must be in the egress list. Empty: every host of that list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Hosts that the org's settings name may get it as well; see [`Manifest::named_hosts`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub named_hosts: bool,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

const fn is_true(value: &bool) -> bool {
    *value
}

const fn yes() -> bool {
    true
}

/// Where a credential goes in a request: exactly one of `header`, `query`, `path` and `json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Inject {
    /// This header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// This parameter of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The URL's path, in the place of the guest's and without a query, for URLs that are secrets themselves: a pattern as
    /// in [`Egress::paths`] that the path has. The secret is the path, or the whole URL with it; see
    /// [`crate::secret_path`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// JSON Pointer to a member of a JSON body, for vendors that are told there with which secret their webhooks come. No
    /// request names such a credential: the host puts it into each one that goes to its hosts, has the member, and names
    /// this installation's own webhook at [`Inject::webhook_url`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Beside `json`: JSON Pointer to the member that says where the vendor sends its webhooks. A body that says anything
    /// else there than this installation's own address does not get the secret, because the vendor would send it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
    /// The value, with `{}` where the secret goes; `{basic}` for base64 of `secret:` (HTTP Basic with the
    /// secret as the user), or of `user:secret` with [`Inject::user`]. Default: `{}`.
    #[serde(default = "plain_format")]
    pub format: String,
    /// Beside `{basic}`: JSON Pointer to the setting that is the user, for vendors whose account has a public id and a secret. The
    /// secret is the password then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl Default for Inject {
    /// Nowhere yet, and as it is.
    fn default() -> Self {
        Self {
            header: None,
            query: None,
            path: None,
            json: None,
            webhook_url: None,
            format: plain_format(),
            user: None,
        }
    }
}

fn plain_format() -> String {
    "{}".to_owned()
}

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Egress {
    /// A host name, or `*.` and a name for all hosts below it. No address, no port, no scheme.
    pub host: String,
    /// HTTP methods, upper-case. At least one.
    pub methods: Vec<String>,
    /// Path patterns: `/v1/models`, `*` for one segment, `**` at the end for any rest. At least one.
    pub paths: Vec<String>,
    /// The header by which the vendor knows a repeat of a request that changes something, and does it once. The host
    /// sets it where the guest does not; a write that broke off may then be done again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_header: Option<String>,
    /// When the vendor asks for a pause (`Retry-After`), all of the org's requests to this host keep it. `false` for a vendor
    /// that limits each model, or the like, by itself: then whoever was refused waits, and nobody else. Default: `true`.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub pauses: bool,
}

/// A typed operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Action {
    /// In the URL: `a-z`, `0-9`, `-`; at most 64.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// What it takes.
    pub input: Schema,
    /// What it gives.
    pub output: Schema,
    /// From start to end, in milliseconds; below the plugin's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// The lowest plan that may call it; as with [`Manifest::plan`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What a call may meter at most, by meter; see [`Estimate`]. Empty: nothing at all; missing: any meter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<BTreeMap<String, Estimate>>,
    /// How often one org may call it, as in `60/min`; an org's own limit replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// The vendor's own API through the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Proxy {
    /// Where the vendor's SDKs put their key, and so where the hub's key is looked for (and taken away).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<KeyPlace>,
    /// What is proxied. At least one.
    pub routes: Vec<Route>,
}

/// A place of a key in a request: exactly one of `header` and `query`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeyPlace {
    /// This header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// This parameter of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What stands before the key, as in `Bearer `. After `Basic ` the key is the password of HTTP Basic (RFC 7617).
    #[serde(default)]
    pub prefix: String,
}

/// A proxied route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Route {
    /// HTTP method, upper-case.
    pub method: String,
    /// Path pattern, as in [`Egress::paths`].
    pub path: String,
    /// From start to the end of the body, in milliseconds; instead of the plugin's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// The largest request body, in KiB. Default: the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_kib: Option<u32>,
    /// What a request may meter at most, by meter; see [`Estimate`]. Empty: nothing at all; missing: any meter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<BTreeMap<String, Estimate>>,
}

/// What a plugin publishes and takes in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Events {
    /// Types that it may publish. The type must start with the plugin's id and a dot. `x.*` stands for
    /// all types below `x.`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emits: Vec<EventType>,
    /// Types that its event export takes in; `x.*` for all below `x.`, `*` for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumes: Vec<String>,
}

/// A type of event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EventType {
    /// Its name, or a name that ends with `.*`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it is published.
    #[serde(default)]
    pub description: String,
    /// What its data looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
}

/// A kind of job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Job {
    /// Its name.
    pub kind: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// Tries of one step before the job is failed: 1 to 100. Default: 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How long one step may take, in milliseconds; instead of the plugin's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// At most so many jobs of this kind at once per org: 1 for work that must not overlap. Default: the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

/// When jobs of a kind are made by themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Schedule {
    /// What it is called: `a-z`, `0-9`, `_`, `-`.
    pub name: String,
    /// Of which kind: one of [`Manifest::jobs`].
    pub kind: String,
    /// Five fields (minute, hour, day of the month, month, day of the week), or six with seconds first.
    pub cron: String,
    /// The IANA name of the time zone by which they are read. Default: `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Jobs begin up to so many seconds later, at random, so that not all orgs ask a vendor in the same second. Default: 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_s: Option<u32>,
    /// What becomes of times that passed while no hub ran. Default: one job for all of them.
    #[serde(default)]
    pub missed: Missed,
    /// What its jobs are made with. Default: `null`.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub payload: serde_json::Value,
}

/// A metered quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Meter {
    /// What the guest calls it: `a-z`, `0-9`, `_`.
    pub name: String,
    /// One of what, as in `token`, `minute`, `character`.
    pub unit: String,
    /// What it counts as for plans and budgets, as in `ai_tokens`. Without one, it is shown and limits nothing: as for a
    /// quantity that is part of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// So many of its units are one of the metric: 60 for seconds that count as `minutes`. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<u32>,
    /// For people.
    #[serde(default)]
    pub description: String,
}

impl Meter {
    /// What it counts as.
    #[must_use]
    pub fn counts(&self) -> Option<Counts> {
        self.metric.map(|metric| Counts { metric, per: self.per.unwrap_or(1) })
    }
}

/// Documents that the plugin keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Collection {
    /// What the guest calls it: `a-z`, `0-9`, `_`, `-`.
    pub name: String,
    /// What is valid.
    pub schema: Schema,
    /// Fields that queries may filter by: the field's name to the JSON Pointer of a scalar.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub indexes: BTreeMap<String, String>,
    /// The hub has its documents in memory as well: `records.get` gives them as they were at most two seconds ago, and while the
    /// database is away as they were last. For few and small ones, 4 MiB for each org; what is beyond that is read from the
    /// database as always. Default: `false`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub keep_in_memory: bool,
}

impl Manifest {
    /// Names of the collections whose documents the hub has in memory as well.
    pub fn kept_in_memory(&self) -> impl Iterator<Item = &str> {
        self.collections
            .iter()
            .filter(|collection| collection.keep_in_memory)
            .map(|collection| collection.name.as_str())
    }

    /// True if vendors that wait are answered while the database is away.
    #[must_use]
    pub fn answers_offline(&self) -> bool {
        self.webhooks.as_ref().is_some_and(|webhooks| webhooks.answers_offline)
    }
}

/// Actions of one other plugin that this one calls. Each is named: there is no word for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PeerCalls {
    /// Its id; not the plugin's own.
    pub plugin: PluginId,
    /// Its actions, by their names. At least one.
    pub actions: Vec<String>,
}
