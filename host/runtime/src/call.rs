//! The state of one call: what a store holds while a guest runs, and the clocks that stop it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use patchbay_model::{Code, Failure, RunId, Timestamp, run::Figures};
use wasmtime::{
    CallHook, Engine, Store, StoreContextMut, UpdateDeadline,
    component::{Resource, ResourceTable, ResourceTableError},
};

use crate::{
    Services,
    bindings::types,
    capabilities::{
        Capabilities, HostError,
        storage::{Reach, Way},
    },
    cpu::Stretch,
    entitlements::Entitlements,
    limits::{CallLimits, Limiter, Stop},
    once::Once,
    peers::Peers,
    plugin::Grants,
    spending::Spending,
    tenant::Tenant,
};

/// Everything that a guest's call can touch.
pub(crate) struct CallState {
    pub(crate) run: RunId,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) services: Arc<Services>,
    pub(crate) capabilities: Capabilities,
    pub(crate) table: ResourceTable,
    pub(crate) limits: CallLimits,
    pub(crate) deadline: Instant,
    pub(crate) started: Instant,
    pub(crate) started_at: Timestamp,
    pub(crate) once: Option<Arc<Once>>,
    limiter: Limiter,
    host_calls: u32,
    cpu: Duration,
    /// Since the guest was last entered; none while the host runs. A guest changes threads only while it waits,
    /// which is the host's time.
    entered: Option<Stretch>,
    denial: Option<Denial>,
    /// What a forwarded answer broke off with: the client must not take what it got for the whole.
    pub(crate) broke_off: Option<Failure>,
    /// What it may tell of organizations' plans, if anything.
    pub(crate) entitlements: Option<Arc<dyn Entitlements>>,
    /// Through whom it calls other plugins, where it may.
    pub(crate) peers: Option<Arc<dyn Peers>>,
    /// The budgets that the call spends of, if there are any.
    pub(crate) spending: Option<Arc<dyn Spending>>,
    /// Which of them stopped it.
    pub(crate) cut: Option<Failure>,
    /// What the guest takes for the present time, if it judges something of before.
    pub(crate) as_of: Option<Timestamp>,
    /// Its way to the database.
    pub(crate) way: Way,
}

/// The last refusal that the guest saw: if it passes it on as its own failure, the caller learns what was
/// refused, by the host's code for it rather than the guest's words alone.
#[derive(Debug, Clone)]
pub(crate) struct Denial {
    pub(crate) code: Code,
    pub(crate) error: types::Error,
}

/// What makes a [`CallState`].
pub(crate) struct CallInit {
    pub(crate) run: RunId,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) services: Arc<Services>,
    pub(crate) limits: CallLimits,
    pub(crate) spending: Option<Arc<dyn Spending>>,
    pub(crate) entitlements: Option<Arc<dyn Entitlements>>,
    pub(crate) peers: Option<Arc<dyn Peers>>,
    pub(crate) once: Option<Arc<Once>>,
    pub(crate) reach: Reach,
    pub(crate) as_of: Option<Timestamp>,
}

impl CallState {
    pub(crate) fn new(init: CallInit) -> Self {
        let CallInit { run, tenant, grants, services, limits, spending, entitlements, peers, once, reach, as_of } =
            init;
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        let started = Instant::now();
        Self {
            run,
            tenant,
            grants,
            started_at: services.clock.now(),
            services,
            capabilities: Capabilities::default(),
            table,
            deadline: started + limits.timeout,
            started,
            limiter: Limiter::new(&limits),
            limits,
            once,
            host_calls: 0,
            cpu: Duration::ZERO,
            entered: None,
            denial: None,
            broke_off: None,
            entitlements,
            peers,
            spending,
            cut: None,
            as_of,
            way: Way::new(reach),
        }
    }

    /// Every import of the contract begins with this: it counts the call and stops a guest that makes too many.
    pub(crate) fn enter(&mut self) -> Result<(), Stop> {
        self.count_host_call();
        self.check_host_calls()
    }

    /// Counts a call of an import that cannot stop the guest itself; the way back to the guest does.
    pub(crate) fn count_host_call(&mut self) {
        self.host_calls = self.host_calls.saturating_add(1);
    }

    fn check_host_calls(&self) -> Result<(), Stop> {
        if self.host_calls > self.limits.host_calls {
            return Err(Stop::HostCalls(self.limits.host_calls));
        }
        Ok(())
    }

