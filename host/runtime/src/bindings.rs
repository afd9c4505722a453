//! The contract as Rust, generated from `wit/patchbay@1.1.0`.
//!
//! A component that was built for an older minor version is served by the same: names are matched by major version, for what
//! it imports and for what it exports, what a minor version adds to the imports is nothing that it could miss, and what it adds
//! to the exports is not demanded ([`crate::connector`]).
//!
//! A breaking version of the contract gets a module of its own beside this one, which remaps what did
//! not change with `with:` and forwards to the newest; there is one implementation of behaviour.

wasmtime::component::bindgen!({
    path: "../../wit/patchbay@1.1.0",
    world: "connector",
    imports: { default: async | trappable },
    exports: { default: async },
    trappable_error_type: {
        "patchbay:connector/types.error" => crate::capabilities::HostError,
    },
    with: {
        "patchbay:connector/bytes.source": crate::capabilities::source::Source,
        "patchbay:connector/cache.vacancy": crate::capabilities::cache::Vacancy,
        "patchbay:connector/reply.responder": crate::capabilities::reply::Responder,
    },
});

pub use self::patchbay::connector::{
    blobs, bytes, cache, entitlements, events, http, installation, jobs, kv, log, peers, records, reply, sync_hints,
    types, usage,
};
