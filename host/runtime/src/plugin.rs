//! A loaded plugin version: native code, compiled schemas, and what its manifest grants it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
    time::Duration,
};

use patchbay_egress::{Rules, RulesError};
use patchbay_model::{
    Code, Digest, Failure, PluginId,
    job::NewJob,
    object::{Access, StandardObject},
    plan::Counts,
    rate::Rate,
    run::RunKind,
};
use patchbay_package::{
    Package, SchemaValidator,
    manifest::{Credential, Egress, Job, Manifest, Route, Schema},
    pattern::PathPattern,
};
use semver::Version;
use wasmtime::{Engine, component::InstancePre};

use crate::{
    Shared, call::CallState, capabilities::jobs::JobGrant, compile::CompileError, connector::ConnectorPre,
    limits::CallLimits, tenant::NamedHosts,
};

/// Why a package was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A part of the manifest does not hold what it promises.
    #[error("manifest: {0}")]
    Manifest(String),
    /// The code does not compile, or not within the limits.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It imports what the host does not offer, or lacks an export.
    #[error("{0}")]
    Unlinkable(String),
    /// It does not start, or does not answer.
    #[error("probe: {0}")]
    Probe(Failure),
}

impl LoadError {
    /// The code of the failure that an uploader sees.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Manifest(_) => Code::PackageManifestInvalid,
            Self::Compile(CompileError::Refused(_) | CompileError::Limit(_)) => Code::PackageCompileFailed,
            Self::Compile(CompileError::Host(_)) => Code::Internal,
            Self::Unlinkable(_) => Code::PackageUnlinkable,
            // the hub had no room to try it: that says nothing about the package
            Self::Probe(Failure { code: Code::Overloaded, .. }) => Code::Overloaded,
            Self::Probe(_) => Code::PackageProbeFailed,
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error.code() {
            Code::Internal => Self::internal(error),
            code => Self::new(code, error.to_string()),
        }
    }
}

/// What is wrong with a manifest whose component cannot do what it says.
const NO_SYNCS: &str = "the manifest has [[syncs]], and the component does not export patchbay:connector/syncs@1.1.0: build it with a \
                        current SDK, or for the contract of 1.1.0";

/// Compiled schemas of one action.
#[derive(Debug)]
pub struct ActionSchemas {
    /// What it takes.
    pub input: SchemaValidator,
    /// What it gives.
    pub output: SchemaValidator,
    /// Its own limit, below the plugin's.
    pub timeout: Option<Duration>,
    /// How often an org may call it.
    pub rate: Option<Rate>,
}

/// How a request fits the proxied routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteMatch<'a> {
    /// This route takes it.
    Matched(&'a Route),
    /// The path is proxied, with other methods.
    MethodNotAllowed,
    /// No route has this path.
    None,
}

/// A plugin's own collection.
#[derive(Debug)]
pub(crate) struct CollectionGrant {
    pub(crate) schema: SchemaValidator,
    pub(crate) indexes: BTreeMap<String, String>,
    /// Its documents are in the hub's memory as well.
    pub(crate) keep_in_memory: bool,
}

/// A standard object that the plugin may reach.
#[derive(Debug)]
pub(crate) struct ObjectGrant {
    pub(crate) access: Access,
    pub(crate) schema: SchemaValidator,
}

/// What the manifest grants to each call.
#[derive(Debug)]
pub(crate) struct Grants {
    pub(crate) plugin: PluginId,
    pub(crate) rules: Rules,
    /// Those of the egress list, as they are written.
    pub(crate) hosts: Vec<String>,
    pub(crate) credentials: HashMap<String, Credential>,
    /// With what each counts as.
    pub(crate) meters: BTreeMap<String, Option<Counts>>,
    pub(crate) collections: HashMap<String, CollectionGrant>,
    pub(crate) jobs: BTreeMap<String, JobGrant>,
    /// Tells what organizations are entitled to.
    pub(crate) entitlements: bool,
    /// Actions of other plugins, by plugin.
    pub(crate) calls: BTreeMap<PluginId, BTreeSet<String>>,
    /// Standard objects, with what they may hold.
    pub(crate) objects: BTreeMap<StandardObject, ObjectGrant>,
    /// Standard objects that it keeps in step with the vendor.
    pub(crate) syncs: BTreeSet<StandardObject>,
    emits: Vec<(String, Option<SchemaValidator>)>,
}

