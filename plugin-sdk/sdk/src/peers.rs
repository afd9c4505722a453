//! Actions of other plugins of the same organization.
//!
//! The manifest names each (`[[calls]]`), and an admin approves that. What is called runs as a call over the hub's API does: with its
//! own settings, connection, plan, limits and run. It is committed before it gives its output, and stays if this call fails.
//!
//! ```no_run
//! # use patchbay_sdk::{Error, peers};
//! # fn example() -> Result<(), Error> {
//! let answer = match peers::call("ivr", "answer", &serde_json::json!({"call": {"to": "+15550100001"}})) {
//!     Ok(answer) => Some(answer),
//!     // the organization does not have the plugin, or not this action of it: go on without
//!     Err(Error::Denied(_)) => None,
//!     Err(error) => return Err(error),
//! };
//! # Ok(())
//! # }
//! ```

use serde::Serialize;
use serde_json::Value;

use crate::{Error, host};

/// Runs an action of another plugin and gives its output. It ends within what is left of this call's time, a little of which is kept
/// back so that this call can go on. At most 100 in one call.
///
/// # Errors
/// - [`Error::Denied`] if the call may not be made, and only then: the manifest does not name the action, the organization has not
///   switched the plugin on or its version has no such action, the plan lacks it, the plugin waits for this call already, or three
///   calls are within each other already. Also while settings are checked and webhooks verified.
/// - [`Error::Invalid`] with pointers into the input.
/// - [`Error::RateLimited`] and [`Error::Exhausted`] for limits, plans and budgets of the hub.
/// - [`Error::Timeout`] if it did not end in time; what it did may have been done all the same.
/// - [`Error::NotFound`], [`Error::Conflict`], [`Error::Upstream`], [`Error::Reauthorize`] and [`Error::Unavailable`] as the action
///   failed, [`Error::Internal`] if it crashed or gave a file.
pub fn call<T: Serialize + ?Sized>(plugin: &str, action: &str, input: &T) -> Result<Value, Error> {
    let input = serde_json::to_string(input).map_err(|error| Error::Internal(error.to_string()))?;
    let output = host::call_peer(plugin, action, &input)?;
    serde_json::from_str(&output).map_err(|error| Error::Internal(format!("{plugin}/{action} gave no JSON: {error}")))
}
