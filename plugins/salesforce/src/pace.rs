//! How much of the org's requests is used up, by the header of every answer.
//!
//! The limit is the whole org's, for a rolling day, and shared with all that people and other programs do there. So a sync slows
//! down before it is reached, and leaves the last of it to them.

/// Of the limit, in per cent: from here on a sync takes its time.
const SLOW_FROM: u64 = 80;
/// From here on it leaves the rest to others.
const REST_FROM: u64 = 95;
const SLOW_MS: u64 = 30_000;
const REST_MS: u64 = 3_600_000;

/// How long to wait by `Sforce-Limit-Info`, as in `api-usage=18/5000` or
/// `api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)`. The limit that is nearest counts.
pub(crate) fn pause_ms(header: &str) -> Option<u64> {
    let used = header.split(';').filter_map(percentage).max()?;
    match used {
        REST_FROM.. => Some(REST_MS),
        SLOW_FROM.. => Some(SLOW_MS),
        _ => None,
    }
}

/// The longer of two pauses.
pub(crate) fn longer(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.max(other)
}

fn percentage(part: &str) -> Option<u64> {
    let (_, figures) = part.split_once("api-usage=")?;
    let (used, limit) = figures.split_once('/')?;
    let limit: String = limit.chars().take_while(char::is_ascii_digit).collect();
    let (used, limit) = (used.trim().parse::<u64>().ok()?, limit.parse::<u64>().ok()?);
    used.saturating_mul(100).checked_div(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_slows_down_and_then_rests() {
        for (header, expected) in [
            ("api-usage=18/5000", None),
            ("api-usage=3999/5000", None),
            ("api-usage=4000/5000", Some(SLOW_MS)),
            ("api-usage=4750/5000", Some(REST_MS)),
            ("api-usage=6000/5000", Some(REST_MS)),
            ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)", None),
            ("api-usage=25/5000; per-app-api-usage=240/250(appName=sample-app)", Some(REST_MS)),
            ("api-usage=1/0", None),
            ("nothing", None),
            ("", None),
        ] {
            assert_eq!(pause_ms(header), expected, "{header}");
        }
    }
}
