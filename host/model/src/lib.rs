//! Patchbay's words as types, and nothing that does I/O.
//!
//! Every other crate of the host depends on this one, so it holds only what they must agree on:
//! ids ([`id`]), facts that are stored or shown ([`org`], [`installation`], [`run`], [`event`],
//! [`webhook`], [`record`], [`oauth`], [`plan`], [`period`], [`budget`]), the one failure type that reaches a caller ([`failure`]), and the two
//! things that tests replace: time ([`clock`]) and randomness ([`random`]).

pub mod budget;
pub mod clock;
pub mod event;
pub mod failure;
pub mod id;
pub mod installation;
pub mod oauth;
pub mod org;
pub mod period;
pub mod plan;
pub mod random;
pub mod record;
pub mod run;
pub mod webhook;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use failure::{Code, Entitlement, Failure, Upstream, Violation};
pub use id::*;
pub use random::{Random, SeededRandom, SystemRandom};
