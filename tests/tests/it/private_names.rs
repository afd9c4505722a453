//! Names that lead to addresses no plugin may reach, with the resolver in the test's hand: the real
//! runtime and egress, called by a real guest, under a hub's use cases rather than through them.

use std::{
    collections::VecDeque,
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use futures::future::BoxFuture;
use patchbay_egress::{Egress, EgressConfig, Lookup};
use patchbay_model::{Code, InstallationId, OrgId, RunId, SystemClock, SystemRandom};
use patchbay_package::{OpenLimits, Trust};
use patchbay_runtime::{
    ActionCall, BlobStore, Compiler, Invocation, Reach, Runtime, RuntimeConfig, Services, TenantInit,
};
use patchbay_storage::{Database, DatabaseUrl};
use patchbay_tests::{Fixture, Trap};
use patchbay_vault::ArtefactMac;

/// Gives one answer after the other, and the last one for ever.
struct Answers(Mutex<VecDeque<Vec<IpAddr>>>);

impl Lookup for Answers {
    fn lookup(&self, _host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// What the guest's request to the trap's port ends in when the name resolves like this.
async fn ends_in(trap: &Trap, answers: &[&[&str]]) -> Code {
    ends_in_with(trap, answers, &[]).await
}

/// The same where the operator allows these networks.
async fn ends_in_with(trap: &Trap, answers: &[&[&str]], allowed: &[&str]) -> Code {
    let port = trap.address().port();
    let folder = tempfile::tempdir().unwrap();
    let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
    let lookup = Answers(Mutex::new(answers.iter().map(parse).collect()));
    let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("patchbay.db"))).await.unwrap();
    database.migrate().await.unwrap();
    let allow_addresses = allowed.iter().map(|network| network.parse().unwrap()).collect();
    let egress = EgressConfig { ports: vec![port], allow_addresses, ..EgressConfig::default() };
    let services = Services {
        egress: Arc::new(Egress::new(egress, Arc::new(lookup)).unwrap()),
        database,
        kept: Arc::default(),
        blobs: BlobStore::new(folder.path().join("blobs")),
        mac: ArtefactMac::new([7; 32]),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    let config = RuntimeConfig::new(Compiler::InProcess, folder.path().join("cache"));
    std::fs::create_dir_all(&config.cache_dir).unwrap();
    let runtime = Runtime::new(config, services).unwrap();
    let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
    let package = Fixture::load("private-name").pack();
    let package = patchbay_package::open(package.into(), &trust, &OpenLimits::default()).unwrap();
    let plugin = runtime.load(Arc::new(package)).await.unwrap();
    let tenant = runtime.tenant(
        &plugin.manifest().id,
        1,
        TenantInit {
            org: OrgId::new(&SystemClock, &SystemRandom),
            installation: InstallationId::new(&SystemClock, &SystemRandom),
            config: "{}".to_owned(),
            credentials: None,
            connection: (None, None),
            account: None,
            webhook_url: "http://127.0.0.1/hooks/x".to_owned(),
            named_hosts: None,
        },
    );
    let run = RunId::new(&SystemClock, &SystemRandom);
    let call = Invocation {
        tenant,
        run,
        timeout: None,
        spending: None,
        entitlements: None,
        peers: None,
        once: None,
        reach: Reach::Full,
    };
    let action = ActionCall {
        action: "run".to_owned(),
        input: format!(r#"{{"text": "name.internal.test:{port}"}}"#),
        attachment: None,
        idempotency_key: None,
    };
    plugin.invoke(call, action).await.result.expect_err("no such request may succeed").code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_resolves_to_a_private_address_is_not_reached() {
    let trap = Trap::start().await;
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "198.18.0.1",
        "::1",
        "fd00::1",
        "fe80::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ] {
        assert_eq!(ends_in(&trap, &[&[address]]).await, Code::EgressAddressDenied, "{address}");
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_its_answer_gains_nothing() {
    // the check is on the very addresses that are connected to, so a second answer is never asked for
    // by a request that passed; every answer that is private is refused whenever it comes
    let trap = Trap::start().await;
    assert_eq!(ends_in(&trap, &[&["127.0.0.1"], &["93.184.216.34"]]).await, Code::EgressAddressDenied);
    assert_eq!(ends_in(&trap, &[&["10.1.2.3", "::ffff:10.1.2.3", "169.254.169.254"]]).await, Code::EgressAddressDenied);
    assert_eq!(trap.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trap_is_where_the_names_lead() {
    // it speaks no TLS, so the request fails, but not before it was connected to
    let trap = Trap::start().await;
    assert_eq!(ends_in_with(&trap, &[&["127.0.0.1"]], &["127.0.0.1/32"]).await, Code::UpstreamUnavailable);
    assert!(trap.connections() > 0);
}
