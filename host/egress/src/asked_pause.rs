//! How long a vendor wants to be left alone, by its own headers.
//!
//! Vendors write it in four ways, and some in several at once; the longest holds:
//! * `Retry-After` on 429 and 503 (RFC 9110, 10.2.3), and `retry-after-ms`;
//! * `RateLimit-Remaining` and `-Reset` in seconds, also with `X-` before them, where the reset may be a time since
//!   1970 (draft-ietf-httpapi-ratelimit-headers up to -07, and what everybody did before);
//! * `RateLimit: "name";r=0;t=30` (the draft since);
//! * `X-RateLimit-Remaining-Requests` and `-Reset-Requests`, and the same for other quantities, with durations like
//!   `6m0s`. The reset is there the time until the bucket is full again, which is not when the next request may come:
//!   that is the limit's part of it.
//!
//! Read is what says that nothing is left; what is merely getting less slows nobody down.

use std::time::Duration;

use chrono::DateTime;
use http::{HeaderMap, StatusCode, header};

use crate::retry;

/// From here on a number is a time since 1970 and not a duration: in seconds, and in milliseconds.
const SINCE_1970_S: f64 = 1e9;
const SINCE_1970_MS: f64 = 1e12;

/// The shortest pause that is worth remembering.
const SHORTEST: Duration = Duration::from_millis(5);

/// The pause that an answer asks for before the next request.
pub(crate) fn asked_pause(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let refused = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let retry = refused.then(|| retry_after(headers)).flatten();
    // who says both means the first: it is about this very request
    let pause = retry.or_else(|| used_up(headers))?;
    (pause >= SHORTEST).then_some(pause)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let millis = text(headers, "retry-after-ms").and_then(|text| text.parse::<f64>().ok());
    if let Some(wait) = millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1e3).ok()) {
        return Some(wait);
    }
    // what cannot be read says nothing of how long
    retry::retry_after(headers).filter(|wait| *wait != Duration::MAX)
}

fn used_up(headers: &HeaderMap) -> Option<Duration> {
    let plain = ["", "x-"].into_iter().filter_map(|prefix| plain(headers, prefix));
    let quantities = quantities(headers);
    let draft = headers.get_all("ratelimit").iter().filter_map(|value| draft(value.to_str().ok()?));
    plain.chain(quantities).chain(draft).max()
}

fn plain(headers: &HeaderMap, prefix: &str) -> Option<Duration> {
    if !is_none(text(headers, &format!("{prefix}ratelimit-remaining"))?) {
        return None;
    }
    let reset = text(headers, &format!("{prefix}ratelimit-reset"))?;
    let Ok(number) = reset.parse::<f64>() else { return duration(reset) };
    if number < SINCE_1970_S {
        return Duration::try_from_secs_f64(number).ok();
    }
    let since_1970 = if number < SINCE_1970_MS { number } else { number / 1e3 };
    // by the vendor's own clock, which is the one that it counts by
    let now = DateTime::parse_from_rfc2822(text(headers, header::DATE.as_str())?).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 have 31 bits")]
    let now = now.timestamp() as f64;
    Duration::try_from_secs_f64((since_1970 - now).max(0.0)).ok()
}

/// `x-ratelimit-remaining-<quantity>` and its fellows.
fn quantities(headers: &HeaderMap) -> impl Iterator<Item = Duration> {
    const PREFIX: &str = "x-ratelimit-remaining-";
    headers.iter().filter_map(move |(name, value)| {
        let quantity = name.as_str().strip_prefix(PREFIX)?;
        if !is_none(value.to_str().ok()?.trim()) {
            return None;
        }
        let full = text(headers, &format!("x-ratelimit-reset-{quantity}"))?;
        let full = duration(full).or_else(|| Duration::try_from_secs_f64(full.parse().ok()?).ok())?;
        let limit = text(headers, &format!("x-ratelimit-limit-{quantity}")).and_then(|limit| limit.parse().ok());
        Some(full / limit.unwrap_or(1).max(1))
    })
}

