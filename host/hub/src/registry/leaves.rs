//! Which changes of an installation may leave a version that nobody else needs.
//!
//! To know that, all installations of the plugin are gone through, so it is not for each change to ask.

use patchbay_model::installation::{Installation, VersionPolicy};

use crate::hub::Inner;

/// What a change of an installation takes it away from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// No version that is merely kept.
    Nothing,
    /// A version that is kept for those that run it, perhaps for this one alone.
    Kept,
    /// Nobody knows what it ran.
    Unknown,
}

impl Inner {
    /// What the change of an installation takes it away from; `after` is nothing if it is deleted. To be asked before.
    pub(crate) async fn leaves_kept(&self, before: &Installation, after: Option<&Installation>) -> Leaves {
        if !self.registry.catalogue().keeps_unoffered(&before.plugin) {
            return Leaves::Nothing;
        }
        let pin = match &before.policy {
            // it stays where it is
            VersionPolicy::Pin(_) if after.is_some_and(|after| after.policy == before.policy) => {
                return Leaves::Nothing;
            }
            VersionPolicy::Pin(digest) => Some(*digest),
            VersionPolicy::Track(_) => None,
        };
        let cached = self.tenants.cached(&(before.org, before.plugin.clone())).await;
        let Some(cached) = cached else { return Leaves::Unknown };
        let ran = cached.serving().map(|serving| serving.plugin.digest());
        let catalogue = self.registry.catalogue();
        let mut needed = pin.into_iter().chain(ran);
        match needed.any(|digest| catalogue.is_kept(&before.plugin, digest)) {
            true => Leaves::Kept,
            false => Leaves::Nothing,
        }
    }
}
