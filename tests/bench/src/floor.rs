//! One call of one component: bare wasmtime with the same engine settings and do-nothing imports, and the
//! runtime with everything that it does for a call.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use patchbay_egress::{Egress, EgressConfig, SystemLookup};
use patchbay_model::{Clock, InstallationId, OrgId, Random, RunId, SystemClock, SystemRandom};
use patchbay_package::{OpenLimits, Package, Trust};
use patchbay_runtime::{
    ActionCall, BlobStore, Compiler, Invocation, Reach, Runtime, RuntimeConfig, Services, TenantInit,
};
use patchbay_storage::{Database, DatabaseUrl};
use patchbay_vault::ArtefactMac;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, HasSelf, Linker, ResourceType},
};

use crate::{
    Places,
    stats::{Samples, us},
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/patchbay@1.1.0",
        world: "connector",
        imports: { default: async },
        exports: { default: async },
    });
}

use bindings::{
    Connector, ConnectorPre,
    exports::patchbay::connector::actions::Call,
    patchbay::connector::{bytes as wit_bytes, events, log, reply, types, usage},
};

/// Of the contract that is bound above, which the guests are built against.
const VERSION: &str = "1.1.0";

/// A host that does nothing.
struct Bare;

impl types::Host for Bare {}

impl log::Host for Bare {
    async fn write(&mut self, _: log::Level, _: String, _: Vec<(String, String)>) {}
}

impl usage::Host for Bare {
    async fn add(&mut self, _: String, _: u64, _: usage::Basis, _: Option<String>) -> Result<(), types::Error> {
        Ok(())
    }

    async fn grows(&mut self, _: String, _: String, _: u64, _: u64) -> Result<(), types::Error> {
        Ok(())
    }
}

impl events::Host for Bare {
    async fn publish(&mut self, _: String, _: String, _: String, _: Option<String>) -> Result<String, types::Error> {
        Ok(String::new())
    }
}

const INPUT: &str = r#"{"text":"Hello"}"#;
const CALLS: usize = 5_000;
const ROUNDS: usize = 3;

fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

fn bare_engine() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(1000)
        .total_core_instances(8000)
        .total_memories(2000)
        .total_tables(4000)
        .total_stacks(1000)
        .max_memory_size(64 << 20)
        .table_elements(20_000)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .max_unused_warm_slots(64)
        .decommit_batch_size(16)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .memory_reservation(4 << 30)
        .memory_guard_size(32 << 20)
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20)
        .concurrency_support(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

fn bare(package: &Package) -> wasmtime::Result<(Engine, ConnectorPre<Bare>)> {
    let engine = bare_engine()?;
    let component = Component::new(&engine, &package.bytes)?;
    let mut linker = Linker::<Bare>::new(&engine);
    linker.allow_shadowing(true);
    linker.define_unknown_imports_as_traps(&component)?;
    // resources need types of their own, which a trap does not have
    for interface in ["bytes", "http", "blobs", "reply"] {
        linker.instance(&format!("patchbay:connector/{interface}@{VERSION}"))?.resource(
            "source",
            ResourceType::host::<wit_bytes::Source>(),
            |_, _| Ok(()),
        )?;
    }
    linker.instance(&format!("patchbay:connector/reply@{VERSION}"))?.resource(
        "responder",
        ResourceType::host::<reply::Responder>(),
        |_, _| Ok(()),
    )?;
    log::add_to_linker::<_, HasSelf<Bare>>(&mut linker, |state| state)?;
    usage::add_to_linker::<_, HasSelf<Bare>>(&mut linker, |state| state)?;
    events::add_to_linker::<_, HasSelf<Bare>>(&mut linker, |state| state)?;
    let pre = ConnectorPre::new(linker.instantiate_pre(&component)?)?;
    Ok((engine, pre))
}

async fn call_bare(instance: &Connector, store: &mut Store<Bare>) -> wasmtime::Result<()> {
    let call = Call {
        run: "run_0".to_owned(),
        action: "run".to_owned(),
        input: INPUT.to_owned(),
        attachment: None,
        idempotency_key: None,
    };
    let output = instance.patchbay_connector_actions().call_invoke(store, &call).await?;
    wasmtime::ensure!(output.is_ok(), "the guest failed");
    Ok(())
}

async fn fresh(engine: &Engine, pre: &ConnectorPre<Bare>) -> wasmtime::Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..CALLS {
        let begun = Instant::now();
        let mut store = Store::new(engine, Bare);
        let instance = pre.instantiate_async(&mut store).await?;
        call_bare(&instance, &mut store).await?;
        drop(store);
        samples.push(begun.elapsed());
    }
    Ok(samples)
}

