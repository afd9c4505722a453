//! Usage on its way to the vendor's meters, through crashes and a vendor that fails.
//!
//! A real hub is killed while calls are made and while Stripe is told of them, half of the time right after Stripe has taken
//! something: then the hub does not know it yet, and tells it again. `PATCHBAY_METER_RECORDS` says how many calls count at
//! least and `PATCHBAY_METER_KILLS` how often it is killed; 100000 and 20 is what is published.

use std::{
    collections::BTreeSet,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream};
use patchbay_model::SystemClock;
use patchbay_tests::{Org, hub::HubProcess, stripe::VISA};
use serde_json::{Value, json};

use super::scene::{Scene, counted, plan, signed_in};

/// Calls of an ordinary run of all tests.
const RECORDS: usize = 300;
/// Kills of an ordinary run.
const KILLS: usize = 2;
/// Calls at once.
const AT_ONCE: usize = 8;
/// Of a thousand requests to the meters so many fail.
const FAILING: u64 = 200;
/// Until when everything is told. On PostgreSQL a step that was killed is taken up when its lease ends.
const TOLD_IN: Duration = Duration::from_secs(600);

fn number(variable: &str, otherwise: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, and can be a whole number")),
        Err(_) => otherwise,
    }
}

struct Metered {
    hub: HubProcess,
    scene: Sold,
}

/// What of a scene outlives its hub.
struct Sold {
    stripe: patchbay_tests::Stripe,
    operator: Org,
    buyer: Org,
}

impl Metered {
    async fn start() -> Self {
        let scene = Scene::start(Arc::new(SystemClock), 1, None).await;
        let owner = scene.owner().await;
        let checkout =
            owner.call("POST", "/v1/billing/checkout").json(&json!({"plan": "pro"})).send().await.expect(200).json();
        let session = checkout["url"].as_str().unwrap().rsplit('/').next().unwrap();
        scene.stripe.complete_checkout(session, VISA).unwrap();
        scene.deliver().await;
        assert_eq!(plan(&scene.buyer).await, "pro");
        let Scene { hub, stripe, operator, buyer, .. } = scene;
        let settings = format!(
            "[upstreams]\n\"api.stripe.com\" = {:?}\n\
             [rate_limits]\norg = \"unlimited\"\nkey = \"unlimited\"\n\
             [billing]\ndefault_plan = \"free\"\norg = \"{}\"\nplugin = \"stripe\"\n\
             [plans.free]\nlimits = {{ calls = 2 }}\n\
             [plans.pro]\nlimits = {{ calls = 0 }}\noverage = {{ calls = {{ price = 50, per = 1 }} }}\n",
            stripe.url(),
            operator.id,
        );
        let hub = HubProcess::in_place_of(hub, &settings).await;
        Self { hub, scene: Sold { stripe, operator, buyer } }
    }

    fn told(&self) -> u64 {
        let told: i64 = self.scene.stripe.meter_events().iter().map(|event| event.value).sum();
        u64::try_from(told).unwrap()
    }

