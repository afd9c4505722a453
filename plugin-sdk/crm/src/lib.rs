//! What the connectors of CRMs have in common.
//!
//! - [`caller`]: who is calling, out of the records that the connector's syncs keep here.
//!
//! A connector adds the action with its own id:
//!
//! ```
//! use patchbay_crm::caller::{self, find_caller};
//! use patchbay_sdk::Actions;
//!
//! let _ = Actions::new().add(caller::ACTION, |call| find_caller("hubspot", &call.input));
//! ```
//!
//! and asks in its manifest for what is read (`contact`, `company` and `deal` in `[objects]`). The schemas of the action are
//! those of [`FindCaller`] and [`Caller`].

pub mod caller;

pub use caller::{Caller, FindCaller, find_caller};
