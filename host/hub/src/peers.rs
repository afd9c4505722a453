//! Calls between plugins of one org.
//!
//! A plugin's call of another one's action is a call as over the API, with another caller: the same rates, plan, budgets, schema,
//! connection and limits, and a run of its own, which is committed while the calling run goes on. That run holds nothing meanwhile
//! that this one needs: no transaction, no place in front of the database. What it does hold, its places among the calls that
//! run, is tried and not waited for, or waited for by the clock, so nobody can wait for themselves.
//!
//! The manifest's list stands in for a role. Who made the first call may lack the permission to call the second action, as who
//! sends a webhook does: an admin has approved that the plugin does.

mod in_any_case;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use bytes::Bytes;
use patchbay_model::{ApiKeyId, Code, Failure, OrgId, PluginId, RunId, rate::Endpoint};
use patchbay_runtime::{PeerAnswer, PeerCall, PeerFailure, Peers, Reach};

use crate::{
    auth::Caller,
    call::{Call, CallFailure},
    hub::Hub,
    invoke::{Keeps, Output, Prepared},
    notes::AnswerNotes,
};

/// How many calls may be within the first one, each in the one before.
const DEEPEST: usize = 3;

/// Of what a caller has left, this part is kept back, so that it can still make something of a call that took too long: half for
/// the commit of that call, half for the caller itself.
const KEPT_BACK: u32 = 5;

/// And no more than this.
const MOST_KEPT_BACK: Duration = Duration::from_millis(500);

/// Who waits for a call that a plugin made.
#[derive(Debug, Clone)]
pub(crate) struct Callers {
    /// The run that made it.
    pub(crate) parent: RunId,
    /// Plugins that wait, from the first call to the one that made this one.
    plugins: Vec<PluginId>,
    /// How many events led to it.
    pub(crate) hops: u32,
    /// When it is to have ended.
    pub(crate) until: Instant,
}

/// A call that may call other plugins, as the runtime sees it.
struct PeerCaller {
    hub: Hub,
    org: OrgId,
    run: RunId,
    /// Plugins that wait for its end, itself included.
    plugins: Vec<PluginId>,
    hops: u32,
    /// The API key whose budgets all of it spends of.
    spends_as: Option<ApiKeyId>,
    /// How far the hub's storage is within its reach.
    reach: Reach,
    /// Set if an answer was made without the database.
    answered_alone: Arc<AtomicBool>,
}

impl fmt::Debug for PeerCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCaller").field("run", &self.run).field("plugins", &self.plugins).finish_non_exhaustive()
    }
}

/// Through whom a call calls other plugins.
pub(crate) fn peers_of(hub: Hub, call: &Call) -> Arc<dyn Peers> {
    let waiting = call.callers.iter().flat_map(|callers| &callers.plugins);
    Arc::new(PeerCaller {
        hub,
        org: call.serving.tenant.org,
        run: call.run,
        plugins: waiting.chain([&call.plugin().manifest().id]).cloned().collect(),
        hops: call.hops,
        spends_as: call.admitted.as_ref().and_then(|admitted| admitted.key),
        reach: call.reach,
        answered_alone: Arc::clone(&call.answered_alone),
    })
}

impl Peers for PeerCaller {
    fn call(&self, call: PeerCall) -> PeerAnswer<'_> {
        match self.reach {
            Reach::Full => Box::pin(self.answer(call)),
            Reach::Within(_) => Box::pin(self.answer_in_any_case(call)),
            Reach::Nowhere => Box::pin(self.answer_alone(call)),
        }
    }
}

impl PeerCaller {
    async fn answer(&self, call: PeerCall) -> Result<String, PeerFailure> {
        let PeerCall { plugin, action, input, deadline } = call;
        check(&self.plugins, &plugin).map_err(not_made)?;
        let callers = self.callers(deadline);
        let end = before(deadline, kept_back(deadline) / 2);
        let calling = async {
            let prepared = self.prepare(&plugin, &action, input).await.map_err(not_made)?;
            let reply = self.hub.make_call(prepared, None, Keeps::All, Some(callers)).await.map_err(failed)?;
            json_of(Some(reply.run), reply.output)
        };
        tokio::time::timeout_at(end.into(), calling).await.unwrap_or_else(|_| {
            let failure = Failure::new(Code::PluginTimeout, "it did not end within what was left of its caller's time");
            Err(PeerFailure { run: None, was_made: true, failure })
        })
    }

