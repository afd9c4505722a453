//! Plans: what an org may, what it has used of it, and where it ends.
//!
//! What plans include is configuration ([`catalogue`]); who has which is in the database. A call asks once, before it
//! begins ([`gate`]): one look into a cache and some comparisons. Two kinds of ends must not be mixed up. A *limit* of a
//! plan is soft: it is compared with counters that are a little old ([`tally`]), and if they cannot be read the call goes
//! on. A *budget* is hard: see [`crate::budgets`].

mod built_in;
pub(crate) mod catalogue;
pub(crate) mod change;
pub(crate) mod estimate;
pub(crate) mod gate;
pub(crate) mod refusal;
pub(crate) mod settings;
pub(crate) mod standing;
pub(crate) mod summary;
pub(crate) mod tally;
pub(crate) mod view;

use std::collections::BTreeMap;

use patchbay_model::{plan::Counts, run::UsageRecord};

/// Quantities by what they count as, of records that plans know of.
pub(crate) fn summed<'a>(records: impl Iterator<Item = &'a UsageRecord>) -> BTreeMap<Counts, u64> {
    let mut sums: BTreeMap<Counts, u64> = BTreeMap::new();
    for record in records {
        if let Some(counts) = record.counts {
            let sum = sums.entry(counts).or_default();
            *sum = sum.saturating_add(record.quantity);
        }
    }
    sums
}
