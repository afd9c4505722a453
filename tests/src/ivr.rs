//! Calls that are answered with menus: what the carriers take, and walks through a menu as a caller takes them.

pub mod verbs;
