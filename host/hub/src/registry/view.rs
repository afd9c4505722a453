//! Plugins as the API shows them.

use std::path::Path;

use bytes::Bytes;
use patchbay_model::{Digest, Failure, Permission, PluginId, Timestamp, Violation};
use patchbay_package::{
    Manifest, capabilities,
    manifest::{Credential, Schema},
};
use serde::Serialize;
use serde_json::Value;

use super::{Catalogue, Loaded, Source, publish::Origin};
use crate::{auth::Caller, hub::Hub, request::carried};

/// How a plugin is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginStatus {
    /// What was published last serves.
    Active,
    /// What was published last failed; versions that were there before still serve.
    Broken,
}

/// Why a package was not put in place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// A [`patchbay_model::Code`] as text.
    pub code: &'static str,
    /// What happened and how to fix it.
    pub detail: String,
    /// What is wrong, place by place.
    pub violations: Vec<Violation>,
    /// The file's name, or `upload`.
    pub source: String,
    /// When.
    pub at: Timestamp,
}

impl Problem {
    pub(super) fn new(source: &Source, failure: &Failure, at: Timestamp) -> Self {
        let file_name =
            |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self {
            code: failure.code.as_str(),
            detail: if failure.detail.is_empty() { failure.code.title().to_owned() } else { failure.detail.clone() },
            violations: failure.violations.clone(),
            source: match source {
                Source::File(path) => file_name(path),
                Source::Upload(_) | Source::Stored(_) => "upload".to_owned(),
            },
            at,
        }
    }
}

/// A loaded version of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VersionView {
    /// Semver.
    pub version: String,
    /// Its address.
    pub digest: Digest,
    /// The version of the contract that it was built for.
    pub api: String,
    /// The id of the key that signed it.
    pub publisher: Option<String>,
    /// `folder`, `upload`, or `kept` for installations that are pinned to it or could not leave it.
    pub source: &'static str,
    /// When.
    pub loaded_at: Timestamp,
    /// What it may do, line by line: where it goes and which secret goes along, first of all.
    pub capabilities: Vec<String>,
}

/// A secret that a plugin's connection holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CredentialDoc {
    /// What it is called when a connection is made.
    pub name: String,
    /// For the form in which it is entered.
    pub title: Option<String>,
    /// Where to find it at the vendor.
    pub description: Option<String>,
    /// The connection is not complete without it.
    pub required: bool,
}

/// A plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PluginView {
    /// Its id.
    pub id: PluginId,
    /// For people.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Where to read more.
    pub homepage: Option<String>,
    /// How it is doing.
    pub status: PluginStatus,
    /// The latest problem that is not solved.
    pub problem: Option<Problem>,
    /// What is loaded, best first.
    pub versions: Vec<VersionView>,
    /// What settings the best version takes; none if it takes none.
    pub config_schema: Option<Value>,
    /// The secrets of the best version's connection.
    pub credentials: Vec<CredentialDoc>,
    /// Names of the best version's actions.
    pub actions: Vec<String>,
}

impl Hub {
    /// Every plugin that is loaded or failed to be, by id. Needs the permission `read_settings`.
    pub async fn plugins(&self, caller: &Caller) -> Result<Vec<PluginView>, Failure> {
        caller.require(Permission::ReadSettings)?;
        let catalogue = self.0.registry.catalogue();
        let mut plugins: Vec<_> = catalogue.versions.keys().collect();
        plugins.extend(catalogue.problems.values().map(|(plugin, _)| plugin));
        plugins.sort();
        plugins.dedup();
        Ok(plugins.into_iter().map(|plugin| view(&catalogue, plugin)).collect())
    }

    /// Puts a package in place for the whole hub. Needs the permission `operate_hub`. The same package again is
    /// fine; `package_version_taken` for other contents of a version that exists.
    pub async fn upload(&self, caller: &Caller, bytes: Bytes) -> Result<PluginView, Failure> {
        caller.require(Permission::OperateHub)?;
        self.0.running()?;
        let (hub, caller) = (self.clone(), *caller);
        // a client that leaves must not leave half a publish
        let published = self.0.work.spawn(carried(async move {
            let inner = &*hub.0;
            let plugin = inner.publish(bytes, &Origin::Upload { org: caller.org, by: caller.actor }).await?;
            Ok(view(&inner.registry.catalogue(), &plugin.manifest().id))
        }));
        published.await.map_err(Failure::internal)?
    }
}

fn view(catalogue: &Catalogue, plugin: &PluginId) -> PluginView {
    let problems = catalogue.problems.values().filter(|(of, _)| of == plugin).map(|(_, problem)| problem);
    let problem = problems.max_by_key(|problem| problem.at).cloned();
    let best = catalogue.best(plugin).map(|best| best.manifest());
    let schema = best.and_then(|manifest| manifest.config.as_ref()).map(|config| &config.schema);
    PluginView {
        id: plugin.clone(),
        name: best.map_or_else(|| plugin.to_string(), |manifest| manifest.name.clone()),
        description: best.map(|manifest| manifest.description.clone()).unwrap_or_default(),
        homepage: best.and_then(|manifest| manifest.homepage.clone()),
        status: if problem.is_some() { PluginStatus::Broken } else { PluginStatus::Active },
        problem,
        versions: catalogue.versions(plugin).iter().map(version_view).collect(),
        config_schema: schema.and_then(inline).cloned(),
        credentials: best.map(credential_docs).unwrap_or_default(),
        actions: best.into_iter().flat_map(|manifest| &manifest.actions).map(|action| action.name.clone()).collect(),
    }
}

/// The schema itself; a package holds no paths.
pub(crate) const fn inline(schema: &Schema) -> Option<&Value> {
    match schema {
        Schema::Inline(schema) => Some(schema),
        Schema::File(_) => None,
    }
}

fn version_view(loaded: &Loaded) -> VersionView {
    let package = loaded.plugin.package();
    VersionView {
        version: package.manifest.version.to_string(),
        digest: package.digest,
        api: package.manifest.api.to_string(),
        publisher: package.publisher.clone(),
        source: match loaded {
            Loaded { paths, .. } if !paths.is_empty() => "folder",
            Loaded { uploaded: true, .. } => "upload",
            _ => "kept",
        },
        loaded_at: loaded.loaded_at,
        capabilities: capabilities::in_words(&package.manifest),
    }
}

/// The secrets of a plugin's connection.
pub(crate) fn credential_docs(manifest: &Manifest) -> Vec<CredentialDoc> {
    let doc = |credential: &Credential| CredentialDoc {
        name: credential.name.clone(),
        title: credential.title.clone(),
        description: credential.description.clone(),
        required: credential.required,
    };
    manifest.credentials.iter().map(doc).collect()
}
