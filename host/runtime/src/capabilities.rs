//! What the host lets a plugin do: one file per interface of the contract, and this table of contents.
//!
//! Each capability has up to three lifetimes. *Once*: it is linked ([`link`]). *Per installation*: what
//! it may use comes from the manifest and the org ([`crate::Tenant`], [`crate::plugin::Grants`]). *Per
//! call*: its field in [`Capabilities`]. Import bodies are thin: count the call, decode, do, encode.

pub(crate) mod blobs;
pub(crate) mod cache;
pub(crate) mod clock;
pub(crate) mod effects;
pub(crate) mod entitlements;
pub(crate) mod events;
pub(crate) mod http;
pub(crate) mod installation;
pub(crate) mod jobs;
pub(crate) mod kv;
pub(crate) mod log;
pub(crate) mod objects;
pub(crate) mod peers;
pub(crate) mod random;
pub(crate) mod records;
pub(crate) mod reply;
pub(crate) mod signature;
pub(crate) mod source;
pub(crate) mod storage;
pub(crate) mod sync_hints;
pub(crate) mod usage;
pub(crate) mod wasi;

use wasmtime::component::{HasSelf, Linker, ResourceTableError};

use crate::{
    bindings::{patchbay::connector as contract, types},
    call::CallState,
    limits::Stop,
};

/// What a call has done so far, capability by capability.
#[derive(Debug, Default)]
pub(crate) struct Capabilities {
    pub(crate) events: events::Published,
    pub(crate) held: effects::Held,
    pub(crate) http: http::Traffic,
    pub(crate) jobs: jobs::Planned,
    pub(crate) log: log::Lines,
    pub(crate) peers: peers::Asked,
    pub(crate) records: records::Overlay,
    pub(crate) sync_hints: sync_hints::Hints,
    pub(crate) usage: usage::Metered,
    pub(crate) wasi: wasi::Context,
}

/// Puts every capability into a linker.
///
/// # Errors
/// Only if two of them claim the same name, which is a defect.
pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    fn this(state: &mut CallState) -> &mut CallState {
        state
    }
    type Own = HasSelf<CallState>;
    contract::blobs::add_to_linker::<_, Own>(linker, this)?;
    contract::bytes::add_to_linker::<_, Own>(linker, this)?;
    contract::cache::add_to_linker::<_, Own>(linker, this)?;
    contract::clock::add_to_linker::<_, Own>(linker, this)?;
    contract::entitlements::add_to_linker::<_, Own>(linker, this)?;
    contract::events::add_to_linker::<_, Own>(linker, this)?;
    contract::http::add_to_linker::<_, Own>(linker, this)?;
    contract::installation::add_to_linker::<_, Own>(linker, this)?;
    contract::jobs::add_to_linker::<_, Own>(linker, this)?;
    contract::kv::add_to_linker::<_, Own>(linker, this)?;
    contract::log::add_to_linker::<_, Own>(linker, this)?;
    contract::peers::add_to_linker::<_, Own>(linker, this)?;
    contract::random::add_to_linker::<_, Own>(linker, this)?;
    contract::records::add_to_linker::<_, Own>(linker, this)?;
    contract::reply::add_to_linker::<_, Own>(linker, this)?;
    contract::signature::add_to_linker::<_, Own>(linker, this)?;
    contract::sync_hints::add_to_linker::<_, Own>(linker, this)?;
    contract::types::add_to_linker::<_, Own>(linker, this)?;
    contract::usage::add_to_linker::<_, Own>(linker, this)?;
    wasi::link(linker)
}

/// How an import fails: with an error of the contract, which the guest sees, or by stopping the guest.
#[derive(Debug)]
pub enum HostError {
    /// For the guest.
    Guest(types::Error),
    /// The guest ends here.
    Trap(wasmtime::Error),
}

impl From<types::Error> for HostError {
    fn from(error: types::Error) -> Self {
        Self::Guest(error)
    }
}

impl From<Stop> for HostError {
    fn from(stop: Stop) -> Self {
        Self::Trap(stop.into())
    }
}

impl From<wasmtime::Error> for HostError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl From<ResourceTableError> for HostError {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}

impl From<patchbay_storage::StorageError> for HostError {
    fn from(error: patchbay_storage::StorageError) -> Self {
        tracing::error!(error.r#type = "storage", %error, "a host call failed");
        storage::away()
    }
}

impl types::Host for CallState {
    fn convert_error(&mut self, error: HostError) -> wasmtime::Result<types::Error> {
        match error {
            HostError::Guest(error) => {
                self.note_denial(&error);
                self.way.note(&error);
                Ok(error)
            }
            HostError::Trap(trap) => Err(trap),
        }
    }
}

/// A `denied` error for a name that the manifest does not have in a list, with what would grant it.
pub(crate) fn undeclared(list: &str, name: &str) -> HostError {
    HostError::Guest(types::Error::Denied(format!(
        "{name:?} is not among the manifest's {list}: add [[{list}]] name = {name:?}"
    )))
}

/// An `invalid` error with one violation.
pub(crate) fn invalid(pointer: impl Into<String>, expected: impl Into<String>) -> HostError {
    HostError::Guest(types::Error::Invalid(vec![types::Violation {
        pointer: pointer.into(),
        expected: expected.into(),
    }]))
}
