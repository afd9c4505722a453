//! What keeps a stolen key from a large bill: where may be called, how often, and what spending is out of the ordinary.
//!
//! All of it is arithmetic. What was counted is kept by the plugin, in the hub's key-value store.

mod destinations;
mod documents;
mod spike;
mod window;

pub use destinations::{Destinations, Refusal};
pub use documents::{Unreadable, dialled};
pub use spike::{Alert, Spending, Spike};
pub use window::{Counter, Exceeded, Window};
