//! What is said of subscriptions, what is read of usage, and what a vendor lost.

use crate::testing::TestHub;
use chrono::Duration;
use patchbay_model::{
    Code, OrgId, Timestamp,
    billing::{DayCheck, Entry, Notice, NoticeKind, Reading, Subscription, SubscriptionStatus},
    org::Org,
    period::full_hour,
    plan::{Counts, Metric},
    run::{Basis, UsageRecord},
};

/// What `pro` includes.
const INCLUDED: u64 = 10_000_000;

fn subscription(plan: &str, status: SubscriptionStatus, starts: Timestamp) -> Subscription {
    Subscription {
        customer: "cus_1".to_owned(),
        plan: Some(plan.to_owned()),
        status,
        period_starts_at: starts,
        period_ends_at: starts + Duration::days(30),
        trial_ends_at: None,
        grace_ends_at: None,
        ends_at: None,
    }
}

async fn tell(test: &TestHub, org: &Org, subscription: Subscription) {
    let hub = &*test.hub.0;
    let number = hub.begin_entitlement(org.id).await.unwrap();
    assert!(hub.apply_entitlement(org.id, number, subscription).await.unwrap());
}

async fn plan(test: &TestHub, org: &Org) -> String {
    test.hub.plan_of(org.id).await.unwrap().plan.name.clone()
}

/// Stores tokens that were used at a time.
async fn used(test: &TestHub, org: &Org, tokens: u64, at: Timestamp) {
    let mut commit = test.commit(org, "openai", None);
    commit.usage = vec![UsageRecord {
        id: patchbay_model::UsageId::of(commit.run.id, "tokens", 0),
        org: org.id,
        plugin: commit.run.plugin.clone(),
        run: commit.run.id,
        meter: "tokens".to_owned(),
        quantity: tokens,
        basis: Basis::Reported,
        dedupe: None,
        at,
        counts: Some(Counts::one(Metric::AiTokens)),
    }];
    test.hub.0.journal.commit(commit).await.unwrap();
}

async fn due(test: &TestHub) -> Vec<Reading> {
    let (due, next) = test.hub.0.due_readings(None).await.unwrap();
    assert_eq!(next, None);
    due.into_iter().map(|due| due.reading).collect()
}

async fn settle(test: &TestHub, org: OrgId, readings: &[Reading]) {
    for reading in readings {
        test.hub.0.settle_reading(org, reading.id, None).await.unwrap();
    }
}

async fn events(test: &TestHub, org: &Org) -> Vec<String> {
    let mut tx = test.hub.0.database.read().await.unwrap();
    let found = tx.org(org.id).events().list(0, &["billing.*".to_owned()], 50).await.unwrap();
    found.into_iter().map(|(_, event)| event.kind).collect()
}

#[tokio::test]
async fn whoever_asked_later_knows_better_and_what_is_said_twice_changes_nothing() {
    let test = TestHub::open().await;
    let (org, hub) = (test.org().await, &*test.hub.0);
    let now = test.hub.0.clock.now();
    let active = |plan| subscription(plan, SubscriptionStatus::Active, now);
    let (first, second) = (hub.begin_entitlement(org.id).await.unwrap(), hub.begin_entitlement(org.id).await.unwrap());
    assert!(hub.apply_entitlement(org.id, second, active("business")).await.unwrap());
    assert!(!hub.apply_entitlement(org.id, first, active("pro")).await.unwrap());
    assert!(hub.apply_entitlement(org.id, second, active("business")).await.unwrap());
    assert_eq!((plan(&test, &org).await.as_str(), events(&test, &org).await.len()), ("business", 1));
    let wrong = hub.apply_entitlement(org.id, second + 1, active("pro")).await.unwrap_err();
    assert_eq!(wrong.violations[0].pointer, "/number");
    let number = hub.begin_entitlement(org.id).await.unwrap();
    let wrong = hub.apply_entitlement(org.id, number, active("gold")).await.unwrap_err();
    assert_eq!(wrong.violations[0].pointer, "/subscription/plan");
    let nobody = OrgId::new(&*hub.clock, &*hub.random);
    assert_eq!(hub.begin_entitlement(nobody).await.unwrap_err().code, Code::NotFound);
    tell(&test, &org, subscription("business", SubscriptionStatus::Canceled, now)).await;
    assert_eq!(plan(&test, &org).await, "enterprise", "the plan of those who were never given one");
}

