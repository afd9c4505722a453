//! What organizations pay for: bought through one plugin of one org, the operator's, and followed here by plans and periods.
//!
//! The hub knows no vendor. The plugin that `billing.plugin` names, in the org that `billing.org` names, says how an org's
//! subscription stands ([`apply`]), and the hub gives the plan. An owner who buys something asks the hub, which has that
//! plugin do it ([`sell`]); who asks is known to it as a reference and not as a tenant. What is used above the plan goes the other
//! way: read from the counters, kept as readings until the vendor has taken them ([`read`]), and compared by the day ([`compare`]).
//!
//! Rejected: a billing module of the host that talks to a vendor (then no other vendor could be written as a plugin), and plans as
//! a plugin's records (calls are compared with plans, and must not wait for a guest).

mod apply;
mod compare;
mod grace;
mod keeper;
mod note;
mod read;
mod sell;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use self::grace::GraceJob;
pub use self::{
    sell::{Checkout, Invoice, InvoiceLine, InvoicePage, InvoiceQuery, PlanChange, PortalLink, Preview},
    view::SubscriptionView,
};
