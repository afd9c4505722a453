//! Patchbay's words as types, and nothing that does I/O.
//!
//! Every other crate of the host depends on this one, so it holds only what they must agree on:
//! ids ([`id`]), who may do what ([`permission`]), facts that are stored or shown ([`org`], [`identity`],
//! [`installation`], [`run`], [`event`], [`endpoint`], [`delivery`], [`webhook`], [`job`], [`schedule`], [`record`],
//! [`object`], [`oauth`], [`rate`],
//! [`plan`], [`period`], [`budget`], [`billing`]), how a vendor's records become ours and back ([`sync`]), which documents somebody wants ([`filter`]), the one failure type that reaches a
//! caller ([`failure`]), and the two things that tests replace: time ([`clock`]) and randomness ([`random`]). [`wiped`] is
//! JSON that leaves no copies.

#[macro_use]
mod words;

pub mod billing;
pub mod budget;
pub mod clock;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod export;
pub mod failure;
pub mod filter;
pub mod id;
pub mod identity;
pub mod installation;
pub mod job;
pub mod oauth;
pub mod object;
pub mod org;
pub mod period;
pub mod permission;
pub mod plan;
pub mod random;
pub mod rate;
pub mod record;
pub mod run;
pub mod schedule;
pub mod sync;
mod text;
pub mod webhook;
pub mod wiped;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use failure::{Code, Entitlement, Failure, Upstream, Violation};
pub use id::*;
pub use permission::{Permission, Permissions};
pub use random::{Random, SeededRandom, SystemRandom};
