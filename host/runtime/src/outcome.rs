//! How a call ended, and what is left of it.

use std::collections::BTreeMap;

use patchbay_model::{
    Code, Failure, Timestamp, Upstream, Violation,
    event::Event,
    job::NewJob,
    object::{ObjectChange, StandardObject},
    record::RecordChange,
    run::{Figures, LogLine, UsageRecord},
};
use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::{bindings::types, call::CallState, limits::Stop};

/// What a call leaves to be committed with its run.
#[derive(Debug, Default)]
pub struct Effects {
    /// Also of a call that failed: the vendor's cost was made all the same.
    pub usage: Vec<UsageRecord>,
    /// Empty if the call failed.
    pub events: Vec<Event>,
    /// Empty if the call failed.
    pub changes: Vec<RecordChange>,
    /// Empty if the call failed.
    pub jobs: Vec<NewJob>,
    /// What it wrote to standard objects. Empty if the call failed.
    pub object_changes: Vec<ObjectChange>,
    /// What it said has changed at the vendor, by the vendor's ids, each once. Empty if the call failed.
    pub sync_hints: Vec<(StandardObject, String)>,
    /// The plugin's log.
    pub log: Vec<LogLine>,
    /// By credential, the last HTTP status that a request which carried it was answered with. Not for the run: it tells the
    /// hub how the vendor takes the credential.
    pub answered: BTreeMap<String, u16>,
    /// A host call was told that the hub's storage is away. Not for the run: what it gave may be less than it would have.
    pub lacked_storage: bool,
}

impl Effects {
    /// Takes out all that the plugin published, wrote, planned and said of the vendor, of a call that is a mere question. What was metered, and
    /// what it logged, stays.
    pub fn drop_writes(&mut self) {
        // named one by one, so that whatever comes to them is thought of
        let Self {
            usage: _,
            events,
            changes,
            jobs,
            object_changes,
            sync_hints,
            log: _,
            answered: _,
            lacked_storage: _,
        } = self;
        events.clear();
        changes.clear();
        jobs.clear();
        object_changes.clear();
        sync_hints.clear();
    }
}

/// A call that has ended.
#[derive(Debug)]
pub struct Finished<T> {
    /// What it gave, or why it failed, in words that a caller may see.
    pub result: Result<T, Failure>,
    /// What is to be committed with the run.
    pub effects: Effects,
    /// What it cost.
    pub figures: Figures,
    /// The vendor's last HTTP status, if the vendor was asked.
    pub upstream_status: Option<u16>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

impl<T> Finished<T> {
    /// A call that was not begun.
    pub(crate) fn refused(failure: Failure, at: Timestamp) -> Self {
        Self {
            result: Err(failure),
            effects: Effects::default(),
            figures: Figures::default(),
            upstream_status: None,
            started_at: at,
            finished_at: at,
        }
    }

    /// The same call, with what it gave as something else.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Finished<U> {
        let Self { result, effects, figures, upstream_status, started_at, finished_at } = self;
        Finished { result: result.map(change), effects, figures, upstream_status, started_at, finished_at }
    }

    /// The same call, with what it gave checked. What is not taken makes it a call that failed: its cost and its log stay.
    #[must_use]
    pub(crate) fn checked<U>(self, check: impl FnOnce(T) -> Result<U, Failure>) -> Finished<U> {
        let Self { result, mut effects, figures, upstream_status, started_at, finished_at } = self;
        let was_taken = result.is_ok();
        let result = result.and_then(check);
        if was_taken && result.is_err() {
            effects.drop_writes();
        }
        Finished { result, effects, figures, upstream_status, started_at, finished_at }
    }

    /// Takes what is left out of a call's state.
    pub(crate) fn new(result: Result<T, Failure>, state: CallState) -> Self {
        let figures = state.figures();
        let finished_at = state.services.clock.now();
        let succeeded = result.is_ok();
        let capabilities = state.capabilities;
        let (changes, object_changes) = if succeeded { capabilities.records.finish() } else { Default::default() };
        let effects = Effects {
            usage: capabilities.usage.0,
            events: if succeeded { capabilities.events.0 } else { Vec::new() },
            changes,
            object_changes,
            jobs: if succeeded { capabilities.jobs.0 } else { Vec::new() },
            sync_hints: if succeeded { capabilities.sync_hints.finish() } else { Vec::new() },
            log: capabilities.log.finish(),
            answered: capabilities.http.answered,
            lacked_storage: state.way.has_lacked(),
        };
        let upstream_status = capabilities.http.status;
        Self { result, effects, figures, upstream_status, started_at: state.started_at, finished_at }
    }
}

/// The failure behind a trap: one of our stops, one of wasmtime's limits, or a crash of the guest.
pub(crate) fn trapped(error: &wasmtime::Error) -> Failure {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return Failure::new(stop.code(), stop.to_string());
    }
    let chain = format!("{error:#}");
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        // the room for calls is as large as the pool, so this is a slot that has not been given back yet
        return Failure::new(Code::Overloaded, "").retry_after(std::time::Duration::from_secs(1)).with_internal(chain);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Failure::new(Code::PluginStackExhausted, "the plugin recursed too deeply"),
        Some(trap) => Failure::new(Code::PluginTrapped, trap.to_string()).with_internal(chain),
        // wasmtime has no type for this one
        None if chain.contains("allocated for hostcalls has been exhausted") => {
            Failure::new(Code::PluginOutputTooLarge, "the plugin passed more bytes to the host at once than it may")
        }
        None => {
            Failure::new(Code::PluginTrapped, "the plugin broke the rules of the component model").with_internal(chain)
        }
    }
}

