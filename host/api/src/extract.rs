//! What handlers take in. Each extractor answers a bad request with a problem of our own, so that no
//! route can fall back to a framework's plain text.
//!
//! The order in a handler's arguments is the order of the checks: first [`Allowed`], so that nobody
//! learns anything and no body is read without a key or beyond a rate limit, then path and query, then the body.

mod allowed;
mod bytes;
mod client;
mod form;
mod json;
mod media;
mod origin;
mod path;
mod query;

pub(crate) use allowed::{
    Allowed, AllowedEither, CallActions, ConnectAccount, Known, ManageBilling, ManageConnectSessions,
    ManageConnections, ManageInstallations, ManageKeys, ManageMembers, ManageOrg, MaybeCaller, Member, OperateHub,
    ReadActivity, ReadAudit, ReadMembers, ReadSettings, Shown, admit_address, notes,
};
pub(crate) use bytes::{JsonText, PackageBytes};
pub(crate) use client::{Client, Visitor};
pub(crate) use form::Form;
pub(crate) use json::{Json, OptionalJson, optional_secret, secret};
pub(crate) use origin::OwnOrigin;
pub(crate) use path::Path;
pub(crate) use query::Query;