    /// Makes so many calls, and kills the hub in the middle; where `after_a_meter_event`, once Stripe has taken something new.
    async fn round(&mut self, calls: usize, after_a_meter_event: bool) {
        let buyer = self.hub.see(&self.scene.buyer);
        let (stripe, before) = (&self.scene.stripe, self.scene.stripe.meter_events().len());
        let done = AtomicUsize::new(0);
        let (buyer, done) = (&buyer, &done);
        // a call that a crash breaks off may count or not: the hub's books say
        let calling = stream::iter(0..calls).for_each_concurrent(AT_ONCE, |_| async move {
            let call = buyer.call("POST", "/v1/actions/echo/run").json(&json!({"text": "hi"}));
            if call.try_send().await.is_some() {
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        let killing = buyer.wait_for(TOLD_IN, || async move {
            let enough = done.load(Ordering::SeqCst) >= calls / 2;
            (enough && (!after_a_meter_event || stripe.meter_events().len() > before)).then_some(())
        });
        let hub = &mut self.hub;
        let ((), ()) = tokio::join!(calling, async {
            killing.await;
            hub.kill().await;
        });
        self.hub.start_again().await;
    }

    /// Waits until Stripe has what the hub's books have.
    async fn until_told(&self) -> u64 {
        let buyer = self.hub.see(&self.scene.buyer);
        let same = || async {
            let (used, _) = counted(&buyer, "current").await;
            (used == self.told()).then_some(used)
        };
        buyer.wait_for(TOLD_IN, same).await
    }

    /// Compares all days on which something was told, once the hub knows that all of it was taken; gives what differs.
    async fn gaps(&self) -> Vec<Value> {
        let operator = self.hub.see(&self.scene.operator);
        let events = self.scene.stripe.meter_events();
        let days: BTreeSet<i64> = events.iter().map(|event| event.timestamp / 86_400).collect();
        let mut gaps = Vec::new();
        for day in days {
            let input = json!({"day": day * 86_400_000});
            // what Stripe took and did not get to say is told once more, and not compared until then
            let compare = || async {
                let report = operator.act("stripe", "billing-reconcile", &input).await.expect(200).json();
                (report["output"]["compared"].as_u64() > Some(0)).then_some(report)
            };
            let report = operator.wait_for(TOLD_IN, compare).await;
            gaps.extend(report["output"]["gaps"].as_array().unwrap().clone());
        }
        gaps
    }
}

pub async fn used_units_reach_the_meter_once_through_crashes_and_what_is_lost_is_found() {
    let (records, kills) = (number("PATCHBAY_METER_RECORDS", RECORDS), number("PATCHBAY_METER_KILLS", KILLS));
    let mut metered = Metered::start().await;
    metered.scene.stripe.fail_at_random("/v1/billing/meter_events", 7, FAILING);
    for round in 0..kills {
        metered.round(records / (kills + 1), round % 2 == 0).await;
    }
    let buyer = metered.hub.see(&metered.scene.buyer);
    // those that a crash broke off are made up for: so many count at least
    let (so_far, _) = counted(&buyer, "current").await;
    let missing = u64::try_from(records).unwrap().saturating_sub(so_far);
    let rest = stream::iter(0..missing).for_each_concurrent(AT_ONCE, |_| async {
        let _ = buyer.act("echo", "run", &json!({"text": "hi"})).await.expect(200);
    });
    rest.await;
    let used = metered.until_told().await;
    assert!(used >= u64::try_from(records).unwrap(), "{used}");
    metered.scene.stripe.fail_at_random("/v1/billing/meter_events", 7, 0);
    let (events, repeats) = (metered.scene.stripe.meter_events(), metered.scene.stripe.repeated_meter_events());
    let identifiers: BTreeSet<_> = events.iter().map(|event| &event.identifier).collect();
    assert_eq!(identifiers.len(), events.len());
    assert!(metered.scene.stripe.rejected_meter_events().is_empty());
    assert_eq!(metered.gaps().await, [] as [Value; 0]);

    // what Stripe loses is found and told once more
    let lost = events.last().unwrap();
    assert!(metered.scene.stripe.lose_meter_event(&lost.identifier));
    let gaps = metered.gaps().await;
    assert_eq!(gaps.iter().map(|gap| gap["missing"].as_i64().unwrap()).collect::<Vec<_>>(), [lost.value]);
    assert_eq!(metered.until_told().await, used);
    assert_eq!(metered.gaps().await, [] as [Value; 0]);
    let operator = metered.hub.see(&metered.scene.operator);
    let found = operator.get("/v1/events?type=billing.usage_gap").await.expect(200).json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "the operator is told");
    let owner = signed_in(&buyer).await;
    let report = owner.get("/v1/billing/reconciliation?only_gaps=true").await.expect(200).json();
    assert_eq!(report["items"], json!([]));
    assert_eq!(metered.scene.stripe.violations(), [] as [String; 0]);
    let text =
        format!("{used} calls in {} meter events, {kills} kills, {repeats} repeats that Stripe knew", events.len());
    // not by a macro, whose text is shown of failed tests only
    let _ = writeln!(std::io::stderr(), "{text}");
}
