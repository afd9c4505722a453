//! The one wasmtime engine, and the thread that makes its time pass.
//!
//! Why these settings: instances come from pools whose slots keep their pages, because a page fault
//! costs microseconds and a fresh instance per call touches dozens of them; a slot is reset by asking
//! the kernel which pages were written (`pagemap_scan`). Only Cranelift, and only the proposals that
//! connectors need. Epochs rather than fuel, which costs guests two to three times as much.

use std::{thread, time::Duration};

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy};

/// How often guest code looks up: the finest grain of CPU limits and of fairness between calls.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// What a component may be made of. The pool has room for as many of the largest as there are calls: were it for
/// fewer, a few calls of large ones would take what everybody else's need.
///
/// A component made from Rust has three or four core instances, one from Python about forty; either has one memory.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
const MEMORIES_PER_COMPONENT: u32 = 2;
const TABLES_PER_COMPONENT: u32 = 8;

/// What both the serving engine and the compiling child set: it decides what artefacts look like.
pub(crate) fn compile_config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .memory_reservation(4 << 30)
        .memory_guard_size(32 << 20)
        .memory_init_cow(true)
        .epoch_interruption(true)
        .consume_fuel(false)
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20)
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_threads(false)
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_exceptions(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .cranelift_nan_canonicalization(true)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(8));
    config
}

/// The serving engine, with room for `max_instances` calls at once.
///
/// # Errors
/// If the machine cannot host it: wasmtime's own words.
pub(crate) fn serving_engine(max_instances: u32, max_memory: u64) -> wasmtime::Result<Engine> {
    let mut config = compile_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(max_instances, max_memory)));
    let engine = match Engine::new(&config) {
        Ok(engine) => engine,
        Err(error) => {
            // a machine with little virtual memory (some containers): slower, but it serves
            tracing::warn!(%error, "instance pooling is not available, instances are allocated on demand");
            let mut config = compile_config();
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config)?
        }
    };
    start_ticker(&engine)?;
    Ok(engine)
}

fn pool(max_instances: u32, max_memory: u64) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(max_instances)
        .total_core_instances(max_instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(max_instances.saturating_mul(MEMORIES_PER_COMPONENT))
        .total_tables(max_instances.saturating_mul(TABLES_PER_COMPONENT))
        .total_stacks(max_instances)
        .total_gc_heaps(1)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_memories_per_module(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .max_memory_size(usize::try_from(max_memory).unwrap_or(usize::MAX))
        .table_elements(20_000)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .max_unused_warm_slots(64)
        // each call cleans up after itself: in a batch, one pays for the memory that others used
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Holds the engine weakly, so that the thread ends when the engine is gone.
fn start_ticker(engine: &Engine) -> wasmtime::Result<()> {
    let weak = engine.weak();
    thread::Builder::new()
        .name("epoch-ticker".to_owned())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })
        .map_err(|error| wasmtime::Error::new(error).context("starting the epoch ticker"))?;
    Ok(())
}
