//! The hostile zoo: every guest is stopped with its own code, and a neighbour goes on being served.

use std::time::Duration;

use patchbay_tests::Fixture;
use serde_json::json;

use crate::scene::ZooScene;

/// How long a guest may take by the clock where another limit is to stop it, also on a machine that is busy otherwise.
const PATIENT_MS: u32 = 50_000;
/// The same where the clock is to stop it: a twentieth of it is left for what the guest says of that, and with so much
/// time that is half a second.
pub const LAST_WORDS_MS: u32 = 10_000;

/// A guest that is to be stopped by no clock.
pub fn patient(name: &str) -> Fixture {
    Fixture::load(name).edit(|manifest| manifest.limits.timeout_ms = Some(PATIENT_MS))
}

/// Four calls of the guest at once, with the neighbour's calls in between.
async fn is_stopped(guest: &str, text: &str, code: &str) {
    let mut guest = patient(guest);
    if code == "upstream_timeout" {
        guest.manifest.limits.timeout_ms = Some(LAST_WORDS_MS);
    }
    let scene = ZooScene::start(&guest).await;
    let guest = guest.manifest.id.as_str();
    let input = json!({"text": text});
    let attacks = futures::future::join_all((0..4).map(|_| scene.hostile.act(guest, "run", &input)));
    let neighbour = async {
        for _ in 0..10 {
            scene.assert_neighbour_answers().await;
        }
    };
    let (replies, ()) = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(attacks, neighbour) })
        .await
        .expect("the guest is stopped");
    for reply in replies {
        reply.expect_problem(code);
    }
    scene.assert_neighbour_answers().await;
    let runs = scene.hostile.runs(guest).await;
    assert_eq!(runs.len(), 4);
    assert!(runs.iter().all(|run| run["error_code"] == code), "{runs:?}");
}

macro_rules! zoo {
    ($($name:ident: $guest:literal, $text:expr => $code:literal;)*) => {
        /// The guests of the table.
        const STOPPED: &[&str] = &[$($guest),*];

        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            is_stopped($guest, $text, $code).await;
        })*
    };
}

zoo! {
    an_endless_loop: "endless-loop", "" => "plugin_cpu_exceeded";
    bulk_instructions_over_all_memory: "bulk-fill", "" => "plugin_cpu_exceeded";
    a_storm_of_host_calls: "host-call-storm", "" => "plugin_host_calls_exceeded";
    a_hunger_for_randomness: "random-hog", "" => "plugin_host_calls_exceeded";
    a_memory_bomb: "memory-bomb", "" => "plugin_memory_exceeded";
    memory_grown_page_by_page: "grow-by-one", "" => "plugin_memory_exceeded";
    two_memories_that_are_too_large_together: "two-memories", "" => "plugin_memory_exceeded";
    a_table_bomb: "table-bomb", "" => "plugin_table_exceeded";
    a_deep_recursion: "deep-recursion", "" => "plugin_stack_exhausted";
    a_trap: "trap", "" => "plugin_trapped";
    a_storm_of_panics: "panic-storm", "" => "plugin_trapped";
    a_trap_after_the_answer: "post-return-trap", "" => "plugin_trapped";
    a_pointer_out_of_range: "wild-pointer", "" => "plugin_trapped";
    a_length_out_of_range: "wild-length", "" => "plugin_trapped";
    a_text_that_is_not_utf8: "invalid-utf8", "" => "plugin_trapped";
    a_case_that_the_variant_has_not: "wrong-discriminant", "" => "plugin_trapped";
    an_allocator_that_lies: "realloc-liar", "x".repeat(4_000).as_str() => "plugin_trapped";
    a_forged_handle: "forged-handle", "" => "plugin_trapped";
    a_flood_of_log: "log-flood", "" => "plugin_log_exceeded";
    a_huge_output: "huge-output", "" => "plugin_output_too_large";
    a_list_that_the_host_would_blow_up: "list-amplification", "" => "plugin_output_too_large";
    a_leak_of_handles: "handle-leak", "" => "plugin_handles_exceeded";
    a_huge_header_sent: "huge-header", "one" => "egress_headers_too_large";
    a_hundred_thousand_headers_sent: "huge-header", "many" => "egress_headers_too_large";
    a_huge_header_received: "fetcher", "https://vendor.test/huge-header" => "egress_headers_too_large";
    thousands_of_headers_received: "fetcher", "https://vendor.test/many-headers" => "egress_headers_too_large";
    a_body_that_drips: "fetcher", "https://vendor.test/drip" => "upstream_timeout";
    a_body_that_never_ends: "fetcher", "https://vendor.test/endless" => "egress_body_too_large";
    a_decompression_bomb: "fetcher", "https://vendor.test/gzip-bomb" => "egress_body_too_large";
    a_sleep_on_a_silent_source: "sleeper", "" => "upstream_timeout";
    a_forbidden_host: "fetcher", "https://elsewhere.test/ok" => "egress_denied";
    a_forbidden_path: "fetcher", "https://vendor.test/admin" => "egress_denied";
    a_literal_private_address: "fetcher", "https://127.0.0.1/ok" => "egress_denied";
    the_metadata_service: "fetcher", "https://169.254.169.254/latest/meta-data" => "egress_denied";
    a_redirect_to_a_forbidden_host: "redirect-follower", "https://vendor.test/redirect?to=https://elsewhere.test/" => "egress_denied";
    a_redirect_to_a_private_address: "redirect-follower", "https://vendor.test/redirect?to=https://10.0.0.1/" => "egress_denied";
    a_redirect_to_the_hub_itself: "redirect-follower", "https://vendor.test/redirect?to=https://localhost/v1/runs" => "egress_denied";
    an_output_of_another_shape: "invalid-output", "shape" => "plugin_output_invalid";
    an_output_that_is_no_json: "invalid-output", "not-json" => "plugin_output_invalid";
    an_output_of_a_hundred_thousand_brackets: "invalid-output", "deep" => "plugin_output_invalid";
    a_number_of_a_million_digits: "invalid-output", "long-number" => "plugin_output_invalid";
    a_blob_of_nobody: "invalid-output", "blob" => "plugin_output_invalid";
    an_undeclared_meter: "undeclared", "meter" => "plugin_denied";
    an_undeclared_event: "undeclared", "event" => "plugin_denied";
    an_undeclared_collection: "undeclared", "collection" => "plugin_denied";
    an_undeclared_credential: "undeclared", "credential" => "plugin_denied";
    a_flood_of_events: "storage-flood", "" => "plugin_budget_exhausted";
    a_flood_of_large_events: "storage-flood", "large-events" => "plugin_budget_exhausted";
    a_flood_of_documents: "storage-flood", "documents" => "plugin_budget_exhausted";
    a_flood_of_batches_of_small_values: "storage-flood", "batches" => "plugin_budget_exhausted";
    a_flood_of_writes: "kv-flood", "" => "plugin_host_calls_exceeded";
    a_value_that_is_too_large: "storage-flood", "large" => "plugin_error";
    a_key_that_is_too_long: "storage-flood", "long-key" => "plugin_error";
}

