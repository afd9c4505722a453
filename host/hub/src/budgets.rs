//! Spend budgets: hard caps that an org sets itself, and how they are kept.
//!
//! A call under a budget reserves what it may use at most before it begins, takes more as a streamed answer goes on, and is
//! settled in the transaction of its run. What is spent and what is reserved never passes the cap together, on however many hubs; so what
//! is spent does not either, as long as calls stay within what their manifest says they use. See ADR 011.
//!
//! Hard means closed: if a budget cannot be looked at, the call is refused. Orgs without a budget have none of this: not one
//! query more.

mod hold;
mod of_key;
mod put;
mod settle;
mod value;
mod view;

pub(crate) use hold::{Hold, Intent};
pub use of_key::SpendLimits;
pub(crate) use of_key::{limits_of, shared_by};
pub use put::PutBudget;
pub(crate) use put::used_before;
pub use view::BudgetView;