    /// A new handle for the guest.
    pub(crate) fn push<T: Send + 'static>(&mut self, entry: T) -> Result<Resource<T>, HostError> {
        self.table.push(entry).map_err(|error| match error {
            ResourceTableError::Full => Stop::Handles(self.limits.handles).into(),
            other => HostError::from(other),
        })
    }

    /// Remembers which of the host's codes stands behind an error that the guest is about to see.
    pub(crate) fn refuse(&mut self, code: Code, error: types::Error) -> HostError {
        self.denial = Some(Denial { code, error: error.clone() });
        HostError::Guest(error)
    }

    /// Asks the call's budgets before the vendor is asked for more. A guest that passes the refusal on gives the caller the
    /// budget's own failure.
    pub(crate) async fn check_spending(&mut self) -> Result<(), HostError> {
        let Some(spending) = self.spending.clone() else { return Ok(()) };
        let Err(failure) = spending.may_go_on().await else { return Ok(()) };
        let refusal = self.refuse(failure.code, types::Error::Exhausted(failure.detail.clone()));
        self.cut = Some(failure);
        Err(refusal)
    }

    /// Remembers a plain refusal.
    pub(crate) fn note_denial(&mut self, error: &types::Error) {
        let code = match error {
            types::Error::Denied(_) => Code::PluginDenied,
            types::Error::Exhausted(_) => Code::PluginBudgetExhausted,
            types::Error::Invalid(_) => Code::PluginError,
            _ => return,
        };
        if self.denial.as_ref().is_none_or(|denial| !same_text(&denial.error, error)) {
            self.denial = Some(Denial { code, error: error.clone() });
        }
    }

    /// The code that goes with an error that the guest ended with.
    pub(crate) fn code_behind(&self, error: &types::Error) -> Option<Code> {
        self.denial.as_ref().filter(|denial| same_text(&denial.error, error)).map(|denial| denial.code)
    }

    /// What the call cost so far.
    pub(crate) fn figures(&self) -> Figures {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Figures {
            wall_us: micros(self.started.elapsed()),
            cpu_us: micros(self.cpu),
            peak_memory: self.limiter.peak(),
            egress_sent: self.capabilities.http.sent(),
            egress_received: self.capabilities.http.received(),
            host_calls: self.host_calls.into(),
        }
    }

    fn leave_guest(&mut self) {
        if let Some(entered) = self.entered.take() {
            self.cpu = self.cpu.saturating_add(entered.end());
        }
    }

    fn check_clocks(&self) -> Result<(), Stop> {
        if self.cpu > self.limits.cpu {
            return Err(Stop::Cpu(self.limits.cpu));
        }
        if Instant::now() > self.deadline {
            return Err(Stop::Timeout(self.limits.timeout));
        }
        Ok(())
    }
}

fn same_text(left: &types::Error, right: &types::Error) -> bool {
    match (left, right) {
        (types::Error::Denied(left), types::Error::Denied(right))
        | (types::Error::Exhausted(left), types::Error::Exhausted(right))
        | (types::Error::Reauthorize(left), types::Error::Reauthorize(right))
        | (types::Error::Unavailable(left), types::Error::Unavailable(right)) => left == right,
        (types::Error::RateLimited(left), types::Error::RateLimited(right)) => left == right,
        (types::Error::Timeout, types::Error::Timeout) => true,
        (types::Error::Invalid(left), types::Error::Invalid(right)) => {
            let pairs = || left.iter().zip(right);
            left.len() == right.len()
                && pairs().all(|(left, right)| left.pointer == right.pointer && left.expected == right.expected)
        }
        _ => false,
    }
}

/// A store in which one guest will run once.
pub(crate) fn store(engine: &Engine, state: CallState) -> Store<CallState> {
    let hostcall_bytes = state.limits.hostcall_bytes;
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(hostcall_bytes);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context: StoreContextMut<'_, CallState>| {
        // the hook below has just left the guest: its clock is up to date
        context.data().check_clocks()?;
        Ok(UpdateDeadline::Yield(1))
    });
    store.call_hook(|mut context, hook| {
        let state = context.data_mut();
        match hook {
            CallHook::CallingWasm => state.entered = Some(Stretch::begin()),
            CallHook::ReturningFromHost => {
                state.check_host_calls()?;
                state.entered = Some(Stretch::begin());
            }
            CallHook::CallingHost | CallHook::ReturningFromWasm => state.leave_guest(),
        }
        Ok(())
    });
    store
}