/// Guests whose behaviour needs a scene of its own, and where that is.
const ELSEWHERE: &[&str] = &[
    "answerer",       // inbound
    "config-refuser", // broken_packages
    "start-trap",     // broken_packages
    "echo",           // the neighbour of all, and hot_swap
    "foreign-reader", // isolation
    "state-smuggler", // isolation
    "listener",       // consuming
    "private-name",   // private_names
    "reshape",        // endpoints
    "scribe",         // objects and events
    "caller",         // peers
    "customers",      // foreign_orgs
    "directory",      // offline
    "secret-dumper",  // canary
    "smuggler",       // smuggling
    "switchboard",    // offline
    "syncer",         // exports
    "worker",         // jobs
];

#[test]
fn every_guest_has_a_test() {
    let mut tested: Vec<&str> = STOPPED.iter().chain(ELSEWHERE).copied().collect();
    tested.sort_unstable();
    tested.dedup();
    assert_eq!(Fixture::names(), tested);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_method_is_denied() {
    let scene = ZooScene::start(&patient("fetcher")).await;
    let input = json!({"text": "https://vendor.test/ok", "method": "DELETE"});
    scene.hostile.act("fetcher", "run", &input).await.expect_problem("egress_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_names_what_the_manifest_would_have_to_say() {
    let scene = ZooScene::start(&patient("fetcher")).await;
    let reply = scene.hostile.act("fetcher", "run", &json!({"text": "https://elsewhere.test/admin"})).await;
    let run = scene.hostile.runs("fetcher").await.remove(0);
    let told = format!("{} {run}", reply.text());
    assert!(told.contains("elsewhere.test"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flooded_log_is_cut_and_cannot_forge_lines() {
    let scene = ZooScene::start(&patient("log-flood")).await;
    scene.hostile.act("log-flood", "run", &json!({})).await.expect_problem("plugin_log_exceeded");
    let run = scene.hostile.runs("log-flood").await.remove(0);
    let id = run["id"].as_str().unwrap();
    let log = scene.hostile.get(&format!("/v1/runs/{id}")).await.expect(200).json()["log"].clone();
    let lines = log.as_array().unwrap();
    let message = lines[0]["message"].as_str().unwrap();
    assert!(message.starts_with("ok") && message.contains("forged line"), "{message}");
    assert!(lines.iter().all(|line| !line["message"].as_str().unwrap().chars().any(char::is_control)));
    assert!(lines[0]["fields"].to_string().chars().all(|character| !character.is_control()));
    assert!(log.to_string().len() < 256 << 10, "{} bytes of log", log.to_string().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_panics_cost_the_hub_nothing() {
    let scene = ZooScene::start(&patient("panic-storm")).await;
    for _ in 0..20 {
        let input = json!({});
        let storm = futures::future::join_all((0..50).map(|_| scene.hostile.act("panic-storm", "run", &input)));
        for reply in storm.await {
            reply.expect_problem("plugin_trapped");
        }
    }
    scene.assert_neighbour_answers().await;
}