#[tokio::test]
async fn a_grace_ends_by_itself_unless_it_is_paid() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let now = test.hub.0.clock.now();
    let late = Subscription {
        grace_ends_at: Some(now + Duration::days(7)),
        ..subscription("pro", SubscriptionStatus::PastDue, now)
    };
    tell(&test, &org, late.clone()).await;
    test.clock.advance(Duration::days(6));
    test.hub.0.end_grace(org.id).await.unwrap();
    assert_eq!(plan(&test, &org).await, "pro");
    test.clock.advance(Duration::days(2));
    test.hub.0.end_grace(org.id).await.unwrap();
    assert_eq!(plan(&test, &org).await, "enterprise");
    tell(&test, &org, subscription("pro", SubscriptionStatus::Active, now)).await;
    test.hub.0.end_grace(org.id).await.unwrap();
    assert_eq!(plan(&test, &org).await, "pro");
}

#[tokio::test]
async fn what_is_used_above_the_plan_is_read_once_and_what_comes_late_with_it() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let begun = test.hub.0.clock.now() + Duration::minutes(23);
    test.clock.advance(Duration::minutes(30));
    tell(&test, &org, subscription("pro", SubscriptionStatus::Active, begun)).await;
    used(&test, &org, INCLUDED, test.hub.0.clock.now()).await;
    assert_eq!(due(&test).await, []);
    used(&test, &org, 7, test.hub.0.clock.now()).await;
    let first = due(&test).await;
    assert_eq!(first.iter().map(|reading| reading.units).collect::<Vec<_>>(), [7]);
    assert_eq!(due(&test).await, first, "it stays due until it is settled, under the same id");
    settle(&test, org.id, &first).await;
    used(&test, &org, 5, test.hub.0.clock.now()).await;
    let second = due(&test).await;
    assert_eq!((second[0].units, second[0].id == first[0].id), (5, false));
    settle(&test, org.id, &second).await;

    // the vendor's period turns, and then something of the one before comes
    test.clock.advance(begun + Duration::days(30) + Duration::hours(2) - test.hub.0.clock.now());
    tell(&test, &org, subscription("pro", SubscriptionStatus::Active, begun + Duration::days(30))).await;
    let turn = begun + Duration::days(30);
    assert_eq!(test.hub.plan_of(org.id).await.unwrap().period.starts_at, full_hour(turn));
    used(&test, &org, 3, begun + Duration::days(29)).await;
    used(&test, &org, INCLUDED + 1, test.hub.0.clock.now()).await;
    let third = due(&test).await;
    let of: Vec<_> = third.iter().map(|reading| (reading.units, reading.at)).collect();
    assert_eq!(of, [(3, turn - Duration::seconds(1)), (1, test.hub.0.clock.now())]);
    settle(&test, org.id, &third).await;
    assert_eq!(due(&test).await, []);
}

#[tokio::test]
async fn what_a_vendor_lost_is_told_once_more() {
    let test = TestHub::open().await;
    let (org, hub) = (test.org().await, &*test.hub.0);
    let day = hub.clock.now();
    tell(&test, &org, subscription("pro", SubscriptionStatus::Active, day)).await;
    used(&test, &org, INCLUDED + 100, day).await;
    let readings = due(&test).await;
    assert_eq!(hub.day_sums(day, None).await.unwrap().0, [], "what was not told cannot be missing");
    settle(&test, org.id, &readings).await;
    let (sums, _) = hub.day_sums(day, None).await.unwrap();
    assert_eq!((sums[0].units, sums[0].metric), (100, Metric::AiTokens));
    assert_eq!(hub.compare_day(org.id, Metric::AiTokens, day, 100).await.unwrap(), 0);
    let gaps = async || -> Vec<DayCheck> {
        let mut tx = hub.database.read().await.unwrap();
        tx.org(org.id).billing().checks(None, true, 10).await.unwrap()
    };
    assert_eq!(gaps().await, []);
    assert_eq!(hub.compare_day(org.id, Metric::AiTokens, day, 60).await.unwrap(), 40);
    assert_eq!((gaps().await[0].ours, gaps().await[0].theirs), (100, 60));
    let repairs = due(&test).await;
    assert_eq!((repairs.len(), repairs[0].units, repairs[0].is_repair), (1, 40, true));
    settle(&test, org.id, &repairs).await;
    // its sums are late: the same loss is made good once
    assert_eq!(hub.compare_day(org.id, Metric::AiTokens, day, 60).await.unwrap(), 40);
    assert_eq!(due(&test).await, []);
    assert_eq!(hub.compare_day(org.id, Metric::AiTokens, day, 100).await.unwrap(), 0);
    assert_eq!(gaps().await, []);
}