/// The items of `RateLimit`: `"name";r=0;t=30`, with commas between them.
fn draft(value: &str) -> Option<Duration> {
    let of = |item: &str| {
        let number = |name: &str| {
            let mut parameters = item.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
            parameters.find(|(key, _)| *key == name).and_then(|(_, value)| value.trim().parse::<u64>().ok())
        };
        (number("r")? == 0).then(|| number("t").map(Duration::from_secs)).flatten()
    };
    value.split(',').filter_map(of).max()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn is_none(remaining: &str) -> bool {
    remaining.parse::<f64>().is_ok_and(|remaining| remaining <= 0.0)
}

/// `12ms`, `1s`, `6m0s`, `1h2m3.5s`, `1d`: numbers, each with its unit.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut whole = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let unit = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        whole += number.parse::<f64>().ok()? * unit;
        rest = after;
    }
    if text.is_empty() { None } else { Duration::try_from_secs_f64(whole).ok() }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn asked(status: u16, pairs: &[(&'static str, &'static str)]) -> Option<f64> {
        let headers: HeaderMap = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        asked_pause(StatusCode::from_u16(status).unwrap(), &headers).map(|pause| pause.as_secs_f64())
    }

    #[test]
    fn retry_after_counts_where_the_vendor_refused() {
        assert_eq!(asked(429, &[("retry-after", "7")]), Some(7.0));
        assert_eq!(asked(503, &[("retry-after", "7")]), Some(7.0));
        assert_eq!(asked(429, &[("retry-after-ms", "1500"), ("retry-after", "7")]), Some(1.5));
        assert_eq!(asked(200, &[("retry-after", "7")]), None);
        assert_eq!(asked(429, &[("retry-after", "soon")]), None);
        assert_eq!(asked(429, &[]), None);
    }

    #[test]
    fn a_limit_that_is_used_up_holds_until_its_reset() {
        for prefix in [["ratelimit-remaining", "ratelimit-reset"], ["x-ratelimit-remaining", "x-ratelimit-reset"]] {
            assert_eq!(asked(200, &[(prefix[0], "0"), (prefix[1], "30")]), Some(30.0));
            assert_eq!(asked(200, &[(prefix[0], "1"), (prefix[1], "30")]), None);
            assert_eq!(asked(429, &[(prefix[0], "0"), (prefix[1], "30"), ("retry-after", "2")]), Some(2.0));
        }
        let date = ("date", "Sat, 21 Nov 2026 12:00:00 GMT");
        let used = ("x-ratelimit-remaining", "0");
        assert_eq!(asked(200, &[date, used, ("x-ratelimit-reset", "1795262430")]), Some(30.0));
        assert_eq!(asked(200, &[date, used, ("x-ratelimit-reset", "1795262430000")]), Some(30.0));
        assert_eq!(asked(200, &[date, used, ("x-ratelimit-reset", "1795262399")]), None);
    }

    #[test]
    fn the_drafts_one_header_is_read_too() {
        assert_eq!(asked(200, &[("ratelimit", r#""default";r=0;t=30"#)]), Some(30.0));
        assert_eq!(asked(200, &[("ratelimit", r#""a";r=5;t=30, "b";t=9;r=0"#)]), Some(9.0));
        assert_eq!(asked(200, &[("ratelimit", r#""default";r=1;t=30"#)]), None);
    }

    #[test]
    fn a_bucket_that_fills_by_and_by_has_room_for_one_before_it_is_full() {
        let requests = |limit, remaining, reset| {
            asked(
                200,
                &[
                    ("x-ratelimit-limit-requests", limit),
                    ("x-ratelimit-remaining-requests", remaining),
                    ("x-ratelimit-reset-requests", reset),
                    ("x-ratelimit-limit-tokens", "150000"),
                    ("x-ratelimit-remaining-tokens", "149984"),
                    ("x-ratelimit-reset-tokens", "6m0s"),
                ],
            )
        };
        assert_eq!(requests("60", "0", "6m0s"), Some(6.0));
        assert_eq!(requests("1", "0", "6m0s"), Some(360.0));
        assert_eq!(requests("60", "59", "1s"), None);
        assert_eq!(
            asked(200, &[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "12ms")]),
            Some(0.012)
        );
    }

    #[test]
    fn durations_are_read_as_they_are_written() {
        for (text, seconds) in [("12ms", 0.012), ("1s", 1.0), ("6m0s", 360.0), ("1h2m3.5s", 3723.5), ("1d", 86_400.0)] {
            assert_eq!(duration(text).map(|it| it.as_secs_f64()), Some(seconds), "{text}");
        }
        for text in ["", "5", "s", "5x", "-1s", "1s-"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
