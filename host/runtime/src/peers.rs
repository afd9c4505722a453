//! Calls of other plugins of the same org.
//!
//! The runtime knows which actions a manifest names; what an org has switched on, and what a call of it may use, the hub knows. So
//! the guest's call goes out to the hub, which makes one of its own calls of it, with an instance of its own. Running the other
//! plugin within the caller's store was rejected: two plugins would share one memory limit, one CPU clock and one failure.

use std::{fmt, future::Future, pin::Pin, time::Instant};

use patchbay_model::{Failure, PluginId, RunId};

/// One call of another plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCall {
    /// Whose action; one that the caller's manifest names.
    pub plugin: PluginId,
    /// The action; one that the caller's manifest names.
    pub action: String,
    /// JSON text, not yet checked against the action's input schema.
    pub input: String,
    /// When the caller ends.
    pub deadline: Instant,
}

/// Why a call of another plugin gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFailure {
    /// The run that tells of it, if there is one.
    pub run: Option<RunId>,
    /// False if the plugin was not called, so that nothing was changed.
    pub was_made: bool,
    /// Why, with the codes of a call over the hub's API. Of a call that was not made, `plugin_denied` stands for a plugin that waits
    /// for this call already, and for one call too many within each other.
    pub failure: Failure,
}

/// What the hub answers: JSON text, valid by the action's output schema.
pub type PeerAnswer<'a> = Pin<Box<dyn Future<Output = Result<String, PeerFailure>> + Send + 'a>>;

/// What the contract's `peers` does, for one call: the org, the run and who waits for it are known.
pub trait Peers: fmt::Debug + Send + Sync {
    /// Runs an action of another plugin of the caller's org and commits its run. Comes back a little before the caller's deadline;
    /// the run goes on to its own end also if nobody waits for it any more.
    fn call(&self, call: PeerCall) -> PeerAnswer<'_>;
}