impl Grants {
    /// Whether the manifest emits this type, and the schema of its data if it has one.
    pub(crate) fn emitted(&self, kind: &str) -> Option<Option<&SchemaValidator>> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(prefix) => kind.len() > prefix.len() && kind.starts_with(prefix),
            None => kind == pattern,
        };
        // the exact name wins over a pattern
        let exact = self.emits.iter().find(|(pattern, _)| pattern == kind);
        exact.or_else(|| self.emits.iter().find(|(pattern, _)| fits(pattern))).map(|(_, schema)| schema.as_ref())
    }
}

/// A loaded plugin version. Calls hold it while they run; it is freed with the last of them.
pub struct Plugin {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pre: ConnectorPre,
    pub(crate) grants: Arc<Grants>,
    pub(crate) limits: CallLimits,
    package: Arc<Package>,
    config: Option<SchemaValidator>,
    actions: BTreeMap<String, ActionSchemas>,
    routes: Vec<(PathPattern, Route)>,
}

impl Plugin {
    /// Compiles what the manifest holds and links the component, without running any of it.
    pub(crate) fn link(
        shared: Arc<Shared>,
        package: Arc<Package>,
        pre: InstancePre<CallState>,
    ) -> Result<Self, LoadError> {
        let pre = ConnectorPre::new(pre).map_err(|error| LoadError::Unlinkable(format!("{error:#}")))?;
        let manifest = &package.manifest;
        if !manifest.syncs.is_empty() && !pre.has_syncs() {
            return Err(LoadError::Unlinkable(NO_SYNCS.to_owned()));
        }
        let mut actions = BTreeMap::new();
        for action in &manifest.actions {
            let schemas = ActionSchemas {
                input: compile(&action.input, || format!("input of the action {:?}", action.name))?,
                output: compile(&action.output, || format!("output of the action {:?}", action.name))?,
                timeout: action.timeout_ms.map(|ms| Duration::from_millis(ms.into())),
                rate: action.rate,
            };
            actions.insert(action.name.clone(), schemas);
        }
        let mut routes = Vec::new();
        for route in manifest.proxy.iter().flat_map(|proxy| &proxy.routes) {
            let pattern = PathPattern::parse(&route.path)
                .map_err(|error| LoadError::Manifest(format!("proxy route {:?}: {error}", route.path)))?;
            routes.push((pattern, route.clone()));
        }
        let config =
            manifest.config.as_ref().map(|config| compile(&config.schema, || "config".to_owned())).transpose()?;
        let limits = shared.config.defaults.granted(&manifest.limits, &shared.config.ceilings);
        let grants = Arc::new(grants(manifest)?);
        Ok(Self { shared, pre, grants, limits, config, actions, routes, package })
    }

    /// The package that it was loaded from.
    #[must_use]
    pub const fn package(&self) -> &Arc<Package> {
        &self.package
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.package.manifest
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.package.manifest.version
    }

