//! Packages that are cheap to send and dear to compile.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use patchbay_runtime::Compiler;
use patchbay_tests::{Fixture, TestHub};
use serde_json::json;

/// A module of the world's shape with this much more in it.
fn bomb(more: &str) -> Fixture {
    let calm = include_str!("../../fixtures/modules/wild-pointer.wat");
    let end = calm.rfind(')').unwrap();
    Fixture::of_text("bomb", &format!("{}{more})", &calm[..end]))
}

/// Functions whose bodies hold thousands of values live at once: register allocation is what hurts.
fn heavy_functions(count: usize, width: usize) -> String {
    let mut text = String::new();
    for function in 0..count {
        let _ = write!(text, "(func (export \"f{function}\") (param i64) (result i64)");
        for value in 0..width {
            let _ = write!(text, "(i64.mul (local.get 0) (i64.const {value}))");
        }
        text.push_str(&"(i64.add)".repeat(width - 1));
        text.push(')');
    }
    text
}

fn many_locals() -> String {
    format!("(func (export \"f\") (local {}))", "i64 ".repeat(49_000))
}

fn huge_branch_table() -> String {
    format!("(func (export \"f\") (param i32) (block (br_table {}(local.get 0))))", "0 ".repeat(500_000))
}

async fn limited() -> TestHub {
    let hub = TestHub::setup()
        .edit(|config| {
            assert!(
                matches!(config.runtime.compiler, Compiler::Child(_)),
                "the limits are those of a child process: build it first with `cargo build -p patchbay`"
            );
        })
        .start()
        .await;
    let org = hub.org("neighbour").await;
    let _ = org.upload(Fixture::load("echo").pack()).await.expect(201);
    let _ = org.install("echo", json!({})).await.expect(200);
    // what is compiled by now is kept: beside another test's bomb it may have taken longer than that
    hub.restart_with(|config| config.runtime.compile_timeout = Duration::from_secs(3)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_ends_within_its_limits() {
    let hub = limited().await;
    let org = hub.org("hostile").await;
    for (version, kind, text) in [
        ("1.0.0", "heavy functions", heavy_functions(3_000, 2_000)),
        ("1.0.1", "many locals", many_locals()),
        ("1.0.2", "a branch table", huge_branch_table()),
    ] {
        let package = bomb(&text).version(version).pack();
        let before = Instant::now();
        let reply = org.upload(package).await;
        let took = before.elapsed();
        println!("{kind}: {} after {took:?}", reply.status);
        assert!(took < Duration::from_secs(60), "{kind} took {took:?}");
        if reply.status != 201 {
            reply.expect_problem("package_compile_failed");
        }
        let _ = hub.get("/readyz").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compiling_does_not_keep_others_waiting() {
    let hub = limited().await;
    let (org, neighbour) = (hub.org("hostile").await, hub.org("other").await);
    let _ = neighbour.install("echo", json!({})).await.expect(200);
    let package = bomb(&heavy_functions(3_000, 2_000)).pack();
    let uploading = tokio::spawn(async move { org.upload(package).await });
    while !uploading.is_finished() {
        let input = json!({"text": "x"});
        let reply = tokio::time::timeout(Duration::from_secs(30), neighbour.act("echo", "run", &input));
        let _ = reply.await.expect("the neighbour is served").expect(200);
    }
    uploading.await.unwrap().expect_problem("package_compile_failed");
}
