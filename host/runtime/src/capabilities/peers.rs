//! Actions of other plugins of the org, as far as the manifest names them.

use std::{sync::Arc, time::Duration};

use patchbay_model::{Code, Failure, PluginId, Upstream};

use super::{HostError, invalid};
use crate::{
    bindings::{
        peers::Host,
        types::{Error, UpstreamFailure, Violation},
    },
    call::CallState,
    peers::{PeerCall, PeerFailure, Peers},
};

/// The most calls of other plugins that one run may make.
const CAP: u32 = 100;

/// The wait that is told where the hub names none.
const WAIT: Duration = Duration::from_secs(1);

/// Calls of other plugins so far.
#[derive(Debug, Default)]
pub(crate) struct Asked(u32);

impl Host for CallState {
    async fn call(&mut self, plugin: String, action: String, input: String) -> Result<String, HostError> {
        self.enter()?;
        let (hub, plugin) = self.may_call(&plugin, &action)?;
        serde_json::from_str::<serde::de::IgnoredAny>(&input)
            .map_err(|error| invalid("", format!("JSON ({error})")))?;
        self.check_spending().await?;
        if self.capabilities.peers.0 >= CAP {
            return Err(HostError::Guest(Error::Exhausted(format!("{CAP} calls of other plugins per call"))));
        }
        self.capabilities.peers.0 += 1;
        if let Some(once) = self.once.clone() {
            // what it does stays whatever becomes of this call, so nobody may do the write a second time
            if !once.begin_change(&self.services.database).await? {
                let lost = Error::Conflict("another hub has taken this write over".to_owned());
                return Err(self.refuse(Code::Conflict, lost));
            }
        }
        let of = format!("the action {action:?} of the plugin {plugin}");
        let answer = hub.call(PeerCall { plugin, action, input, deadline: self.deadline }).await;
        answer.map_err(|PeerFailure { run, was_made, failure }| {
            let code = failure.code;
            if !was_made && let Some(once) = &self.once {
                once.nothing_changed();
            }
            let error = told(failure, was_made, || match run {
                Some(run) => format!("{of}, run {run}"),
                None => of,
            });
            match error {
                // if the guest passes it on, its caller learns which of the hub's rules it was
                Error::Denied(_) | Error::Exhausted(_) | Error::RateLimited(_) | Error::Reauthorize(_) => {
                    self.refuse(code, error)
                }
                other => HostError::Guest(other),
            }
        })
    }
}

impl CallState {
    /// The hub, and the plugin's id, if the manifest names the action.
    fn may_call(&self, plugin: &str, action: &str) -> Result<(Arc<dyn Peers>, PluginId), HostError> {
        let is_named = |id: &PluginId| self.grants.calls.get(id).is_some_and(|actions| actions.contains(action));
        let Some(id) = plugin.parse::<PluginId>().ok().filter(is_named) else {
            return Err(HostError::Guest(Error::Denied(format!(
                "the action {action:?} of the plugin {plugin:?} is not among the manifest's calls: add [[calls]] \
                 plugin = {plugin:?}, actions = [{action:?}]"
            ))));
        };
        let hub = self.peers.clone().ok_or_else(|| {
            let denied = "other plugins are not called while settings are checked, while a webhook is verified, or by a mere \
                          question of the hub";
            HostError::Guest(Error::Denied(denied.to_owned()))
        })?;
        Ok((hub, id))
    }
}

