//! An installation ready to be called: its settings, its opened credentials, and the version it runs.
//!
//! This is the warm path of every call: one look into a cache and one atomic load, no query and no lock.
//! A publish swaps the version inside; any change of the installation or its connection drops the whole.

use std::{sync::Arc, time::Instant};

use arc_swap::ArcSwapOption;
use patchbay_model::{
    Code, ConnectionId, Failure, OrgId, PluginId, Timestamp,
    installation::{Installation, SealedConnection},
};
use patchbay_package::capabilities;
use patchbay_runtime::{NamedHosts, Plugin, Tenant, TenantInit};
use patchbay_storage::OrgKey;
use patchbay_vault::Credentials;

use crate::{
    hub::Inner,
    installations::gated,
    oauth::{Live, OauthSettings},
    offline::{self, Found},
    registry::resolve::{HeldBack, Resolution, is_about_the_settings},
};

/// What the database says of an installation and its connection, with the credentials as they are there: sealed, beside the
/// wrapped key that opens them.
pub(crate) struct Stored {
    pub(crate) installation: Installation,
    pub(crate) connection: Option<(SealedConnection, OrgKey)>,
    pub(crate) oauth: OauthSettings,
    /// As in [`Settings`].
    pub(crate) withheld: bool,
}

/// What an org has decided about a plugin.
pub(crate) struct Settings {
    pub(crate) installation: Installation,
    /// Another one after each change of the credentials.
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) credentials: Option<Arc<Credentials>>,
    pub(crate) account: Option<String>,
    pub(crate) oauth: OauthSettings,
    /// The plan has no longer what a part of the settings needs, of which the plugin is not told.
    pub(crate) withheld: bool,
}

/// Tells the credentials that a version was asked with from later ones: the connection, which is another one after each
/// change, and when OAuth gave it tokens. Renewed tokens are those of the same account, with the same rights.
pub(crate) type CredentialsOf = (Option<ConnectionId>, Option<Timestamp>);

impl Settings {
    /// Whose credentials these are.
    pub(crate) fn credentials_of(&self) -> CredentialsOf {
        (self.connection, self.oauth.tokens.as_ref().map(|tokens| tokens.authorized_at))
    }
}

/// The version that an installation runs.
pub(crate) struct Serving {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) tenant: Arc<Tenant>,
    /// What keeps the tokens in it good, if there are any.
    pub(crate) live: Option<Live>,
}

/// An installation, ready to be called.
pub(crate) struct Installed {
    pub(crate) settings: Settings,
    serving: ArcSwapOption<Serving>,
    held_back: ArcSwapOption<HeldBack>,
}

impl Installed {
    pub(crate) fn serving(&self) -> Option<Arc<Serving>> {
        self.serving.load_full()
    }

    pub(crate) fn held_back(&self) -> Option<HeldBack> {
        self.held_back.load().as_deref().cloned()
    }

    /// Why no version serves, given whether any is loaded: a `conflict` where the organization's own
    /// settings are the reason, for waiting would not help.
    fn nothing_serves(&self, any_is_loaded: bool) -> Failure {
        match &*self.held_back.load() {
            Some(held) => {
                let version = &held.version;
                if held.code == Code::ApprovalNeeded {
                    return Failure::new(held.code, format!("version {version}: {}", held.detail));
                }
                let code = if is_about_the_settings(held.code) { Code::Conflict } else { Code::Unavailable };
                let detail = format!(
                    "version {version} of the plugin does not take the installation's settings ({})",
                    held.code.as_str()
                );
                Failure::new(code, detail)
            }
            None if any_is_loaded => Failure::new(
                Code::Conflict,
                "no loaded version of the plugin fits the installation's version policy: change `policy`",
            ),
            None => Failure::new(Code::Unavailable, "no version of the plugin is loaded"),
        }
    }
}

impl Inner {
    /// The installation, switched on or off; none if the plugin is not installed.
    pub(crate) async fn installed(&self, org: OrgId, plugin: &PluginId) -> Result<Option<Arc<Installed>>, Failure> {
        let key = (org, plugin.clone());
        let load = || async {
            let now = Instant::now();
            let asking = async { Ok::<_, Failure>(self.load_stored(org, plugin).await?.map(Arc::new)) };
            let (stored, is_told) = match offline::or_known(self.offline.known.get(&key, now), asking).await? {
                Found::Told(stored) => (stored, true),
                Found::Known(known) => {
                    tracing::warn!(org.id = %org, plugin.id = %plugin, "an installation is used as it was: the database is away");
                    (Some(known), false)
                }
            };
            let Some(stored) = stored else {
                self.offline.known.forget(&key);
                return Ok(None);
            };
            let settings = self.open_settings(&stored)?;
            let resolution = self.resolve(&settings).await?;
            let installed = Installed { settings, serving: ArcSwapOption::empty(), held_back: ArcSwapOption::empty() };
            self.serve(&installed, resolution);
            if is_told
                && let Some(serving) = installed.serving()
                && installed.settings.installation.enabled
                && offline::is_for(serving.plugin.manifest())
            {
                self.offline.known.note(&key, stored, now);
                self.load_documents(&key, serving.plugin.manifest()).await;
            }
            Ok(Some(installed))
        };
        self.tenants.get(&key, load).await
    }

