//! How long a vendor asks to wait.

use crate::Headers;
use crate::clock::{self, Timestamp};

/// How long the vendor asked to wait, in milliseconds: `retry-after-ms` where there is one, else
/// `retry-after` in seconds or as an HTTP date (RFC 9110, section 10.2.3). A date that has passed is 0;
/// what cannot be read is `None`.
#[must_use]
pub fn retry_after_ms(headers: &Headers, now: Timestamp) -> Option<u64> {
    if let Some(wait) = headers.get("retry-after-ms").and_then(|text| decimal(text, 1)) {
        return Some(wait);
    }
    let text = headers.get("retry-after")?.trim();
    decimal(text, 1000).or_else(|| Some(clock::parse_http_date(text)?.saturating_sub(now)))
}

/// A number of at least 0, times `scale`, rounded up.
fn decimal(text: &str, scale: u32) -> Option<u64> {
    let number: f64 = text.trim().parse().ok()?;
    // The cast saturates, and a wait of ages is as good as any other.
    (number >= 0.0).then(|| (number * f64::from(scale)).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(name: &str, value: &str) -> Option<u64> {
        retry_after_ms(&[(name, value)].into_iter().collect(), 1_793_491_200_000)
    }

    #[test]
    fn all_three_forms_are_read() {
        assert_eq!(wait("retry-after-ms", "150.2"), Some(151));
        assert_eq!(wait("retry-after", "20"), Some(20_000));
        assert_eq!(wait("retry-after", "0.5"), Some(500));
        assert_eq!(wait("retry-after", "Sun, 01 Nov 2026 00:00:30 GMT"), Some(30_000));
        assert_eq!(wait("retry-after", "Sat, 31 Oct 2026 00:00:00 GMT"), Some(0));
    }

    #[test]
    fn nonsense_is_no_wait() {
        assert_eq!(wait("retry-after", "soon"), None);
        assert_eq!(wait("retry-after", "-1"), None);
        assert_eq!(wait("retry-after", "NaN"), None);
        assert_eq!(wait("x-other", "1"), None);
    }
}
