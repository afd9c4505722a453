//! Whatever streams run at once, what they pass on together stays within the caps.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::join_all;
use patchbay_model::{
    UsageId,
    budget::{BudgetSubject, BudgetUnit},
    plan::MILLION,
    run::{Basis, UsageRecord},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::json;

use super::*;
use crate::{Caller, PutBudget, budgets::settle, testing::TestHub};

const INPUT: u64 = 20;

fn manifest(units: u64, chunk: u64) -> Manifest {
    let estimate = json!({
        "in": {"bytes-per-unit": 1},
        "out": {"units": units, "stream": {"chunk": chunk, "events": 1}},
    });
    let route = |path: &str| json!({"method": "POST", "path": path, "estimate": estimate});
    serde_json::from_value(json!({
        "id": "openai", "name": "OpenAI", "version": "1.0.0", "api": "1.0.0",
        "proxy": {"routes": [route("/v1/chat")]},
        "meters": [
            {"name": "in", "unit": "token", "metric": "ai_tokens"},
            {"name": "out", "unit": "token", "metric": "ai_tokens"},
        ],
    }))
    .unwrap()
}

/// A stream: the frames of each piece that comes from the vendor, and how many tokens the vendor reports in the end.
#[derive(Debug, Clone)]
struct Script {
    pieces: Vec<u64>,
    /// The vendor's own figure is this much lower than what was read off the stream.
    fewer: u64,
}

fn script() -> impl Strategy<Value = Script> {
    (prop::collection::vec(1..30_u64, 0..12), 0..5_u64).prop_map(|(pieces, fewer)| Script { pieces, fewer })
}

struct Field {
    test: TestHub,
    caller: Caller,
    manifest: Manifest,
    passed_on: AtomicU64,
    billed: AtomicU64,
}

impl Field {
    async fn hold(&self, run: RunId) -> Result<Option<Hold>, Failure> {
        let route = &self.manifest.proxy.as_ref().unwrap().routes[0];
        let operation = Operation::Route(route);
        let admitted = self.test.hub.admit_by_plan(&self.caller, &self.manifest, operation).await?;
        let intent = Intent::new(&self.manifest, operation, INPUT, None, Duration::from_secs(60));
        Hold::reserve(&self.test.hub.0, &admitted, run, &self.manifest, intent).await
    }

    async fn stream(&self, script: &Script) {
        let hub = &*self.test.hub.0;
        let run = RunId::new(&*hub.clock, &*hub.random);
        let hold = match self.hold(run).await {
            Ok(hold) => hold.expect("there is a budget"),
            Err(failure) => return assert_eq!(failure.code, Code::BudgetExhausted, "{failure}"),
        };
        let mut flowed = Flowed::default();
        for piece in &script.pieces {
            let next = Flowed { events: flowed.events + piece, characters: 0 };
            if let Err(failure) = hold.may_flow(next).await {
                assert_eq!(failure.code, Code::BudgetExhausted, "{failure}");
                assert!(failure.entitlement.as_ref().is_some_and(|entitlement| entitlement.budget.is_some()));
                break;
            }
            flowed = next;
            self.passed_on.fetch_add(*piece, Ordering::SeqCst);
        }
        self.commit(&hold, run, flowed.events.saturating_sub(script.fewer)).await;
    }

    async fn commit(&self, hold: &Hold, run: RunId, out: u64) {
        let hub = &*self.test.hub.0;
        let org = hub.standing(self.caller.org).await.unwrap();
        let mut commit = self.test.commit_of(self.caller.org, "openai", None);
        commit.run.id = run;
        let record = |(index, (meter, quantity)): (usize, (&str, u64))| UsageRecord {
            id: UsageId::of(run, meter, index),
            org: self.caller.org,
            plugin: self.manifest.id.clone(),
            run,
            meter: meter.to_owned(),
            quantity,
            basis: Basis::Reported,
            dedupe: None,
            at: hub.clock.now(),
            counts: Some(Counts::one(Metric::AiTokens)),
        };
        commit.usage = [("in", INPUT), ("out", out)].into_iter().enumerate().map(record).collect();
        let (period, told) = hold.told().await;
        let spent =
            |(budget, told): &(Budget, u64)| settle::spent(budget, &org.plan, period, true, *told, &commit.usage);
        commit.spent = told.iter().map(spent).collect();
        hub.journal.commit(commit).await.unwrap();
        self.billed.fetch_add(INPUT + out, Ordering::SeqCst);
    }
}

async fn check((units, chunk): (u64, u64), caps: (u64, u64), scripts: Vec<Script>) -> Result<(), TestCaseError> {
    let test = TestHub::open().await;
    let org = test.org().await;
    let caller = test.caller(&org).await;
    // 40 cents for 100,000 tokens, and half a cent for ten calls
    test.hub.set_plan(org.id, "pro", None).await.unwrap();
    let put = async |subject, unit, cap| test.hub.put_budget(&caller, subject, unit, PutBudget { cap }).await.unwrap();
    let tokens = BudgetUnit::Metric(Metric::AiTokens);
    put(BudgetSubject::Org, tokens, caps.0).await;
    put(BudgetSubject::ApiKey(caller.key().unwrap()), BudgetUnit::Metric(Metric::Calls), caps.1).await;
    let field = Field {
        test,
        caller,
        manifest: manifest(units, chunk),
        passed_on: AtomicU64::new(0),
        billed: AtomicU64::new(0),
    };
    join_all(scripts.iter().map(|script| field.stream(script))).await;
    let (passed_on, billed) = (field.passed_on.load(Ordering::SeqCst), field.billed.load(Ordering::SeqCst));
    prop_assert!(billed <= caps.0, "{billed} of {} tokens", caps.0);
    prop_assert!(passed_on <= caps.0, "{passed_on} of {} tokens", caps.0);
    let state =
        async |subject: BudgetSubject, unit| field.test.hub.budget(&field.caller, &subject, unit).await.unwrap().state;
    let of_org = state(BudgetSubject::Org, tokens).await;
    prop_assert_eq!((of_org.spent, of_org.reserved), (billed * MILLION, 0), "the books say what was billed");
    let of_key = state(BudgetSubject::ApiKey(field.caller.key().unwrap()), BudgetUnit::Metric(Metric::Calls)).await;
    prop_assert!(of_key.spent <= caps.1 * MILLION && of_key.reserved == 0, "{of_key:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_crowd_of_streams_passes_a_cap() {
    let handle = tokio::runtime::Handle::current();
    let run = move || {
        let config = Config { cases: 16, failure_persistence: None, ..Config::default() };
        let cases = ((1..60_u64, 1..40_u64), (30..600_u64, 1..12_u64), prop::collection::vec(script(), 1..12));
        TestRunner::new(config).run(&cases, |(sizes, caps, scripts)| handle.block_on(check(sizes, caps, scripts)))
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn a_plugin_that_meters_more_than_it_said_asks_the_vendor_once_more_only_if_there_is_as_much_again() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let caller = test.caller(&org).await;
    let tokens = BudgetUnit::Metric(Metric::AiTokens);
    test.hub.put_budget(&caller, BudgetSubject::Org, tokens, PutBudget { cap: 200 }).await.unwrap();
    let manifest = manifest(50, 10);
    let field = Field { test, caller, manifest, passed_on: AtomicU64::new(0), billed: AtomicU64::new(0) };
    let hub = &*field.test.hub.0;
    let run = RunId::new(&*hub.clock, &*hub.random);
    let hold = field.hold(run).await.unwrap().unwrap();
    hold.may_go_on().await.unwrap();
    hold.metered("out", 100);
    hold.may_go_on().await.unwrap();
    hold.metered("out", 90);
    let refused = hold.may_go_on().await.unwrap_err();
    assert_eq!(refused.code, Code::BudgetExhausted);
    field.commit(&hold, run, 190).await;
    let state = field.test.hub.budget(&field.caller, &BudgetSubject::Org, tokens).await.unwrap().state;
    assert_eq!((state.spent, state.reserved), (210 * MILLION, 0), "what was used is spent, also beyond the cap");
    let refused = field.hold(RunId::new(&*hub.clock, &*hub.random)).await.unwrap_err();
    assert_eq!(refused.code, Code::BudgetExhausted);
    assert_eq!(refused.entitlement.unwrap().used, Some(210));
}

#[tokio::test]
async fn a_call_that_was_not_begun_gives_back_what_it_held() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let caller = test.caller(&org).await;
    let tokens = BudgetUnit::Metric(Metric::AiTokens);
    test.hub.put_budget(&caller, BudgetSubject::Org, tokens, PutBudget { cap: 200 }).await.unwrap();
    let field =
        Field { test, caller, manifest: manifest(50, 10), passed_on: AtomicU64::new(0), billed: AtomicU64::new(0) };
    let hub = &*field.test.hub.0;
    let hold = field.hold(RunId::new(&*hub.clock, &*hub.random)).await.unwrap().unwrap();
    let reserved =
        async || field.test.hub.budget(&field.caller, &BudgetSubject::Org, tokens).await.unwrap().state.reserved;
    assert_eq!(reserved().await, (50 + INPUT) * MILLION);
    hold.release().await;
    assert_eq!(reserved().await, 0);
}

#[tokio::test]
async fn a_stream_is_cut_where_a_budget_in_money_ends_by_the_plugins_own_prices() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let caller = test.caller(&org).await;
    let cost = BudgetUnit::Metric(Metric::AiCost);
    test.hub.put_budget(&caller, BudgetSubject::Org, cost, PutBudget { cap: 100 }).await.unwrap();
    let mut manifest = manifest(50, 10);
    let priced = json!([{"name": "cost", "unit": "cent", "metric": "ai_cost"}]);
    manifest.meters.extend(serde_json::from_value::<Vec<_>>(priced).unwrap());
    if let Some(proxy) = &mut manifest.proxy {
        for route in &mut proxy.routes {
            let most = serde_json::from_value(json!({"units": 5})).unwrap();
            route.estimate.as_mut().unwrap().insert("cost".to_owned(), most);
        }
    }
    let field = Field { test, caller, manifest, passed_on: AtomicU64::new(0), billed: AtomicU64::new(0) };
    let hub = &*field.test.hub.0;
    let hold = field.hold(RunId::new(&*hub.clock, &*hub.random)).await.unwrap().unwrap();
    // the input is 20, and each token 7
    hold.grows("cost", "out", 20, 7);
    let flowed = |events| Flowed { events, characters: 0 };
    for events in 1..=11 {
        hold.may_flow(flowed(events)).await.unwrap_or_else(|failure| panic!("{events}: {failure}"));
    }
    let refused = hold.may_flow(flowed(12)).await.unwrap_err();
    assert_eq!(refused.code, Code::BudgetExhausted);
    let state = field.test.hub.budget(&field.caller, &BudgetSubject::Org, cost).await.unwrap().state;
    assert!(state.spent + state.reserved <= 100 * MILLION, "{state:?}");
}
