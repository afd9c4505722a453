//! The budgets of a call, as far as the runtime has to heed them.
//!
//! The hub knows budgets and the runtime knows what flows: so the runtime tells what was metered and what passed, and is
//! told whether the call may go on. Calls without a budget have none of this.

use std::{fmt, future::Future, pin::Pin};

use patchbay_model::Failure;

/// What the hub says to a call's next step.
pub type MayGoOn<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// What has flowed of an answer that the host forwards, from its beginning on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flowed {
    /// Characters of the texts that the plugin has the host measure.
    pub characters: u64,
    /// In how many events they were.
    pub events: u64,
}

/// The budgets that a call spends of.
pub trait Spending: fmt::Debug + Send + Sync {
    /// The plugin metered something.
    fn metered(&self, meter: &str, quantity: u64);

    /// The plugin says what a meter comes to while an answer flows: `begun` from its beginning on, and `each` more for each unit by
    /// which the meter `by` grows with it. It counts until more than that is metered.
    fn grows(&self, meter: &str, by: &str, begun: u64, each: u64);

    /// May the vendor be asked once more? The failure names the budget that is used up.
    fn may_go_on(&self) -> MayGoOn<'_>;

    /// May this much be passed on to the client? Asked before it is; the failure names the budget that is used up.
    fn may_flow(&self, flowed: Flowed) -> MayGoOn<'_>;
}