    /// Those who wait for a call that is made now.
    fn callers(&self, deadline: Instant) -> Callers {
        let until = before(deadline, kept_back(deadline));
        Callers { parent: self.run, plugins: self.plugins.clone(), hops: self.hops, until }
    }

    /// As for a call over the API, but for its caller. A hub that stops lets calls that run end, and so those within them begin.
    async fn prepare(&self, plugin: &PluginId, action: &str, input: String) -> Result<Prepared, Failure> {
        let (hub, notes) = (&*self.hub.0, AnswerNotes::default());
        let caller = Caller { spends_as: self.spends_as, ..Caller::hub(self.org) };
        hub.admit(&caller, Endpoint::Actions, Some((plugin, Some(action))), &notes).await?;
        let serving = hub.serving(self.org, plugin).await?;
        let serving = hub.with_fresh_tokens(self.org, plugin, serving).await?;
        self.hub.prepare_on(serving, &caller, action, Bytes::from(input), &notes).await
    }
}

/// What is kept back of the time that a caller has left.
fn kept_back(deadline: Instant) -> Duration {
    (deadline.saturating_duration_since(Instant::now()) / KEPT_BACK).min(MOST_KEPT_BACK)
}

fn before(deadline: Instant, time: Duration) -> Instant {
    deadline.checked_sub(time).unwrap_or(deadline)
}

/// What another plugin can be given of a call's output.
fn json_of(run: Option<RunId>, output: Output) -> Result<String, PeerFailure> {
    match output {
        Output::Json(json) => Ok(json.get().to_owned()),
        Output::Blob(_) | Output::Bytes(..) => {
            let failure = Failure::new(Code::PluginError, "it gives a file, which no other plugin can be given");
            Err(PeerFailure { run, was_made: true, failure })
        }
    }
}

/// Whether those who wait may have one more call made.
fn check(waiting: &[PluginId], plugin: &PluginId) -> Result<(), Failure> {
    let way = || waiting.iter().map(PluginId::as_str).collect::<Vec<_>>().join(" called ");
    if waiting.contains(plugin) {
        let detail = format!("the plugin `{plugin}` waits for this call already: {}", way());
        return Err(Failure::new(Code::PluginDenied, detail));
    }
    if waiting.len() > DEEPEST {
        let detail = format!("at most {DEEPEST} calls of plugins are within each other: {}", way());
        return Err(Failure::new(Code::PluginDenied, detail));
    }
    Ok(())
}

fn not_made(failure: Failure) -> PeerFailure {
    PeerFailure { run: None, was_made: false, failure }
}

fn failed(CallFailure { run, failure }: CallFailure) -> PeerFailure {
    // there was no room for it or nothing left of a budget; without a run for any other reason, nobody knows what it did
    let was_refused = matches!(failure.code, Code::ConcurrencyLimited | Code::Overloaded | Code::BudgetExhausted);
    PeerFailure { run, was_made: run.is_some() || !was_refused, failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<PluginId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn three_calls_are_within_the_first_and_no_more() {
        let next: PluginId = "next".parse().unwrap();
        for waiting in [&["a"][..], &["a", "b"], &["a", "b", "c"]] {
            assert_eq!(check(&ids(waiting), &next), Ok(()), "{waiting:?}");
        }
        let refused = check(&ids(&["a", "b", "c", "d"]), &next).unwrap_err();
        assert_eq!(refused.code, Code::PluginDenied);
        assert_eq!(refused.detail, "at most 3 calls of plugins are within each other: a called b called c called d");
    }

    #[test]
    fn no_plugin_waits_for_itself() {
        for again in ["a", "b"] {
            let refused = check(&ids(&["a", "b"]), &again.parse().unwrap()).unwrap_err();
            assert_eq!(refused.detail, format!("the plugin `{again}` waits for this call already: a called b"));
        }
    }
}
