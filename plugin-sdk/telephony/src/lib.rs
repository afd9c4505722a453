//! What the connectors of telephone carriers have in common, as pure functions: no host, no clock, no network.
//!
//! A carrier tells of a call in messages that come late, twice and in the wrong order, counts minutes in its own way, and
//! writes numbers, times and money as text. Each carrier's connector turns those into the facts of this crate, which makes
//! one call, one message, one bill of them, the same for all carriers.
//!
//! - [`phone`]: numbers in E.164, their kinds, and how logs show them.
//! - [`fold`]: one call out of facts in any order.
//! - [`billing`]: seconds and minutes of its legs.
//! - [`guard`]: where may be called, how often, and when spending is out of the ordinary.
//! - [`message`]: text messages: status, limits, opting out, parts, and texts out of templates.
//! - [`numbers`]: the standard object `phone-number`.
//! - [`money`], [`time`]: how they are read and written.
//!
//! Times are milliseconds since the Unix epoch throughout, as those of the SDK, and always given by the caller. Rejected:
//! a base class of carriers with callbacks into each connector, which the next carrier would not fit.

pub mod billing;
pub mod fold;
pub mod guard;
pub mod message;
pub mod money;
pub mod numbers;
pub mod phone;
mod text;
pub mod time;
