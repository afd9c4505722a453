//! What the connectors of CRMs have in common.
//!
//! - [`caller`]: who is calling, out of the records that the connector's syncs keep here.
//!
//! A connector adds the action with its own id:
//!
//! ```ignore
//! Actions::new().add(patchbay_crm::caller::ACTION, |input| patchbay_crm::find_caller("hubspot", &input))
//! ```
//!
//! and asks in its manifest for what is read (`contact`, `company` and `deal` in `[objects]`). The schemas of the action are
//! those of [`FindCaller`] and [`Caller`].

pub mod caller;

pub use caller::{Caller, FindCaller, find_caller};