#[tokio::test]
async fn what_a_vendor_refuses_afterwards_is_told_once_more_until_it_takes_it() {
    let test = TestHub::open().await;
    let (org, hub) = (test.org().await, &*test.hub.0);
    let day = hub.clock.now();
    tell(&test, &org, subscription("pro", SubscriptionStatus::Active, day)).await;
    used(&test, &org, INCLUDED + 100, day).await;
    let readings = due(&test).await;
    settle(&test, org.id, &readings).await;
    let refuse = async |reading: &Reading| {
        hub.settle_reading(org.id, reading.id, Some("archived_meter".to_owned())).await.unwrap();
    };
    refuse(&readings[0]).await;
    assert_eq!(due(&test).await, [], "nothing is due before the day is compared");
    let compare = async |theirs: u64| hub.compare_day(org.id, Metric::AiTokens, day, theirs).await.unwrap();
    assert_eq!(compare(0).await, 100);
    let first = due(&test).await;
    assert_eq!(first.iter().map(|repair| (repair.units, repair.is_repair)).collect::<Vec<_>>(), [(100, true)]);
    settle(&test, org.id, &first).await;
    refuse(&first[0]).await;
    assert_eq!(compare(0).await, 100);
    let second = due(&test).await;
    assert_eq!((second.len(), second[0].units, second[0].id == first[0].id), (1, 100, false));
    settle(&test, org.id, &second).await;
    assert_eq!(compare(0).await, 100);
    assert_eq!(due(&test).await, [], "its sums are late, and it has refused nothing since");
    assert_eq!(compare(100).await, 0);
    let mut tx = hub.database.read().await.unwrap();
    let checks = tx.org(org.id).billing().checks(None, false, 10).await.unwrap();
    assert_eq!(
        checks.iter().map(|check| (check.ours, check.theirs, check.refused)).collect::<Vec<_>>(),
        [(100, 100, 100)]
    );
}

#[tokio::test]
async fn history_and_notices_are_there_once() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let at = test.hub.0.clock.now();
    let entry = |id: &str, at| Entry {
        id: id.to_owned(),
        kind: "invoice.paid".to_owned(),
        at,
        amount: Some(4_900),
        currency: Some("USD".to_owned()),
        reference: None,
        url: None,
    };
    let notice = Notice {
        id: "in_1:failed:1".to_owned(),
        kind: NoticeKind::PaymentFailed,
        at,
        amount: Some(4_900),
        currency: Some("USD".to_owned()),
        reference: Some("in_1".to_owned()),
        until: None,
        url: None,
    };
    for _ in 0..2 {
        let entries = vec![entry("a", at), entry("b", at), entry("c", at - Duration::days(1))];
        test.hub.0.note_billing(org.id, entries, vec![notice.clone()]).await.unwrap();
    }
    assert_eq!(events(&test, &org).await, ["billing.payment_failed"]);
    let caller = crate::Caller::operator(org.id);
    let first = test.hub.billing_history(&caller, None, Some(2)).await.unwrap();
    let ids: Vec<_> = first.items.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["b", "a"]);
    let rest = test.hub.billing_history(&caller, first.next.as_deref(), Some(2)).await.unwrap();
    assert_eq!((rest.items[0].id.as_str(), rest.next), ("c", None));
    let wrong = test.hub.billing_history(&caller, Some("elsewhere"), None).await.unwrap_err();
    assert_eq!(wrong.code, Code::InvalidRequest);
    assert_eq!(test.hub.billing_checkout(&caller, "pro").await.unwrap_err().code, Code::NotFound, "nothing is sold");
}
