//! Counts in a Redis of the test's own: together, in one step, by its clock, and without it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests: what is not as expected must stop them")]

use std::{sync::Arc, time::Duration};

use patchbay_limits::{LimitKey, Limiter, PauseKey, Pauses, Store, Verdict, Wanted};
use patchbay_model::{OrgId, rate::Endpoint};
use patchbay_test_redis::TestRedis;
use uuid::Uuid;

fn org(number: u128) -> OrgId {
    OrgId(Uuid::from_u128(number))
}

fn limit(number: u128, rate: &str) -> Wanted {
    Wanted { key: LimitKey::Org(org(number)), rate: rate.parse().unwrap() }
}

/// Asks until it is so, as a hub does that comes back to its store.
async fn until(is_so: impl Fn() -> bool) {
    let asking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("it did not become so");
}

async fn hub(redis: &TestRedis) -> (Arc<Store>, Limiter) {
    let store = Store::open(&redis.url().parse().unwrap()).unwrap();
    until(|| store.is_up()).await;
    (Arc::clone(&store), Limiter::new(Some(store)))
}

fn remaining(verdict: &Verdict) -> Option<Vec<u32>> {
    match verdict {
        Verdict::Allowed(standings) => Some(standings.iter().map(|standing| standing.remaining).collect()),
        Verdict::Refused { .. } => None,
    }
}

#[tokio::test]
async fn hubs_count_together() {
    let Some(redis) = TestRedis::start() else { return };
    let ((_, one), (_, other)) = (hub(&redis).await, hub(&redis).await);
    for (hub, left) in [(&one, 3), (&other, 2), (&one, 1), (&other, 0)] {
        assert_eq!(remaining(&hub.check(&[limit(1, "4/h")]).await), Some(vec![left]));
    }
    for hub in [&one, &other] {
        let Verdict::Refused { by, wait } = hub.check(&[limit(1, "4/h")]).await else { panic!("a fifth") };
        assert_eq!((by.name, by.remaining), ("org", 0));
        assert!(wait > Duration::from_secs(800) && wait <= Duration::from_secs(900), "{wait:?}");
        assert!(by.reset > wait && by.reset <= Duration::from_secs(3600), "{:?}", by.reset);
    }
    assert_eq!(remaining(&other.check(&[limit(2, "4/h")]).await), Some(vec![3]));
}

#[tokio::test]
async fn a_refused_request_counts_against_none_of_its_limits() {
    let Some(redis) = TestRedis::start() else { return };
    let (_, limiter) = hub(&redis).await;
    let endpoint = Wanted { key: LimitKey::Endpoint(org(1), Endpoint::Read), rate: "10/h".parse().unwrap() };
    let both = [endpoint.clone(), limit(1, "1/h")];
    assert_eq!(remaining(&limiter.check(&both).await), Some(vec![9, 0]));
    let Verdict::Refused { by, .. } = limiter.check(&both).await else { panic!("a second") };
    assert_eq!(by.name, "org");
    assert_eq!(remaining(&limiter.check(&[endpoint]).await), Some(vec![8]));
}

#[tokio::test]
async fn of_many_at_once_as_many_pass_as_may() {
    let Some(redis) = TestRedis::start() else { return };
    let ((ones, one), (others, other)) = (hub(&redis).await, hub(&redis).await);
    let hubs = [Arc::new(one), Arc::new(other)];
    // the store has to be given the script first
    for hub in &hubs {
        hub.check(&[limit(2, "50/day")]).await;
    }
    until(|| ones.is_up() && others.is_up()).await;
    let mut passed = 0;
    // a hub waits for the store for an instant only: no more at once than a busy machine answers within it
    for _ in 0..10 {
        let tasks: Vec<_> = (0..20)
            .map(|index| {
                let hub = Arc::clone(hubs.get(index % 2).unwrap());
                tokio::spawn(async move { remaining(&hub.check(&[limit(1, "50/day")]).await).is_some() })
            })
            .collect();
        for task in tasks {
            passed += u32::from(task.await.unwrap());
        }
    }
    assert_eq!(passed, 50);
}

#[tokio::test]
async fn room_comes_back_by_the_stores_clock() {
    let Some(redis) = TestRedis::start() else { return };
    let (_, limiter) = hub(&redis).await;
    let limit = [limit(1, "20/s")];
    for _ in 0..20 {
        limiter.check(&limit).await;
    }
    let Verdict::Refused { wait, .. } = limiter.check(&limit).await else { return };
    assert!(wait <= Duration::from_millis(50), "{wait:?}");
    tokio::time::sleep(wait).await;
    assert!(remaining(&limiter.check(&limit).await).is_some());
}

#[tokio::test]
async fn without_its_store_a_hub_counts_for_itself_and_takes_it_up_again() {
    let Some(mut redis) = TestRedis::start() else { return };
    let (store, limiter) = hub(&redis).await;
    let limit = [limit(1, "3/h")];
    assert_eq!(remaining(&limiter.check(&limit).await), Some(vec![2]));
    redis.kill();
    assert_eq!(remaining(&limiter.check(&limit).await), Some(vec![2]), "its own count begins");
    assert!(!store.is_up());
    for left in [1, 0] {
        assert_eq!(remaining(&limiter.check(&limit).await), Some(vec![left]));
    }
    assert_eq!(remaining(&limiter.check(&limit).await), None);
    redis.resume();
    until(|| store.is_up()).await;
    assert_eq!(remaining(&limiter.check(&limit).await), Some(vec![2]), "the store was emptied");
}

#[tokio::test]
async fn a_store_that_was_never_there_holds_nobody_up() {
    let store = Store::open(&"redis+unix:///nowhere/socket".parse().unwrap()).unwrap();
    let limiter = Limiter::new(Some(Arc::clone(&store)));
    assert!(remaining(&limiter.check(&[limit(1, "3/h")]).await).is_some());
    assert!(!store.is_up());
}

#[tokio::test]
async fn a_pause_that_one_hub_was_asked_for_holds_on_the_others_and_is_not_shortened() {
    let Some(redis) = TestRedis::start() else { return };
    let ((one, _), (other, _)) = (hub(&redis).await, hub(&redis).await);
    let (one, other) = (Pauses::new(Some(one)), Pauses::new(Some(other)));
    let key = |host: &str| PauseKey { org: org(1), plugin: "openai".parse().unwrap(), host: host.to_owned() };
    one.begin(&key("api.vendor.test"), Duration::from_secs(60)).await;
    one.begin(&key("api.vendor.test"), Duration::from_secs(1)).await;
    let left = other.left(&key("api.vendor.test")).await.unwrap();
    assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60), "{left:?}");
    assert_eq!(other.left(&key("other.vendor.test")).await, None);
}

#[test]
fn a_url_is_of_a_store_and_is_not_shown() {
    let url: patchbay_limits::StoreUrl = "rediss://:hunter2@cache.internal:6380".parse().unwrap();
    assert!(!format!("{url:?}").contains("hunter2"));
    for text in ["", "http://x", "cache:6379"] {
        assert!(text.parse::<patchbay_limits::StoreUrl>().is_err(), "{text}");
    }
}