    /// Its address.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.package.digest
    }

    /// What each of its calls may use.
    #[must_use]
    pub const fn limits(&self) -> &CallLimits {
        &self.limits
    }

    /// What it may reach for an org whose settings name these destinations; none if they name none.
    ///
    /// # Errors
    /// If one of them is not a destination that a manifest could list.
    pub fn naming(&self, destinations: &[Egress]) -> Result<Option<NamedHosts>, RulesError> {
        if destinations.is_empty() {
            return Ok(None);
        }
        let hosts = destinations.iter().map(|destination| destination.host.clone()).collect();
        Ok(Some(NamedHosts { hosts, rules: self.grants.rules.with_named(destinations)? }))
    }

    /// What settings are valid; none if it takes none.
    #[must_use]
    pub const fn config_schema(&self) -> Option<&SchemaValidator> {
        self.config.as_ref()
    }

    /// The schemas of an action; none if there is no such action.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&ActionSchemas> {
        self.actions.get(name)
    }

    /// A job of one of its kinds as the manifest wants it, its tries and limits filled in; none if it has no such kind.
    #[must_use]
    pub fn job(&self, job: NewJob) -> Option<NewJob> {
        self.grants.jobs.get(&job.name).map(|grant| grant.apply(job))
    }

    /// Finds the proxied route of a request.
    #[must_use]
    pub fn route(&self, method: &str, path: &str) -> RouteMatch<'_> {
        let mut outcome = RouteMatch::None;
        for (pattern, route) in &self.routes {
            if pattern.matches(path) {
                if route.method == method {
                    return RouteMatch::Matched(route);
                }
                outcome = RouteMatch::MethodNotAllowed;
            }
        }
        outcome
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.pre.engine()
    }

    /// How long a call of this kind may take, with its own wish.
    pub(crate) fn timeout(&self, kind: RunKind, wish: Option<Duration>) -> Duration {
        let ceiling = self.shared.config.ceilings.timeout;
        match (kind, wish) {
            // a route's own limit replaces the plugin's, and a kind of job's: streams and background work outlast actions
            (RunKind::Proxy | RunKind::Job, Some(wish)) => wish.min(ceiling),
            (_, Some(wish)) => wish.min(self.limits.timeout),
            (_, None) => self.limits.timeout,
        }
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} ({})", self.grants.plugin, self.version(), self.digest())
    }
}

fn compile(schema: &Schema, name: impl Fn() -> String) -> Result<SchemaValidator, LoadError> {
    match schema {
        Schema::Inline(schema) => SchemaValidator::compile(schema)
            .map_err(|error| LoadError::Manifest(format!("schema of {}: {error}", name()))),
        Schema::File(path) => {
            Err(LoadError::Manifest(format!("schema of {} is the path {path:?}, not a schema", name())))
        }
    }
}

fn grant_of(job: &Job) -> JobGrant {
    JobGrant { attempts: job.attempts, timeout_ms: job.timeout_ms, concurrency: job.concurrency }
}

fn grants(manifest: &Manifest) -> Result<Grants, LoadError> {
    let mut collections = HashMap::new();
    for collection in &manifest.collections {
        let schema = compile(&collection.schema, || format!("the collection {:?}", collection.name))?;
        let (indexes, keep_in_memory) = (collection.indexes.clone(), collection.keep_in_memory);
        collections.insert(collection.name.clone(), CollectionGrant { schema, indexes, keep_in_memory });
    }
    let mut emits = Vec::new();
    for event in &manifest.events.emits {
        let schema = event.schema.as_ref().map(|schema| compile(schema, || format!("the event {:?}", event.kind)));
        emits.push((event.kind.clone(), schema.transpose()?));
    }
    Ok(Grants {
        plugin: manifest.id.clone(),
        rules: Rules::compile(manifest).map_err(|error| LoadError::Manifest(error.to_string()))?,
        hosts: manifest.egress.iter().map(|egress| egress.host.clone()).collect(),
        credentials: manifest
            .credentials
            .iter()
            .map(|credential| (credential.name.clone(), credential.clone()))
            .collect(),
        meters: manifest.meters.iter().map(|meter| (meter.name.clone(), meter.counts())).collect(),
        collections,
        jobs: manifest.jobs.iter().map(|job| (job.kind.clone(), grant_of(job))).collect(),
        entitlements: manifest.entitlements,
        calls: manifest
            .calls
            .iter()
            .map(|calls| (calls.plugin.clone(), calls.actions.iter().cloned().collect()))
            .collect(),
        objects: objects(manifest)?,
        syncs: manifest.syncs.iter().map(|sync| sync.object).collect(),
        emits,
    })
}

fn objects(manifest: &Manifest) -> Result<BTreeMap<StandardObject, ObjectGrant>, LoadError> {
    let grant = |(object, access): (&StandardObject, &Access)| {
        let schema = patchbay_package::objects::validator(*object).cloned();
        let schema = schema.ok_or_else(|| LoadError::Manifest(format!("the object {object} has no schema")))?;
        Ok((*object, ObjectGrant { access: *access, schema }))
    };
    manifest.objects.iter().map(grant).collect()
}