/// A failure as the contract has it. `of` is what was called.
fn told(failure: Failure, was_made: bool, of: impl FnOnce() -> String) -> Error {
    let Failure { code, detail, violations, retry_after, upstream, .. } = failure;
    let wait_ms = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let text = if detail.is_empty() { code.title().to_owned() } else { detail };
    match (code, upstream) {
        (_, Some(Upstream { status, code })) => {
            let retry_after_ms = retry_after.map(wait_ms);
            Error::Upstream(UpstreamFailure { status, code, message: text, retry_after_ms })
        }
        (Code::InvalidInput, None) => {
            let violation =
                |wrong: patchbay_model::Violation| Violation { pointer: wrong.pointer, expected: wrong.expected };
            Error::Invalid(violations.into_iter().map(violation).collect())
        }
        (Code::MalformedJson, None) => {
            Error::Invalid(vec![Violation { pointer: String::new(), expected: format!("JSON ({text})") }])
        }
        (Code::NotInstalled | Code::ActionNotFound | Code::PlanRequired, None) => Error::Denied(text),
        (Code::PluginDenied, None) if !was_made => Error::Denied(text),
        (Code::NotFound, None) => Error::NotFound(text),
        (Code::Conflict, None) if was_made => Error::Conflict(text),
        (Code::RateLimited | Code::ConcurrencyLimited | Code::Overloaded | Code::VendorRateLimited, None) => {
            Error::RateLimited(wait_ms(retry_after.unwrap_or(WAIT)))
        }
        (Code::PlanLimitReached | Code::BudgetExhausted, None) => Error::Exhausted(text),
        (Code::PluginTimeout | Code::UpstreamTimeout, None) => Error::Timeout,
        (Code::ConnectionMissing | Code::ReauthorizationNeeded, None) => Error::Reauthorize(text),
        (
            Code::UpstreamUnavailable
            | Code::Unavailable
            | Code::Conflict
            | Code::ApprovalNeeded
            | Code::ConfigRejected,
            None,
        ) => Error::Unavailable(text),
        (code, None) => Error::Internal(format!("{}: {}: {text}", of(), code.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(failure: Failure, was_made: bool) -> Error {
        told(failure, was_made, || "the action \"answer\" of the plugin ivr".to_owned())
    }

    #[test]
    fn a_caller_can_tell_what_it_may_not_from_what_went_wrong() {
        for code in [Code::NotInstalled, Code::ActionNotFound, Code::PlanRequired, Code::PluginDenied] {
            assert!(matches!(of(Failure::new(code, "why"), false), Error::Denied(text) if text == "why"), "{code:?}");
        }
        // the called plugin's own lack of a right is none of the caller's
        let internal = of(Failure::new(Code::PluginDenied, "no host"), true);
        let words = "the action \"answer\" of the plugin ivr: plugin_denied: no host";
        assert!(matches!(internal, Error::Internal(text) if text == words));
        assert!(matches!(of(Failure::new(Code::NotFound, "no call"), true), Error::NotFound(_)));
    }

    #[test]
    fn an_input_that_is_not_valid_names_its_fields() {
        let Error::Invalid(violations) = of(Failure::violation("/call/to", "a number"), false) else {
            panic!("it is not valid");
        };
        assert_eq!((violations[0].pointer.as_str(), violations[0].expected.as_str()), ("/call/to", "a number"));
    }

    #[test]
    fn limits_say_how_long_to_wait_and_what_is_used_up() {
        let limited = Failure::new(Code::RateLimited, "").retry_after(Duration::from_secs(3));
        assert!(matches!(of(limited, false), Error::RateLimited(3_000)));
        assert!(matches!(of(Failure::new(Code::Overloaded, ""), false), Error::RateLimited(1_000)));
        assert!(matches!(of(Failure::new(Code::BudgetExhausted, "b"), false), Error::Exhausted(text) if text == "b"));
    }

    #[test]
    fn a_vendors_failure_stays_one() {
        let upstream = Some(Upstream { status: 429, code: Some("slow_down".to_owned()) });
        let failure = Failure { upstream, ..Failure::new(Code::UpstreamRateLimited, "slow down") }
            .retry_after(Duration::from_millis(1_500));
        let Error::Upstream(told) = of(failure, true) else { panic!("it is the vendor's") };
        assert_eq!((told.status, told.code.as_deref(), told.retry_after_ms), (429, Some("slow_down"), Some(1_500)));
    }
}
