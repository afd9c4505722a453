//! Calls between plugins while a vendor waits, whether the database is there or not.
//!
//! As long as the database answers, they are calls like all others. If one takes long and the database is away, it is made
//! once more for its answer alone: with what the hub has in memory, and with nothing that it leaves kept, no run and no
//! usage. That answer is good for the vendor and not for the books, so the calling run does not count as done, and the webhook
//! that it worked on is worked on again. Rates, plan and budgets are not asked for such an answer: they are in the database, and
//! are asked when the work is done in earnest.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use patchbay_model::run::RunKind;
use patchbay_runtime::{ActionCall, PeerCall, PeerFailure, Reach};
use tokio::time::timeout;
use tracing::Instrument as _;

use super::{PeerCaller, check, json_of, not_made};
use crate::{call::Call, invoke::check_input, offline::is_away, plans::gate::no_action};

/// How long a call may take before it is seen whether the database is there.
const PATIENCE: Duration = Duration::from_millis(750);

impl PeerCaller {
    /// The answer of a call like all others, or one that is made without the database.
    pub(super) async fn answer_in_any_case(&self, call: PeerCall) -> Result<String, PeerFailure> {
        let mut calling = pin!(self.answer(call.clone()));
        let made = timeout(PATIENCE, calling.as_mut()).await;
        match made {
            Ok(Err(failed)) if is_away(&failed.failure) => {}
            Ok(answer) => return answer,
            Err(_) => {
                if self.hub.0.takes_writes().await {
                    return calling.await;
                }
            }
        }
        self.answered_alone.store(true, Ordering::SeqCst);
        self.answer_alone(call).await
    }

    /// What the plugin answers with what the hub has in memory. Nothing that it leaves is kept.
    pub(super) async fn answer_alone(&self, call: PeerCall) -> Result<String, PeerFailure> {
        let PeerCall { plugin, action, input, deadline } = call;
        check(&self.plugins, &plugin).map_err(not_made)?;
        let hub = &*self.hub.0;
        let serving = hub.serving(self.org, &plugin).await.map_err(not_made)?;
        let manifest = serving.plugin.manifest();
        let schemas = serving.plugin.action(&action).ok_or_else(|| not_made(no_action(manifest, &action)))?;
        let (input, _) = check_input(schemas, Bytes::from(input)).map_err(not_made)?;
        let own = schemas.timeout;
        let mut call = Call::new(hub, Arc::clone(&serving), RunKind::Action, action.clone());
        call.note_callers(self.callers(deadline));
        call.reach = Reach::Nowhere;
        let action = ActionCall { action, input, attachment: None, idempotency_key: None };
        let (span, timeout) = (call.span.clone(), call.bounded(own));
        let finished = call.plugin().invoke(call.invocation(timeout), action).instrument(span).await;
        let finished = hub.check_output(&call, finished).await;
        match call.end_unrecorded(hub, finished).result {
            Ok(output) => json_of(None, output),
            Err(failure) => Err(PeerFailure { run: None, was_made: true, failure }),
        }
    }
}
