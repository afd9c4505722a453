//! Reads ahead what is kept in memory: at the hub's start, after changes, and every quarter of an hour.
//!
//! Many changes in a moment are one read: at most one round a second.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use patchbay_model::{Failure, PluginId};
use tokio::sync::Notify;

use super::{Key, is_away, is_for};
use crate::hub::{Hub, Inner, lock};

/// How often all is read, whatever was told.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(1);
/// Installations that are listed in one query.
const PAGE: u32 = 500;

/// What is to be read anew.
#[derive(Default)]
pub(super) struct Wanted {
    asked: Mutex<Asked>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct Asked {
    all: bool,
    some: HashSet<Key>,
}

impl Wanted {
    pub(super) fn add(&self, key: Key) {
        lock(&self.asked).some.insert(key);
        self.wake.notify_one();
    }

    pub(super) fn add_all(&self) {
        lock(&self.asked).all = true;
        self.wake.notify_one();
    }

    fn take(&self) -> Asked {
        std::mem::take(&mut *lock(&self.asked))
    }
}

/// Starts to read ahead. It ends with the hub.
pub(crate) fn start(hub: &Hub) {
    hub.0.offline.wanted.add_all();
    let (weak, stop, wake) = (hub.downgrade(), hub.0.stop.clone(), Arc::clone(&hub.0.offline.wanted.wake));
    tokio::spawn(async move {
        loop {
            let woken = stop.run_until_cancelled(tokio::time::timeout(EVERY, wake.notified())).await;
            let (Some(woken), Some(hub)) = (woken, weak.upgrade().map(Hub)) else { return };
            let Asked { all, some } = hub.0.offline.wanted.take();
            if all || woken.is_err() {
                if let Err(failure) = hub.read_ahead().await {
                    if is_away(&failure) {
                        hub.0.offline.wanted.add_all();
                    }
                    tracing::warn!(error = %failure, "what is kept in memory for when the database is away was not read");
                }
            } else {
                for key in &some {
                    hub.0.read_again(key).await;
                }
            }
            drop(hub);
            if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    });
}

impl Hub {
    /// Reads into memory what answers need that are given while the database is away, and gives of how many installations. The
    /// hub does it by itself when it starts and every quarter of an hour: this is for tests and operators who do not want to
    /// wait for it.
    pub async fn read_ahead(&self) -> Result<usize, Failure> {
        let hub = &*self.0;
        let mut count = 0;
        for plugin in hub.plugins_that_answer_offline() {
            let mut after = None;
            loop {
                hub.running()?;
                let mut tx = hub.database.read().await?;
                let installations = tx.hub().installations_of(&plugin, after, PAGE).await?;
                drop(tx);
                let Some(last) = installations.last() else { break };
                after = Some(last.id);
                for installation in &installations {
                    count += usize::from(hub.read_again(&(installation.org, plugin.clone())).await);
                }
            }
        }
        Ok(count)
    }
}

impl Inner {
    fn plugins_that_answer_offline(&self) -> Vec<PluginId> {
        let catalogue = self.registry.catalogue();
        let versions = |plugin: &&PluginId| catalogue.versions(plugin).iter().any(|one| is_for(one.plugin.manifest()));
        catalogue.plugins().filter(versions).cloned().collect()
    }

    /// True if the installation is kept in memory.
    async fn read_again(&self, key: &Key) -> bool {
        let (org, plugin) = key;
        match self.installed(*org, plugin).await {
            Ok(Some(installed)) => {
                let Some(serving) = installed.serving() else { return false };
                let manifest = serving.plugin.manifest();
                if !installed.settings.installation.enabled || !is_for(manifest) {
                    return false;
                }
                self.read_documents(key, manifest).await;
                true
            }
            Ok(None) => false,
            Err(failure) => {
                if is_away(&failure) {
                    self.offline.wanted.add(key.clone());
                }
                tracing::debug!(org.id = %org, plugin.id = %plugin, error = %failure, "an installation was not read ahead");
                false
            }
        }
    }
}
