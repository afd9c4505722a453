//! Questions to a plugin while somebody waits: which fields the vendor has, what one of its records looks like.
//!
//! Each is a run like a call of an action: counted, limited by the org's rates, its plan and its budgets, metered and in the
//! log. And as it is a question, nothing of what the plugin publishes, writes or plans meanwhile is kept.

use std::sync::Arc;

use patchbay_model::{Failure, rate::Endpoint, run::RunKind};
use patchbay_runtime::{Finished, Invocation, Plugin};
use tracing::Instrument as _;

use crate::{
    auth::Caller,
    budgets::Intent,
    call::{Call, CallFailure},
    hub::Hub,
    notes::AnswerNotes,
    plans::gate::Operation,
    tenant::Serving,
};

impl Hub {
    /// Asks the version that serves. The question goes on to its end also if the caller does not wait for it.
    pub(super) async fn ask_version<T, A, F>(
        &self,
        caller: &Caller,
        serving: &Arc<Serving>,
        operation: String,
        question: A,
    ) -> Result<T, CallFailure>
    where
        T: Send + 'static,
        A: FnOnce(Arc<Plugin>, Invocation) -> F + Send + 'static,
        F: Future<Output = Finished<T>> + Send + 'static,
    {
        let hub = &*self.0;
        let manifest = serving.plugin.manifest();
        let notes = AnswerNotes::default();
        hub.admit(caller, Endpoint::Actions, Some((&manifest.id, None)), &notes).await?;
        let admitted = self.admit_by_plan(caller, manifest, Operation::Sync).await?;
        let intent = Intent::new(manifest, Operation::Sync, 0, None, serving.plugin.limits().timeout);
        let mut call = Call::new(hub, Arc::clone(serving), RunKind::Action, operation);
        call.admitted = Some(admitted);
        call.calls_nobody();
        let (task_hub, span) = (self.clone(), call.span.clone());
        let work = async move {
            let hub = &*task_hub.0;
            if let Err(refused) = call.reserve(hub, intent).await {
                return refused.into_result();
            }
            let calling = question(Arc::clone(&call.serving.plugin), call.invocation(None));
            let mut finished = call.unless_broken_off(hub, calling).await;
            finished.effects.drop_writes();
            call.commit(hub, finished, None).await.into_result()
        };
        hub.start_call(serving, work.instrument(span)).await.map_err(Failure::internal)?
    }
}
