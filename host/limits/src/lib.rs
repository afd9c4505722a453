//! How often: rate limits of callers, and the pauses that vendors ask for.
//!
//! * [`Limiter`] counts requests by the generic cell rate algorithm (GCRA): a limit of 100 per minute lets 100 come at
//!   once and one more every 0.6 s. No window ends, so nobody waits for its end together with everybody else.
//! * [`Pauses`] remembers until when a vendor does not want to be asked for a connection.
//!
//! Both are in this hub's memory. With a [`Store`], a Redis or Valkey that several hubs share, they count together
//! there: one script, one trip, the server's own clock. While the store does not answer, each hub counts for itself
//! again, so calls go on; the store is asked beside the calls whether it is back, so no call pays for that.
//!
//! Rejected: counting in the database (a write per call); fixed windows (twice the limit around their edge); and
//! refusing calls without the store (a cache that is down must not take the hub down).

mod key;
mod limiter;
mod memory;
mod pauses;
mod store;

pub use key::{AddressClass, LimitKey};
pub use limiter::{Limiter, Standing, Verdict, Wanted};
pub use pauses::{PauseKey, Pauses};
pub use store::{InvalidStoreUrl, Store, StoreUrl};
