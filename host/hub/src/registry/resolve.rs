//! Which version an installation runs: the best that its policy allows and that takes its settings.
//!
//! A version is asked about an installation's settings once (its schema, then its own `validate-config`),
//! and the verdict is remembered until the settings or the connection change. A version that could not say
//! (it ran out of time, its vendor was not there) is passed over and asked again when the installation is
//! read anew, within a minute. An installation that the best version refuses stays on the next one and says
//! why; it is never moved to settings that nobody checked, nor to a version that may do more than its admin
//! has approved.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use patchbay_model::{
    Code, Digest, Failure, InstallationId, RunId, Timestamp, Violation,
    installation::{Installation, VersionPolicy},
};
use patchbay_package::capabilities;
use patchbay_runtime::{Invocation, Plugin, Reach, Tenant};
use serde::Serialize;
use serde_json::Value;

use super::Loaded;
use crate::{
    hub::{Inner, lock},
    tenant::{CredentialsOf, Settings},
};

/// Why an installation does not run the best version that its policy allows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldBack {
    /// The version that it does not run.
    pub version: String,
    /// That version's package.
    pub digest: Digest,
    /// `config_rejected`, `approval_needed`, or how the version failed when it was asked.
    pub code: Code,
    /// What happened.
    pub detail: String,
    /// What is wrong with the settings; pointers into `config`.
    pub violations: Vec<Violation>,
    /// What it may do that nobody has approved; none unless the code is `approval_needed`.
    pub new_capabilities: Vec<String>,
}

impl HeldBack {
    fn new(plugin: &Plugin, refusal: Failure, new_capabilities: Vec<String>) -> Self {
        Self {
            version: plugin.version().to_string(),
            digest: plugin.digest(),
            code: refusal.code,
            detail: refusal.detail,
            violations: refusal.violations,
            new_capabilities,
        }
    }
}

/// What an installation runs.
pub(crate) struct Resolution {
    pub(crate) plugin: Option<Arc<Plugin>>,
    pub(crate) held_back: Option<HeldBack>,
}

/// What a version was asked about: the settings, by when they were put, and the credentials. A verdict may be written
/// down after the settings were put anew and what was known of them was forgotten; it is not one about those.
type AskedAbout = (Timestamp, CredentialsOf);

/// What a version said, and about what; no failure for "fine".
type Verdict = (AskedAbout, Option<Failure>);

/// What versions said about the settings of installations.
#[derive(Default)]
pub(crate) struct Verdicts(Mutex<HashMap<(InstallationId, Digest), Verdict>>);

impl Verdicts {
    /// What this version said about just this.
    fn known(&self, installation: InstallationId, by: Digest, about: &AskedAbout) -> Option<Option<Failure>> {
        let verdicts = lock(&self.0);
        let (asked, verdict) = verdicts.get(&(installation, by))?;
        (asked == about).then(|| verdict.clone())
    }

    fn note(&self, installation: InstallationId, by: Digest, verdict: Verdict) {
        lock(&self.0).insert((installation, by), verdict);
    }

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
            let new = if tracks { beyond_approval(&plugin, installation) } else { Vec::new() };
            if !new.is_empty() {
                held_back.get_or_insert_with(|| HeldBack::new(&plugin, approval_needed(plugin.digest()), new));
                continue;
            }
            match self.verdict(&plugin, settings).await? {
                None => return Ok(Resolution { plugin: Some(plugin), held_back }),
                Some(refusal) => {
                    held_back.get_or_insert_with(|| HeldBack::new(&plugin, refusal, Vec::new()));
                }
            }
        }
        Ok(Resolution { plugin: None, held_back })
    }

    pub(crate) async fn verdict(&self, plugin: &Arc<Plugin>, settings: &Settings) -> Result<Option<Failure>, Failure> {
        let (installation, by) = (settings.installation.id, plugin.digest());
        let about = (settings.installation.updated_at, settings.credentials_of());
        if let Some(known) = self.registry.verdicts.known(installation, by, &about) {
            return Ok(known);
        }
        let tenant = self.tenant(plugin, settings);
        let verdict = match self.check_config(plugin, tenant, &settings.installation.config).await {
            Ok(()) => None,
            Err(failure) if is_about_us(failure.code) => return Err(failure),
            Err(failure) if is_about_the_settings(failure.code) => Some(failure),
            Err(failure) => return Ok(Some(failure)),
        };
        self.registry.verdicts.note(installation, by, (about, verdict.clone()));
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
        let call = Invocation {
            tenant,
            run,
            timeout: None,
            spending: None,
            entitlements: None,
            peers: None,
            once: None,
            reach: Reach::Full,
        };
        let violations = plugin.validate_config(call, &config.to_string()).await.result?;
        if violations.is_empty() {
            return Ok(());
        }
        Err(Failure { violations, ..Failure::new(Code::ConfigRejected, "") })
    }
}

/// What the version may do that the installation's admin has not approved.
pub(crate) fn beyond_approval(plugin: &Plugin, installation: &Installation) -> Vec<String> {
    let approved = installation.approved.as_ref();
    approved.map_or_else(Vec::new, |approved| capabilities::beyond(plugin.manifest(), approved))
}

pub(crate) fn approval_needed(digest: Digest) -> Failure {
    let detail = format!(
        "the version may do more than was approved: to approve it, put the installation with `accept` {digest}"
    );
    Failure::new(Code::ApprovalNeeded, detail)
}

/// True for failures of the hub, which say nothing about the version.
const fn is_about_us(code: Code) -> bool {
    matches!(code, Code::ConcurrencyLimited | Code::Overloaded | Code::Unavailable | Code::Internal)
}

/// True for refusals: asking again with the same settings would end the same way.
pub(crate) const fn is_about_the_settings(code: Code) -> bool {
    matches!(code, Code::InvalidInput | Code::ConfigRejected)
}

#[cfg(test)]
mod tests {
    use patchbay_model::{ConnectionId, SeededRandom, SystemClock};

    use super::*;

    #[test]
    fn a_verdict_on_settings_of_before_is_none_on_those_of_now() {
        let (random, by) = (SeededRandom::new(1), Digest([1; 32]));
        let id = InstallationId::new(&SystemClock, &random);
        let at = |seconds: i64| chrono::DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let verdicts = Verdicts::default();
        // the settings are put anew while the version is being asked about those of before
        verdicts.forget_installation(id);
        let refusal = Failure::new(Code::ConfigRejected, "");
        verdicts.note(id, by, ((at(0), (None, None)), Some(refusal.clone())));
        assert_eq!(verdicts.known(id, by, &(at(0), (None, None))), Some(Some(refusal)));
        assert_eq!(verdicts.known(id, by, &(at(1), (None, None))), None);
        let connection = ConnectionId::new(&SystemClock, &random);
        assert_eq!(verdicts.known(id, by, &(at(0), (Some(connection), None))), None);
    }
}
