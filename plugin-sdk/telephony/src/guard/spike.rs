//! When spending is out of the ordinary.
//!
//! Costs are added up by windows of time. One window is compared with what the windows before it came to, and with a limit of
//! its own. One alert for a window: its id is made of the window, so a second is the same event.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    money::Money,
    time::{self, Millis},
};

/// The most windows that make an average: a week of hours.
const MOST_WINDOWS: u64 = 168;

/// What is out of the ordinary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spike {
    /// Seconds of a window: 3600 compares hours.
    pub window_s: u32,
    /// A window that comes to more, in whole units of the currency, is always out of the ordinary.
    pub most: Option<Decimal>,
    /// So many times what a window came to on average is. Only compared once there were windows before.
    pub factor: Option<Decimal>,
    /// A window that comes to less is never compared with the average.
    pub least: Decimal,
    /// How many windows before it make the average, at most 168. Those in which nothing was spent count as nothing.
    pub baseline_windows: u32,
}

impl Default for Spike {
    /// Five times as much as an hour of the last day came to, from 10 units of the currency on.
    fn default() -> Self {
        Self {
            window_s: 3600,
            most: None,
            factor: Some(Decimal::from(5)),
            least: Decimal::from(10),
            baseline_windows: 24,
        }
    }
}

/// What was spent, by currency and window. Stored by the plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// By currency, then by the window's count since the epoch.
    sums: BTreeMap<String, BTreeMap<u64, Decimal>>,
}

/// A window that is out of the ordinary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The same for the same window and currency: publish the event under it, and it is told once.
    pub id: String,
    /// When the window began.
    pub window_start: Millis,
    /// When it ends.
    pub window_end: Millis,
    /// What it has come to.
    pub spent: Money,
    /// What it had to stay within.
    pub threshold: Money,
    /// What the windows before it came to on average, if that is what it was compared with.
    pub baseline: Option<Money>,
}

impl Spike {
    /// Adds what was spent at a time, and tells if its window is out of the ordinary with it. Add each cost once: when
    /// [`crate::fold::CallState::add`] says that it is new. Windows that no baseline needs are forgotten.
    pub fn add(&self, spending: &mut Spending, at: Millis, money: &Money) -> Option<Alert> {
        let length = u64::from(self.window_s.max(1)) * 1000;
        let (window, kept) = (at / length, u64::from(self.baseline_windows).min(MOST_WINDOWS));
        let sums = spending.sums.entry(money.currency.clone()).or_default();
        let sum = sums.entry(window).or_default();
        *sum = sum.saturating_add(money.amount);
        let spent = *sum;
        let last = sums.last_key_value().map_or(window, |(last, _)| *last);
        sums.retain(|window, _| window.saturating_add(kept) >= last);

        let baseline = average(sums, window, kept);
        let compared = baseline.filter(|_| spent >= self.least).zip(self.factor);
        let (threshold, baseline) = match (self.most, compared) {
            (Some(most), _) if spent > most => (most, None),
            (_, Some((baseline, factor))) if spent > baseline.saturating_mul(factor) => {
                (baseline.saturating_mul(factor), Some(baseline))
            }
            _ => return None,
        };
        let of = |amount: Decimal| Money { amount: amount.normalize(), currency: money.currency.clone() };
        let window_start = window * length;
        Some(Alert {
            id: format!("spend-spike/{}/{}/{}", money.currency, self.window_s.max(1), time::rfc3339(window_start)),
            window_start,
            window_end: window_start.saturating_add(length),
            spent: of(spent),
            threshold: of(threshold),
            baseline: baseline.map(of),
        })
    }
}

/// What the windows before one came to on average, since the first that is known; `None` if there was none.
fn average(sums: &BTreeMap<u64, Decimal>, window: u64, most: u64) -> Option<Decimal> {
    let first = *sums.first_key_value()?.0;
    let count = window.checked_sub(first)?.min(most);
    let before = sums.range(window.saturating_sub(count)..window).map(|(_, sum)| *sum);
    let total = before.fold(Decimal::ZERO, |total, sum| total.saturating_add(sum));
    total.checked_div(Decimal::from(count))
}

impl Alert {
    /// The data of the event that tells of it, money in minor units and exact.
    #[must_use]
    pub fn to_event(&self) -> Value {
        json!({
            "window_start": time::rfc3339(self.window_start),
            "window_end": time::rfc3339(self.window_end),
            "spent": self.spent.to_object(),
            "threshold": self.threshold.to_object(),
            "baseline": self.baseline.as_ref().map(Money::to_object),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn dollars(amount: &str) -> Money {
        Money::parse(amount, "USD").unwrap()
    }

    #[test]
    fn an_hour_far_above_the_hours_before_is_told_once() {
        let (spike, mut spending) = (Spike::default(), Spending::default());
        for hour in 0..24 {
            assert_eq!(spike.add(&mut spending, hour * HOUR, &dollars("2")), None);
        }
        assert_eq!(spike.add(&mut spending, 24 * HOUR, &dollars("10")), None, "five times is not more than five times");
        let first = spike.add(&mut spending, 24 * HOUR, &dollars("0.01")).unwrap();
        let second = spike.add(&mut spending, 24 * HOUR + 1, &dollars("3")).unwrap();
        assert_eq!(first.id, "spend-spike/USD/3600/1970-01-02T00:00:00Z");
        assert_eq!(second.id, first.id);
        assert_eq!((first.spent.clone(), first.threshold.clone()), (dollars("10.01"), dollars("10")));
        assert_eq!(first.baseline, Some(dollars("2")));
        assert_eq!(first.to_event()["spent"], json!({"amount": 1001, "currency": "USD"}));
    }

    #[test]
    fn a_first_hour_has_nothing_to_be_compared_with_but_a_limit() {
        let mut spending = Spending::default();
        assert_eq!(Spike::default().add(&mut spending, 0, &dollars("1000")), None);
        let spike = Spike { most: Some(Decimal::from(50)), ..Spike::default() };
        let alert = spike.add(&mut spending, 1, &dollars("1")).unwrap();
        assert_eq!((alert.threshold, alert.baseline), (dollars("50"), None));
    }

    #[test]
    fn hours_without_spending_count_and_small_ones_do_not_matter() {
        let (spike, mut spending) = (Spike::default(), Spending::default());
        assert_eq!(spike.add(&mut spending, 0, &dollars("24")), None);
        assert_eq!(spike.add(&mut spending, 24 * HOUR, &dollars("9.99")), None, "less than the least");
        let alert = spike.add(&mut spending, 24 * HOUR, &dollars("0.01")).unwrap();
        assert_eq!(alert.baseline, Some(dollars("1")));
    }

    #[test]
    fn what_is_stored_does_not_grow() {
        let (spike, mut spending) = (Spike::default(), Spending::default());
        for hour in 0..1000 {
            spike.add(&mut spending, hour * HOUR, &dollars("1"));
        }
        let stored = serde_json::to_value(&spending).unwrap();
        assert_eq!(stored["sums"]["USD"].as_object().unwrap().len(), 25);
        assert_eq!(serde_json::from_value::<Spending>(stored).unwrap(), spending);
    }
}
