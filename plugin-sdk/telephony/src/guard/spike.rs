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

/// What is out of the ordinary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spike {
    /// Seconds of a window: 3600 compares hours.
    pub window_s: u32,
    /// A window that comes to more is always out of the ordinary.
    pub most: Option<Decimal>,
    /// So many times what a window came to on average. Only compared once there were windows before.
    pub factor: Option<Decimal>,
    /// A window that comes to less is never compared with the average.
    pub least: Decimal,
    /// How many windows before it make the average, at most 168. Those in which nothing was spent count as nothing.
    pub baseline_windows: u32,
}

/// What was spent, by window; one per currency. Stored by the plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// The sum of each window, by the window's count since the epoch.
    sums: BTreeMap<u64, Decimal>,
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
        let _ = (spending, at, money);
        todo!()
    }
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
