//! Which version an installation runs: the best that its policy allows and that takes its settings.
//!
//! A version is asked about an installation's settings once (its schema, then its own `validate-config`),
//! and the verdict is remembered until the settings change. An installation that the best version
//! refuses stays on the next one and says why; it is never moved to settings that nobody checked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use patchbay_model::{Code, Digest, Failure, InstallationId, RunId, Violation, installation::VersionPolicy};
use patchbay_runtime::{Invocation, Plugin, Tenant};
use serde::Serialize;
use serde_json::Value;

use super::Loaded;
use crate::{
    hub::{Inner, lock},
    tenant::Settings,
};

/// Why an installation does not run the best version that its policy allows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldBack {
    /// The version that it does not run.
    pub version: String,
    /// That version's package.
    pub digest: Digest,
    /// A [`Code`] as text: `config_rejected`, or how the version failed when it was asked.
    pub code: &'static str,
    /// What happened.
    pub detail: String,
    /// What is wrong with the settings; pointers into `config`.
    pub violations: Vec<Violation>,
}

/// What an installation runs.
pub(crate) struct Resolution {
    pub(crate) plugin: Option<Arc<Plugin>>,
    pub(crate) held_back: Option<HeldBack>,
}

/// What versions said about the settings of installations; `None` for "fine".
#[derive(Default)]
pub(crate) struct Verdicts(Mutex<HashMap<(InstallationId, Digest), Option<Failure>>>);

impl Verdicts {
    pub(crate) fn forget_installation(&self, installation: InstallationId) {
        lock(&self.0).retain(|(of, _), _| *of != installation);
    }

    pub(crate) fn forget_all(&self) {
        lock(&self.0).clear();
    }

    pub(crate) fn forget_version(&self, digest: Digest) {
        lock(&self.0).retain(|(_, by), _| *by != digest);
    }
}

impl Inner {
    /// Chooses the version for these settings. Fails only if the hub has no room to ask a version now.
    pub(crate) async fn resolve(&self, settings: &Settings) -> Result<Resolution, Failure> {
        let installation = &settings.installation;
        // not across an await: the catalogue holds versions that may be let go meanwhile
        let allowed: Vec<Loaded> =
            self.registry.catalogue().allowed(&installation.plugin, &installation.policy).cloned().collect();
        let mut held_back = None;
        for loaded in allowed {
            let tracks = matches!(installation.policy, VersionPolicy::Track(_));
            if tracks && !loaded.offered() && held_back.is_none() {
                // a kept version is for those that could not leave it, not for newcomers
                continue;
            }
            let plugin = loaded.plugin;
            match self.verdict(&plugin, settings).await? {
                None => return Ok(Resolution { plugin: Some(plugin), held_back }),
                Some(refusal) => {
                    held_back.get_or_insert_with(|| HeldBack {
                        version: plugin.version().to_string(),
                        digest: plugin.digest(),
                        code: refusal.code.as_str(),
                        detail: refusal.detail,
                        violations: refusal.violations,
                    });
                }
            }
        }
        Ok(Resolution { plugin: None, held_back })
    }

    async fn verdict(&self, plugin: &Arc<Plugin>, settings: &Settings) -> Result<Option<Failure>, Failure> {
        let key = (settings.installation.id, plugin.digest());
        if let Some(known) = lock(&self.registry.verdicts.0).get(&key) {
            return Ok(known.clone());
        }
        let tenant = self.tenant(plugin, settings);
        let verdict = match self.check_config(plugin, tenant, &settings.installation.config).await {
            Ok(()) => None,
            Err(failure) if is_about_the_moment(failure.code) => return Err(failure),
            Err(failure) => Some(failure),
        };
        lock(&self.registry.verdicts.0).insert(key, verdict.clone());
        Ok(verdict)
    }

    /// Asks a version whether it takes these settings: its schema first, then its own code.
    /// `invalid_input` from the schema, `config_rejected` from the code; pointers into the config.
    pub(crate) async fn check_config(
        &self,
        plugin: &Plugin,
        tenant: Arc<Tenant>,
        config: &Value,
    ) -> Result<(), Failure> {
        match plugin.config_schema() {
            Some(schema) => schema.validate(config).map_err(Failure::invalid)?,
            None if config.as_object().is_some_and(serde_json::Map::is_empty) => {}
            None => return Err(Failure::violation("", "an empty object: the plugin takes no settings")),
        }
        let run = RunId::new(&*self.clock, &*self.random);
        let call = Invocation { tenant, run, timeout: None };
        let violations = plugin.validate_config(call, &config.to_string()).await.result?;
        if violations.is_empty() {
            return Ok(());
        }
        Err(Failure { violations, ..Failure::new(Code::ConfigRejected, "") })
    }
}

/// True for failures that say nothing about the version: asking again may end otherwise.
const fn is_about_the_moment(code: Code) -> bool {
    matches!(code, Code::ConcurrencyLimited | Code::Overloaded | Code::Unavailable | Code::Internal)
}
