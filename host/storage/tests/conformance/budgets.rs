//! Reserving of budgets, and settling.

use chrono::Duration;
use patchbay_model::{
    BudgetId, OrgId, RunId, Timestamp,
    budget::{Budget, BudgetSubject, BudgetUnit},
    plan::{MILLION, Metric},
};
use patchbay_storage::{Ask, BudgetState, Reservation, Reserved, Spent};

use crate::{Store, store::plugin};

/// Of the org, in tokens.
pub fn budget(store: &Store, org: OrgId, cap: u64) -> Budget {
    store.tick();
    Budget {
        id: BudgetId::new(&store.clock, &store.random),
        org,
        subject: BudgetSubject::Org,
        unit: BudgetUnit::Metric(Metric::AiTokens),
        cap,
        created_at: store.now(),
        updated_at: store.now(),
    }
}

/// Of a new call, for so many whole units.
pub fn ask(store: &Store, budget: BudgetId, units: u64) -> Reservation {
    store.tick();
    Reservation {
        run: RunId::new(&store.clock, &store.random),
        period: period(store),
        now: store.now(),
        lease_until: store.later(60_000),
        asks: vec![Ask { budget, spent: 0, wanted: units * MILLION, at_least: units * MILLION }],
    }
}

fn period(store: &Store) -> Timestamp {
    let day = Duration::days(1).num_microseconds().unwrap();
    let micros = store.now().timestamp_micros();
    Timestamp::from_timestamp_micros(micros - micros % day).unwrap()
}

async fn put(store: &Store, budget: &Budget) {
    let mut tx = store.database.begin().await.unwrap();
    tx.org(budget.org).budgets().put(budget).await.unwrap();
    tx.commit().await.unwrap();
}

async fn made(store: &Store, cap: u64) -> Budget {
    let budget = budget(store, store.ours, cap);
    put(store, &budget).await;
    budget
}

async fn reserve(store: &Store, reservation: &Reservation) -> Reserved {
    let mut tx = store.database.begin().await.unwrap();
    let end = tx.org(store.ours).budgets().reserve(reservation).await.unwrap();
    if matches!(end, Reserved::All(_)) {
        tx.commit().await.unwrap();
    }
    end
}

/// In whole units.
async fn state(store: &Store, budget: BudgetId) -> (u64, u64) {
    let mut tx = store.database.read().await.unwrap();
    let now = store.now();
    let BudgetState { spent, reserved } = tx.org(store.ours).budgets().state(budget, period(store), now).await.unwrap();
    (spent / MILLION, reserved / MILLION)
}

pub async fn a_budget_keeps_its_id_when_its_cap_changes(store: Store) {
    let first = made(&store, 10).await;
    let second = Budget { cap: 20, ..budget(&store, store.ours, 0) };
    put(&store, &second).await;
    let money = Budget { unit: BudgetUnit::Money, ..budget(&store, store.ours, 500) };
    put(&store, &money).await;
    let of_plugin = Budget { subject: BudgetSubject::Plugin(plugin("openai")), ..budget(&store, store.ours, 7) };
    put(&store, &of_plugin).await;

    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let changed = Budget { cap: 20, updated_at: second.updated_at, ..first.clone() };
    assert_eq!(ours.budgets().get(&first.subject, first.unit).await.unwrap(), Some(changed.clone()));
    assert_eq!(ours.budgets().list().await.unwrap(), [changed, money.clone(), of_plugin.clone()]);
    assert!(ours.budgets().delete(money.id).await.unwrap());
    assert!(!ours.budgets().delete(money.id).await.unwrap());
    assert_eq!(ours.budgets().get(&of_plugin.subject, of_plugin.unit).await.unwrap(), Some(of_plugin));
}

pub async fn what_is_reserved_is_not_there_for_others(store: Store) {
    let budget = made(&store, 10).await;
    assert_eq!(reserve(&store, &ask(&store, budget.id, 6)).await, Reserved::All(vec![6 * MILLION]));
    let refused = Reserved::Refused { budget: budget.id, cap: 10, taken: 6 * MILLION };
    assert_eq!(reserve(&store, &ask(&store, budget.id, 5)).await, refused);
    assert_eq!(reserve(&store, &ask(&store, budget.id, 4)).await, Reserved::All(vec![4 * MILLION]));
    assert_eq!(state(&store, budget.id).await, (0, 10));
}