/// The failure that a guest reported.
pub(crate) fn reported(error: types::Error, state: &CallState) -> Failure {
    let denial = state.denial_behind(&error);
    let behind = denial.map(|denial| denial.code);
    let clean = |text: String| state.tenant.redact.redact_str(&text).into_owned();
    let with = |code: Code, text: String| Failure::new(behind.unwrap_or(code), clean(text));
    match error {
        // the host's own refusal: its pointers are into what the guest gave the host, of which the caller knows nothing
        types::Error::Invalid(violations) if behind.is_some() => {
            Failure::new(Code::PluginError, clean(refused_by_host(&violations)))
        }
        types::Error::Invalid(violations) => Failure::invalid(
            violations
                .into_iter()
                .map(|violation| Violation { pointer: clean(violation.pointer), expected: clean(violation.expected) })
                .collect(),
        ),
        types::Error::Denied(text) => with(Code::PluginDenied, text),
        types::Error::NotFound(text) => with(Code::NotFound, text),
        types::Error::Conflict(text) => with(Code::Conflict, text),
        types::Error::RateLimited(wait) => {
            with(Code::RateLimited, String::new()).retry_after(std::time::Duration::from_millis(wait))
        }
        types::Error::Exhausted(text) => with(Code::PluginBudgetExhausted, text),
        types::Error::Timeout => {
            with(Code::UpstreamTimeout, denial.map(|denial| denial.words.clone()).unwrap_or_default())
        }
        types::Error::Upstream(failure) => upstream(failure, clean),
        types::Error::Reauthorize(text) => with(Code::ReauthorizationNeeded, text),
        types::Error::Unavailable(text) => with(Code::UpstreamUnavailable, text),
        types::Error::Internal(text) => Failure::new(Code::PluginError, "").with_internal(clean(text)),
    }
}

fn refused_by_host(violations: &[types::Violation]) -> String {
    let told =
        violations.iter().take(3).map(|violation| format!("{:?}: expected {}", violation.pointer, violation.expected));
    format!("the plugin gave the hub what it does not take: {}", told.collect::<Vec<_>>().join("; "))
}

fn upstream(failure: types::UpstreamFailure, clean: impl Fn(String) -> String) -> Failure {
    let code = if failure.status == 429 { Code::UpstreamRateLimited } else { Code::UpstreamError };
    Failure {
        retry_after: failure.retry_after_ms.map(std::time::Duration::from_millis),
        upstream: Some(Upstream { status: failure.status, code: failure.code.map(&clean) }),
        ..Failure::new(code, clean(failure.message))
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{
        Store,
        component::{Component, Linker},
    };

    use patchbay_model::JobId;

    use super::*;
    use crate::engine::serving_engine;

    #[test]
    fn of_a_question_nothing_is_left_that_it_planned_or_wrote() {
        let plugin = "demo".parse().unwrap();
        let kind = "sync".to_owned();
        let job = NewJob::task(JobId(uuid::Uuid::nil()), plugin, kind, "null".to_owned(), Timestamp::UNIX_EPOCH);
        let object = StandardObject::Contact;
        let deletion = ObjectChange { object, id: "demo:1".to_owned(), data: None, expected: None };
        let sync_hints = vec![(object, "7".to_owned())];
        let mut effects = Effects { jobs: vec![job], object_changes: vec![deletion], sync_hints, ..Effects::default() };
        effects.drop_writes();
        assert!(effects.jobs.is_empty() && effects.object_changes.is_empty() && effects.sync_hints.is_empty());
    }

    #[test]
    fn of_a_call_whose_answer_is_not_taken_the_cost_is_left_and_nothing_else() {
        let hint = || vec![(StandardObject::Contact, "7".to_owned())];
        let at = Timestamp::UNIX_EPOCH;
        let called = || {
            let refused = Finished::<u32>::refused(Failure::new(Code::Internal, ""), at);
            let figures = Figures { wall_us: 5, ..Figures::default() };
            Finished {
                result: Ok(3),
                effects: Effects { sync_hints: hint(), ..Effects::default() },
                figures,
                ..refused
            }
        };
        let taken = called().checked(|number| Ok(number + 1));
        assert_eq!((taken.result.unwrap(), taken.effects.sync_hints), (4, hint()));
        let refused = called().checked(|_| Err::<u32, _>(Failure::new(Code::PluginError, "too much")));
        assert_eq!(refused.result.unwrap_err().code, Code::PluginError);
        assert!(refused.effects.sync_hints.is_empty());
        assert_eq!(refused.figures.wall_us, 5);
    }

    #[tokio::test]
    async fn a_pool_without_a_free_slot_is_no_crash_of_the_plugin() {
        let engine = serving_engine(1, 1 << 20).unwrap();
        let component = Component::new(&engine, b"\0asm\x0d\0\x01\0").unwrap();
        let linker = Linker::<()>::new(&engine);
        let mut first = Store::new(&engine, ());
        linker.instantiate_async(&mut first, &component).await.unwrap();
        let mut second = Store::new(&engine, ());
        let Err(error) = linker.instantiate_async(&mut second, &component).await else {
            panic!("there is one slot");
        };
        assert_eq!(trapped(&error).code, Code::Overloaded);
    }
}
