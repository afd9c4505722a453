//! Percentiles of samples, as they are: no smoothing, no outliers thrown away.

use std::time::Duration;

/// Samples of one thing.
#[derive(Debug, Default, Clone)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest sample that `percent` of all do not exceed.
    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index below the number of samples"
        )]
        let index = ((sorted.len() as f64 * percent / 100.0).ceil() as usize).saturating_sub(1);
        sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// A duration in milliseconds with three digits.
pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.3} ms", duration.as_secs_f64() * 1e3)
}

/// A duration in microseconds.
pub(crate) fn us(duration: Duration) -> String {
    format!("{:.1} µs", duration.as_secs_f64() * 1e6)
}

/// What one has over the other, in milliseconds; may be negative.
pub(crate) fn added_ms(with: Duration, without: Duration) -> String {
    format!("{:+.3} ms", (with.as_secs_f64() - without.as_secs_f64()) * 1e3)
}
