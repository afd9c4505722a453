//! Plugins that the hub knows.

use patchbay_hub::{CredentialDoc, PluginStatus, PluginView, VersionView};
use patchbay_model::{Digest, PluginId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A plugin and its versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plugin {
    /// Its id.
    #[schema(value_type = String, example = "openai")]
    id: PluginId,
    /// For people.
    name: String,
    /// What it does.
    description: String,
    /// Where to read more.
    homepage: Option<String>,
    /// `active`, or `broken` when its last package was refused; versions that it has still serve.
    status: Status,
    /// Why its last package was refused.
    problem: Option<PackageProblem>,
    /// What can be installed, best first.
    versions: Vec<Version>,
    /// JSON Schema of an installation's `config`.
    config_schema: Option<Value>,
    /// What a connection holds.
    credentials: Vec<Credential>,
    /// Names of its actions.
    actions: Vec<String>,
}

/// How a plugin is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PluginStatus)]
enum Status {
    /// Its last package was taken.
    Active,
    /// Its last package was refused.
    Broken,
}

/// Why a package was refused.
#[derive(Debug, Serialize, ToSchema)]
struct PackageProblem {
    /// As in a problem document.
    code: String,
    /// What happened and how to fix it.
    detail: String,
    /// What is wrong, place by place.
    violations: Vec<super::Violation>,
    /// The file's name, or `upload`.
    source: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// One version of a plugin.
#[derive(Debug, Serialize, ToSchema)]
struct Version {
    /// Semver.
    version: String,
    /// SHA-256 of the package, in hexadecimal.
    #[schema(value_type = String)]
    digest: Digest,
    /// The version of the contract that it was built for.
    api: String,
    /// Id of the key that signed it.
    publisher: Option<String>,
    /// `folder`, `upload`, or `kept` for one whose file is gone while it is pinned or in use.
    source: String,
    /// When this hub loaded it.
    #[schema(value_type = String, format = DateTime)]
    loaded_at: Timestamp,
    /// What it may do, line by line: where it goes, which secret goes along, what it offers and keeps.
    capabilities: Vec<String>,
}

/// A named secret that the plugin's connection holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Credential {
    /// Its name.
    name: String,
    /// For people.
    title: Option<String>,
    /// Where to find it at the vendor.
    description: Option<String>,
    /// The connection is not complete without it.
    required: bool,
}

impl From<PluginView> for Plugin {
    fn from(view: PluginView) -> Self {
        let PluginView {
            id,
            name,
            description,
            homepage,
            status,
            problem,
            versions,
            config_schema,
            credentials,
            actions,
        } = view;
        Self {
            id,
            name,
            description,
            homepage,
            status: match status {
                PluginStatus::Active => Status::Active,
                PluginStatus::Broken => Status::Broken,
            },
            problem: problem.map(PackageProblem::from),
            versions: super::all(versions),
            config_schema,
            credentials: super::all(credentials),
            actions,
        }
    }
}

impl From<patchbay_hub::Problem> for PackageProblem {
    fn from(problem: patchbay_hub::Problem) -> Self {
        let patchbay_hub::Problem { code, detail, violations, source, at } = problem;
        Self { code: code.to_owned(), detail, violations: super::all(violations), source, at }
    }
}

impl From<VersionView> for Version {
    fn from(view: VersionView) -> Self {
        let VersionView { version, digest, api, publisher, source, loaded_at, capabilities } = view;
        Self { version, digest, api, publisher, source: source.to_owned(), loaded_at, capabilities }
    }
}

impl From<CredentialDoc> for Credential {
    fn from(credential: CredentialDoc) -> Self {
        let CredentialDoc { name, title, description, required } = credential;
        Self { name, title, description, required }
    }
}