pub async fn a_call_that_asks_again_replaces_what_it_holds(store: Store) {
    let budget = made(&store, 10).await;
    let mut call = ask(&store, budget.id, 4);
    reserve(&store, &call).await;
    for round in 1..=3 {
        // it has spent three of the four, and wants four anew
        call.asks[0].spent = 3_000_000;
        let wanted = if round < 3 { 4 } else { 1 };
        call.asks[0].wanted = wanted * MILLION;
        call.asks[0].at_least = wanted * MILLION;
        assert_eq!(reserve(&store, &call).await, Reserved::All(vec![wanted * MILLION]), "{round}");
        assert_eq!(state(&store, budget.id).await, (3 * round, wanted));
    }
    call.asks[0].spent = -2_000_000;
    reserve(&store, &call).await;
    assert_eq!(state(&store, budget.id).await, (7, 1));
}

pub async fn less_than_was_wanted_is_given_if_it_is_enough(store: Store) {
    let budget = made(&store, 10).await;
    let mut call = ask(&store, budget.id, 25);
    call.asks[0].at_least = 1;
    assert_eq!(reserve(&store, &call).await, Reserved::All(vec![10 * MILLION]));
    let mut other = ask(&store, budget.id, 1);
    other.asks[0].at_least = 1;
    assert!(matches!(reserve(&store, &other).await, Reserved::Refused { .. }));
}

pub async fn of_several_budgets_all_are_reserved_or_none(store: Store) {
    let large = made(&store, 100).await;
    let small = Budget { unit: BudgetUnit::Money, ..budget(&store, store.ours, 3) };
    put(&store, &small).await;
    let mut call = ask(&store, large.id, 10);
    call.asks.push(Ask { budget: small.id, spent: 0, wanted: 4 * MILLION, at_least: 4 * MILLION });
    let refused = Reserved::Refused { budget: small.id, cap: 3, taken: 0 };
    assert_eq!(reserve(&store, &call).await, refused);
    assert_eq!((state(&store, large.id).await, state(&store, small.id).await), ((0, 0), (0, 0)));
    call.asks[1] = Ask { budget: small.id, spent: 0, wanted: 2 * MILLION, at_least: 2 * MILLION };
    assert_eq!(
        reserve(&store, &call).await,
        Reserved::All(vec![10 * MILLION, 2 * MILLION]),
        "in the order of the asks"
    );
}

pub async fn what_a_run_has_spent_is_settled_with_it(store: Store) {
    let (budget, journal) = (made(&store, 10).await, store.journal());
    let call = ask(&store, budget.id, 8);
    reserve(&store, &call).await;
    let spent = |amount| vec![Spent { budget: budget.id, period: period(&store), amount, perhaps: vec![] }];
    let mut commit = store.commit(store.ours);
    commit.run.id = call.run;
    commit.spent = spent(5_000_000);
    journal.commit(commit).await.unwrap();
    assert_eq!(state(&store, budget.id).await, (5, 0));
    let mut tx = store.database.read().await.unwrap();
    let all = tx.org(store.ours).budgets().states(period(&store), store.now()).await.unwrap();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [(budget.id, BudgetState { spent: 5 * MILLION, reserved: 0 })]);
    drop(tx);
    // of several in one batch all count, also of calls that held nothing
    let commits = (0..5).map(|_| {
        let mut commit = store.commit(store.ours);
        commit.spent = spent(2_000_000);
        journal.commit(commit)
    });
    for end in futures::future::join_all(commits.collect::<Vec<_>>()).await {
        end.unwrap();
    }
    assert_eq!(state(&store, budget.id).await, (15, 0));
    assert!(matches!(reserve(&store, &ask(&store, budget.id, 1)).await, Reserved::Refused { .. }));
}

