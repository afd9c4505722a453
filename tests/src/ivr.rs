//! Calls that are answered with menus: what the carriers take.

pub mod verbs;
