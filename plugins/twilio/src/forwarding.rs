//! Call forwarding: how somebody's own telephone passes its calls on to one of the organization's numbers.
//!
//! No carrier has an API for it. Each takes codes that are dialled on the very phone, so the hub says which, keeps what was
//! wished for, and believes that it works once the person says so, or once a call comes in that was forwarded by that number.
//! What the codes are made of is in [`mmi`], which carrier takes which in [`carriers`].

mod actions;
pub mod carrier;
pub mod carriers;
mod diversion;
pub mod mmi;
mod observe;
mod record;
pub mod types;

use patchbay_sdk::{Actions, Schemas, Tasks};

pub(crate) use observe::observe;

/// The actions, added to those of the connector.
pub(crate) fn actions(actions: Actions) -> Actions {
    actions
        .add("forwarding-options", actions::options)
        .add("set-up-forwarding", actions::set_up)
        .add("confirm-forwarding", actions::confirm)
        .add("disable-forwarding", actions::disable)
        .add("list-forwardings", actions::list)
}

/// The schemas of what is kept and told.
pub(crate) fn schemas(schemas: Schemas) -> Schemas {
    schemas.with::<record::Stored>("forwarding").with::<record::Confirmed<'_>>("forwarding-confirmed")
}

/// The kinds of jobs.
pub(crate) fn tasks(tasks: Tasks) -> Tasks {
    tasks.add(observe::JOB, observe::step)
}
