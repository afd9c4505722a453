//! Numbers that follow subscriptions: bought once when one begins, released once when it has ended, whatever fails meanwhile.
//!
//! What a subscription has a right to is a claim ([`claim`]). Events say who has a right ([`follow`]), and a job brings the
//! claim there step by step ([`step`]): each step first commits what it is about to ask Twilio, so that after a crash, or an
//! answer that was lost, the next one looks for what may have been done before it asks again. Rejected: buying within the call
//! that takes the event in, which would buy again when that call is repeated.

pub(crate) mod action;
pub(crate) mod claim;
pub(crate) mod follow;
pub(crate) mod step;
