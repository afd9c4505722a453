//! The contract as Rust, generated from `wit/patchbay@1.0.0`.
//!
//! A breaking version of the contract gets a module of its own beside this one, which remaps what did
//! not change with `with:` and forwards to the newest; there is one implementation of behaviour.

wasmtime::component::bindgen!({
    path: "../../wit/patchbay@1.0.0",
    world: "connector",
    imports: { default: async | trappable },
    exports: { default: async },
    trappable_error_type: {
        "patchbay:connector/types.error" => crate::capabilities::HostError,
    },
    with: {
        "patchbay:connector/bytes.source": crate::capabilities::source::Source,
        "patchbay:connector/reply.responder": crate::capabilities::reply::Responder,
    },
});

pub use self::patchbay::connector::{blobs, bytes, events, http, installation, kv, log, records, reply, types, usage};