pub async fn a_repeat_that_is_not_billed_is_not_spent(store: Store) {
    let (budget, journal) = (made(&store, 10).await, store.journal());
    let commit = |dedupe: &[&str]| {
        let mut commit = store.commit(store.ours);
        commit.usage = dedupe.iter().map(|id| store.usage(&commit.run, "in", 2, Some(id))).collect();
        let perhaps = commit.usage.iter().map(|record| (record.id, 2_000_000)).collect();
        commit.spent = vec![Spent { budget: budget.id, period: period(&store), amount: 1_000_000, perhaps }];
        commit
    };
    let commits = [commit(&["a", "b"]), commit(&["a", "c"]), commit(&["c"])];
    for end in futures::future::join_all(commits.into_iter().map(|commit| journal.commit(commit))).await {
        end.unwrap();
    }
    assert_eq!(state(&store, budget.id).await, (3 + 3 * 2, 0));
}

pub async fn what_was_not_begun_is_given_back(store: Store) {
    let budget = made(&store, 10).await;
    let (call, other) = (ask(&store, budget.id, 6), ask(&store, budget.id, 4));
    reserve(&store, &call).await;
    reserve(&store, &other).await;
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).budgets().release(call.run, &[budget.id], call.period).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(state(&store, budget.id).await, (0, 4));
}

pub async fn a_lease_ends_by_itself(store: Store) {
    let budget = made(&store, 10).await;
    let call = ask(&store, budget.id, 10);
    reserve(&store, &call).await;
    assert!(matches!(reserve(&store, &ask(&store, budget.id, 1)).await, Reserved::Refused { .. }));
    // its hub died, and nobody gives it back
    store.clock.advance(Duration::minutes(2));
    assert_eq!(state(&store, budget.id).await, (0, 0));
    assert_eq!(reserve(&store, &ask(&store, budget.id, 10)).await, Reserved::All(vec![10 * MILLION]));
    // it was not dead, only late: what it has spent counts all the same
    let mut commit = store.commit(store.ours);
    commit.run.id = call.run;
    commit.spent = vec![Spent { budget: budget.id, period: call.period, amount: 3_000_000, perhaps: vec![] }];
    store.journal().commit(commit).await.unwrap();
    assert_eq!(state(&store, budget.id).await, (3, 10));
}

pub async fn a_new_period_begins_with_nothing_spent(store: Store) {
    let budget = made(&store, 10).await;
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).budgets().set_spent(budget.id, period(&store), 9 * MILLION).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(state(&store, budget.id).await, (9, 0));
    assert!(matches!(reserve(&store, &ask(&store, budget.id, 2)).await, Reserved::Refused { .. }));
    store.clock.advance(Duration::days(1));
    assert_eq!(reserve(&store, &ask(&store, budget.id, 10)).await, Reserved::All(vec![10 * MILLION]));
}

pub async fn a_deleted_budget_stops_nobody(store: Store) {
    let budget = made(&store, 10).await;
    let call = ask(&store, budget.id, 1);
    reserve(&store, &call).await;
    let mut tx = store.database.begin().await.unwrap();
    assert!(tx.org(store.ours).budgets().delete(budget.id).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(reserve(&store, &ask(&store, budget.id, 50)).await, Reserved::All(vec![50 * MILLION]));
    let mut commit = store.commit(store.ours);
    commit.run.id = call.run;
    commit.spent = vec![Spent { budget: budget.id, period: call.period, amount: 1, perhaps: vec![] }];
    store.journal().commit(commit).await.unwrap();
}

pub async fn an_org_does_not_see_anothers_budgets(store: Store) {
    let budget = made(&store, 10).await;
    reserve(&store, &ask(&store, budget.id, 6)).await;
    let mut tx = store.database.begin().await.unwrap();
    let mut theirs = tx.org(store.theirs);
    assert_eq!(theirs.budgets().list().await.unwrap(), []);
    assert_eq!(theirs.budgets().get(&budget.subject, budget.unit).await.unwrap(), None);
    let state = theirs.budgets().state(budget.id, period(&store), store.now()).await.unwrap();
    assert_eq!(state, BudgetState::default());
    assert!(theirs.budgets().states(period(&store), store.now()).await.unwrap().is_empty());
    assert!(!theirs.budgets().delete(budget.id).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(self::state(&store, budget.id).await, (0, 6));
}