async fn reused(engine: &Engine, pre: &ConnectorPre<Bare>) -> wasmtime::Result<Samples> {
    let mut samples = Samples::default();
    let mut store = Store::new(engine, Bare);
    let instance = pre.instantiate_async(&mut store).await?;
    for _ in 0..CALLS {
        let begun = Instant::now();
        call_bare(&instance, &mut store).await?;
        samples.push(begun.elapsed());
    }
    Ok(samples)
}

async fn runtime(directory: &Path) -> anyhow::Result<Runtime> {
    let database = Database::open(&DatabaseUrl::sqlite(directory.join("bench.db"))).await?;
    database.migrate().await?;
    let services = Services {
        egress: Arc::new(Egress::new(EgressConfig::default(), Arc::new(SystemLookup))?),
        database,
        kept: Arc::default(),
        blobs: BlobStore::new(directory.join("blobs")),
        mac: ArtefactMac::new([7; 32]),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    Ok(Runtime::new(RuntimeConfig::new(Compiler::InProcess, directory.join("cache")), services)?)
}

fn echo(fixtures: &Path) -> anyhow::Result<Package> {
    let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
    let bytes = Bytes::from(fs::read(fixtures.join("echo.wasm"))?);
    Ok(patchbay_package::open(bytes, &trust, &OpenLimits { max_bytes: 64 << 20 })?)
}

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let directory = tempfile::tempdir_in("target")?;
    let package = Arc::new(echo(&places.fixtures)?);
    let (engine, pre) = bare(&package).map_err(plain)?;
    let runtime = runtime(directory.path()).await?;
    let plugin = runtime.load(Arc::clone(&package)).await?;
    let (clock, random): (&dyn Clock, &dyn Random) = (&SystemClock, &SystemRandom);
    let tenant = runtime.tenant(
        &package.manifest.id,
        64,
        TenantInit {
            org: OrgId::new(clock, random),
            installation: InstallationId::new(clock, random),
            config: "{}".to_owned(),
            credentials: None,
            connection: (None, None),
            account: None,
            webhook_url: String::new(),
            named_hosts: None,
        },
    );
    let ours = async || {
        let mut samples = Samples::default();
        for _ in 0..CALLS {
            let begun = Instant::now();
            let call = Invocation {
                tenant: Arc::clone(&tenant),
                run: RunId::new(clock, random),
                timeout: None,
                spending: None,
                entitlements: None,
                peers: None,
                once: None,
                reach: Reach::Full,
            };
            let action = ActionCall {
                action: "run".to_owned(),
                input: INPUT.to_owned(),
                attachment: None,
                idempotency_key: None,
            };
            let finished = plugin.invoke(call, action).await;
            samples.push(begun.elapsed());
            finished.result?;
        }
        anyhow::Ok(samples)
    };
    let mut columns = [Samples::default(), Samples::default(), Samples::default()];
    for _ in 0..ROUNDS {
        let [bare_fresh, bare_reused, our_fresh] = &mut columns;
        bare_fresh.extend(fresh(&engine, &pre).await.map_err(plain)?);
        bare_reused.extend(reused(&engine, &pre).await.map_err(plain)?);
        our_fresh.extend(ours().await?);
    }
    let mut text = String::from(
        "The echo guest: parse 16 bytes of JSON, one log line, one usage record, one event, print JSON. Three interleaved rounds of 5,000 calls on one thread.\n\n",
    );
    writeln!(text, "| | p50 | p99 |\n|---|---|---|")?;
    let names = [
        "bare wasmtime, fresh instance, no limits",
        "bare wasmtime, instance reused",
        "our call (fresh instance, all limits, effects kept)",
    ];
    for (name, samples) in names.iter().zip(&columns) {
        writeln!(text, "| {name} | {} | {} |", us(samples.percentile(50.0)), us(samples.percentile(99.0)))?;
    }
    let [bare_fresh, _, our_fresh] = &columns;
    let (floor, ours) = (bare_fresh.percentile(50.0), our_fresh.percentile(50.0));
    writeln!(
        text,
        "\n**Ours is {:.2}× the bare floor at the median ({} calls).**\n",
        ours.as_secs_f64() / floor.max(Duration::from_nanos(1)).as_secs_f64(),
        our_fresh.len()
    )?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bare_engine_calls_a_guest_of_todays_contract() {
        let fixtures = std::env::var_os("PATCHBAY_FIXTURES_DIR").unwrap_or_else(|| "../../target/fixtures".into());
        let package = echo(Path::new(&fixtures)).expect("packed guests: `cargo xtask fixtures` makes them");
        let (engine, pre) = bare(&package).unwrap();
        let mut store = Store::new(&engine, Bare);
        let instance = pre.instantiate_async(&mut store).await.unwrap();
        call_bare(&instance, &mut store).await.unwrap();
    }
}
