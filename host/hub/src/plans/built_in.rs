//! The plans that are there if the configuration says nothing: free, starter, pro, business, enterprise.
//!
//! An org that was never given a plan has the highest one, in which nothing is limited over time and nothing costs: who runs
//! a hub for themselves notices nothing of plans. Who sells them sets `billing.default_plan` to `free`.

use patchbay_model::plan::{Metric, Price};

use super::catalogue::{Feature, LEAST_SYNC_S, Plan};

/// Of an org that was never given one.
pub(super) const DEFAULT: &str = "enterprise";

/// In the order of [`Metric::ALL`].
type Limits = [u64; Metric::ALL.len()];

/// Not limited: what models cost is between the org and their vendor.
const ANY: u64 = u64::MAX;

const FREE: Limits = [1_000, 30, 20, 20, 100_000, 50_000, 1, 1_000, 0, ANY, 20];
const STARTER: Limits = [20_000, 300, 200, 200, 2_000_000, 500_000, 5, 100_000, 1, ANY, 300];
const PRO: Limits = [100_000, 2_000, 2_000, 2_000, 10_000_000, 5_000_000, 20, 500_000, 5, ANY, 2_000];
const BUSINESS: Limits = [1_000_000, 20_000, 20_000, 20_000, 100_000_000, 50_000_000, 100, 10_000_000, 50, ANY, 20_000];

/// The places of the plans among others.
const RANKS: [u32; 5] = [10, 20, 30, 40, 50];

/// Rows that one export may have, by rank.
const EXPORTS: [u64; 5] = [1_000, 100_000, 250_000, 500_000, 1_000_000];

/// How often a sync may look, by rank: once in so many seconds.
const SYNCS: [u32; 5] = [3_600, 900, 60, LEAST_SYNC_S, LEAST_SYNC_S];

/// What more costs, in cents: price and per how many; none: no more. Endpoints are there or not.
type Overage = [Option<(u64, u64)>; Metric::ALL.len()];

/// 1.3 cents a minute.
const MINUTES: Option<(u64, u64)> = Some((13, 10));
/// 0.75 cents each.
const MESSAGES: Option<(u64, u64)> = Some((75, 100));
/// 5 dollars each in a period.
const NUMBERS: Option<(u64, u64)> = Some((500, 1));

const NO_MORE: Overage = [None; Metric::ALL.len()];
const PRO_MORE: Overage = [
    Some((50, 1_000)),
    MINUTES,
    Some((4, 1)),
    Some((4, 1)),
    Some((40, 100_000)),
    Some((30, 10_000)),
    None,
    Some((10, 1_000)),
    NUMBERS,
    None,
    MESSAGES,
];
const BUSINESS_MORE: Overage = [
    Some((30, 1_000)),
    MINUTES,
    Some((3, 1)),
    Some((3, 1)),
    Some((25, 100_000)),
    Some((20, 10_000)),
    None,
    Some((5, 1_000)),
    NUMBERS,
    None,
    MESSAGES,
];

pub(super) fn plans() -> Vec<Plan> {
    let plan = |place: usize, name: &str, price, limits: Option<Limits>, more: Overage| Plan {
        name: name.to_owned(),
        rank: RANKS.get(place).copied().unwrap_or_default(),
        price,
        max_export_rows: EXPORTS.get(place).copied(),
        limits: limits.map_or([None; Metric::ALL.len()], |limits| limits.map(|limit| (limit != ANY).then_some(limit))),
        overage: more.map(|more| more.map(|(price, per)| Price { price, per })),
        delivery_days: None,
        sync_every_s: SYNCS.get(place).copied().unwrap_or(LEAST_SYNC_S),
    };
    vec![
        plan(0, "free", 0, Some(FREE), NO_MORE),
        plan(1, "starter", 1_900, Some(STARTER), NO_MORE),
        plan(2, "pro", 4_900, Some(PRO), PRO_MORE),
        plan(3, "business", 19_900, Some(BUSINESS), BUSINESS_MORE),
        plan(4, DEFAULT, 0, None, NO_MORE),
    ]
}

/// The lowest of these plans that has it.
pub(super) const fn lowest(feature: Feature) -> &'static str {
    match feature {
        Feature::Proxy => "free",
        Feature::Budgets => "starter",
        Feature::VersionPolicy | Feature::OwnOauthClient => "pro",
        Feature::LiveTranslation => "business",
    }
}