    /// What a call runs, with tokens that its requests may carry. `not_installed` if the plugin is not switched on,
    /// `conflict` if no version fits its settings or policy, `unavailable` if none can serve otherwise or the hub is
    /// stopping, `reauthorization_needed` and what a vendor fails with if the tokens have ended and there are no
    /// others.
    pub(crate) async fn callable(&self, org: OrgId, plugin: &PluginId) -> Result<Arc<Serving>, Failure> {
        self.running()?;
        let serving = self.serving(org, plugin).await?;
        self.with_fresh_tokens(org, plugin, serving).await
    }

    pub(crate) async fn serving(&self, org: OrgId, plugin: &PluginId) -> Result<Arc<Serving>, Failure> {
        let installed = self.installed(org, plugin).await?;
        let Some(installed) = installed.filter(|installed| installed.settings.installation.enabled) else {
            return Err(Failure::new(
                Code::NotInstalled,
                format!("the plugin `{plugin}` is not switched on for this organization"),
            ));
        };
        installed.serving().ok_or_else(|| installed.nothing_serves(self.registry.catalogue().best(plugin).is_some()))
    }

    /// What the database says about the installation and its connection.
    pub(crate) async fn load_settings(&self, org: OrgId, plugin: &PluginId) -> Result<Option<Settings>, Failure> {
        let stored = self.load_stored(org, plugin).await?;
        stored.map(|stored| self.open_settings(&stored)).transpose()
    }

    /// The same, with the credentials sealed.
    async fn load_stored(&self, org: OrgId, plugin: &PluginId) -> Result<Option<Stored>, Failure> {
        let mut tx = self.database.read().await?;
        let Some(installation) = tx.org(org).installations().get(plugin).await? else { return Ok(None) };
        let mut connection = None;
        if let Some(sealed) = tx.org(org).connections().get(plugin).await? {
            let key = self.vault.key_of_connection(&mut tx.org(org), &sealed).await?;
            connection = Some((sealed, key));
        }
        let oauth = OauthSettings::load(self, &mut tx, org, plugin).await?;
        drop(tx);
        let withheld = self.withholds(org, &installation.config).await?;
        Ok(Some(Stored { installation, connection, oauth, withheld }))
    }

    fn open_settings(&self, stored: &Stored) -> Result<Settings, Failure> {
        let Stored { installation, connection, oauth, withheld } = stored;
        let open = |(sealed, key): &(SealedConnection, OrgKey)| {
            let credentials = self.vault.open_connection_with(installation.org, sealed, key)?;
            Ok::<_, Failure>((sealed.id, Arc::new(credentials), sealed.account.clone()))
        };
        let (connection, credentials, account) = match connection.as_ref().map(open).transpose()? {
            Some((id, credentials, account)) => (Some(id), Some(credentials), account),
            None => (None, None, None),
        };
        let (installation, oauth, withheld) = (installation.clone(), oauth.clone(), *withheld);
        Ok(Settings { installation, connection, credentials, account, oauth, withheld })
    }

    /// Puts what was chosen in place, for calls that begin from now on.
    pub(crate) fn serve(&self, installed: &Installed, resolution: Resolution) {
        let Resolution { plugin, held_back } = resolution;
        installed.held_back.store(held_back.map(Arc::new));
        let runs = installed.serving.load();
        let same = match (&*runs, &plugin) {
            (Some(runs), Some(plugin)) => Arc::ptr_eq(&runs.plugin, plugin),
            (None, None) => true,
            _ => false,
        };
        if !same {
            let settings = &installed.settings;
            let serving = plugin.map(|plugin| {
                let (tenant, live) = (self.tenant(&plugin, settings), self.live(plugin.manifest(), settings));
                Arc::new(Serving { plugin, tenant, live })
            });
            installed.serving.store(serving);
        }
    }

    /// The installation as the runtime takes it.
    pub(crate) fn tenant(&self, plugin: &Plugin, settings: &Settings) -> Arc<Tenant> {
        let Settings { installation, credentials, account, oauth, withheld, .. } = settings;
        let init = TenantInit {
            org: installation.org,
            installation: installation.id,
            config: gated::told(&installation.config, *withheld).to_string(),
            credentials: oauth.fill(plugin.manifest(), credentials.clone()),
            connection: settings.credentials_of(),
            account: account.clone().or_else(|| oauth.account()),
            webhook_url: self.config.webhook_url(&installation.hook_token),
            named_hosts: named_hosts(plugin, installation),
        };
        self.runtime.tenant(&installation.plugin, plugin.limits().concurrency, init)
    }
}

/// The hosts that the settings name, as far as an admin approved them: settings may be older than what a new version of
/// the plugin reads in them.
fn named_hosts(plugin: &Plugin, installation: &Installation) -> Option<NamedHosts> {
    let approved = |host: &str| {
        let grants = installation.approved.as_ref();
        grants.is_some_and(|grants| grants.contains(&capabilities::names_host(host)))
    };
    let named = plugin.manifest().named_hosts.iter();
    let named = named.filter_map(|named| named.resolve(&installation.config).ok().flatten());
    let destinations: Vec<_> = named.filter(|destination| approved(&destination.host)).collect();
    plugin.naming(&destinations).unwrap_or_else(|error| {
        tracing::error!(%error, plugin = %installation.plugin, "hosts that settings name are not reached");
        None
    })
}
