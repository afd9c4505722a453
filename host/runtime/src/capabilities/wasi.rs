//! An empty WASI for components made from JavaScript, Python or Go, whose runtimes import it: no
//! directories, no network, no environment, no arguments. Components made from Rust import none of it,
//! so the context is made only when it is asked for.

use wasmtime::component::Linker;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::call::CallState;

/// The call's WASI context, once something asked for it.
#[derive(Default)]
pub(crate) struct Context(Option<WasiCtx>);

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Context").field(&self.0.is_some()).finish()
    }
}

fn empty() -> WasiCtx {
    WasiCtx::builder().allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).max_random_size(4096).build()
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.capabilities.wasi.0.get_or_insert_with(empty), table: &mut self.table }
    }
}

pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}
