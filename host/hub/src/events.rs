//! Events: what there are, how they look outside, and how somebody follows them.
//!
//! An event is written in the transaction of what caused it, in one order per org; from there it is read, streamed and
//! delivered. Everything that leaves the hub has one shape ([`envelope`]), made here and nowhere else.

pub(crate) mod bells;
pub(crate) mod catalogue;
pub(crate) mod envelope;
pub(crate) mod own;
pub(crate) mod stream;
