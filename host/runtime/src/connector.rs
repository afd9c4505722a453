//! A linked component and its exports.
//!
//! The generated `ConnectorPre` demands each export of the newest minor version, so it would refuse what was built for an older one,
//! and that promise is kept: what a minor version adds, a component may lack. What the first version has, all have. Bindings of a
//! world per minor version were rejected: all but the newest would be the same types once more.

use wasmtime::{
    Engine, Store,
    component::{Instance, InstancePre},
};

use crate::{
    bindings::exports::patchbay::connector::{actions, lifecycle, proxy, subscriptions, syncs, tasks, webhooks},
    call::CallState,
};

/// The interface of syncs, by its name in components.
const SYNCS: &str = "patchbay:connector/syncs@1.1.0";

/// Where a component has its exports.
struct Places {
    lifecycle: lifecycle::GuestIndices,
    actions: actions::GuestIndices,
    proxy: proxy::GuestIndices,
    webhooks: webhooks::GuestIndices,
    subscriptions: subscriptions::GuestIndices,
    tasks: tasks::GuestIndices,
    /// Since 1.1.0.
    syncs: Option<syncs::GuestIndices>,
}

/// A component that is linked; instances are made of it.
pub(crate) struct ConnectorPre {
    pre: InstancePre<CallState>,
    places: Places,
}

impl ConnectorPre {
    /// Finds the exports.
    ///
    /// # Errors
    /// If it lacks one of the first version, or has one of a later version that is not whole.
    pub(crate) fn new(pre: InstancePre<CallState>) -> wasmtime::Result<Self> {
        let has_syncs = pre.component().get_export_index(None, SYNCS).is_some();
        let places = Places {
            lifecycle: lifecycle::GuestIndices::new(&pre)?,
            actions: actions::GuestIndices::new(&pre)?,
            proxy: proxy::GuestIndices::new(&pre)?,
            webhooks: webhooks::GuestIndices::new(&pre)?,
            subscriptions: subscriptions::GuestIndices::new(&pre)?,
            tasks: tasks::GuestIndices::new(&pre)?,
            syncs: has_syncs.then(|| syncs::GuestIndices::new(&pre)).transpose()?,
        };
        Ok(Self { pre, places })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.pre.engine()
    }

    /// Whether it was built with the interface of syncs.
    pub(crate) fn has_syncs(&self) -> bool {
        self.places.syncs.is_some()
    }

    /// Makes an instance, and checks the types of its exports.
    ///
    /// # Errors
    /// If it does not start, or if an export has another type than the contract's.
    pub(crate) async fn instantiate(&self, store: &mut Store<CallState>) -> wasmtime::Result<Connector> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        self.places.load(store, &instance)
    }
}

impl Places {
    fn load(&self, store: &mut Store<CallState>, instance: &Instance) -> wasmtime::Result<Connector> {
        Ok(Connector {
            lifecycle: self.lifecycle.load(&mut *store, instance)?,
            actions: self.actions.load(&mut *store, instance)?,
            proxy: self.proxy.load(&mut *store, instance)?,
            webhooks: self.webhooks.load(&mut *store, instance)?,
            subscriptions: self.subscriptions.load(&mut *store, instance)?,
            tasks: self.tasks.load(&mut *store, instance)?,
            syncs: self.syncs.as_ref().map(|syncs| syncs.load(&mut *store, instance)).transpose()?,
        })
    }
}

/// The exports of one instance.
pub(crate) struct Connector {
    pub(crate) lifecycle: lifecycle::Guest,
    pub(crate) actions: actions::Guest,
    pub(crate) proxy: proxy::Guest,
    pub(crate) webhooks: webhooks::Guest,
    pub(crate) subscriptions: subscriptions::Guest,
    pub(crate) tasks: tasks::Guest,
    /// None of a component that was built without it.
    pub(crate) syncs: Option<syncs::Guest>,
}
