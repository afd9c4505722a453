//! When a request is sent again, and after how long.
//!
//! Two reasons are safe: the vendor cannot have seen the first one, or seeing it twice does no harm (an
//! idempotent method, or the guest says so). A vendor's Retry-After is obeyed or, if it asks for more time
//! than there is, its answer is handed over. Streamed bodies are never sent twice.

use std::{error::Error as StdError, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use chrono::DateTime;
use http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;

use crate::{EgressConfig, EgressError, resolver::AllBlocked};

const FIRST_WAIT: Duration = Duration::from_millis(100);

/// What is left of one request's repeats.
pub(crate) struct Repeats {
    backoff: ExponentialBackoff,
    longest: Duration,
    until: Instant,
}

impl Repeats {
    pub(crate) fn new(config: &EgressConfig, until: Instant) -> Self {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(config.max_retry_wait)
            .with_max_times(config.max_retries)
            .with_jitter()
            .build();
        Self { backoff, longest: config.max_retry_wait, until }
    }

    /// How long to wait before the next try; none if there is to be none. `asked` is the vendor's wish.
    pub(crate) fn next_wait(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let own = self.backoff.next()?;
        let wait = asked.unwrap_or(own);
        let fits = wait <= self.longest && Instant::now().checked_add(wait).is_some_and(|at| at < self.until);
        fits.then_some(wait)
    }
}

/// Answers that say: not now.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The vendor's Retry-After: seconds, or a date, which is read against the answer's own Date: the vendor's
/// clock says what it means by it. None without one; the longest time if it cannot be read.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().unwrap_or_default().trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok();
    let now = headers.get(header::DATE).and_then(|date| DateTime::parse_from_rfc2822(date.to_str().ok()?).ok());
    // A wish that we cannot read is no leave to come back sooner.
    Some(at.zip(now).map_or(Duration::MAX, |(at, now)| (at - now).to_std().unwrap_or_default()))
}

/// A try that gave no answer.
pub(crate) struct Failed {
    pub(crate) error: EgressError,
    /// The vendor cannot have seen the request.
    pub(crate) unseen: bool,
    /// Another try may end better.
    pub(crate) passing: bool,
}

/// Sorts out what the HTTP client reports. Texts hold no URL: a query may carry a credential.
pub(crate) fn classify(error: reqwest::Error, host: &str) -> Failed {
    let error = error.without_url();
    let chain = || chain(&error);
    let failed = |error, unseen, passing| Failed { error, unseen, passing };
    if let Some(blocked) = chain().find_map(|error| error.downcast_ref::<AllBlocked>()) {
        return failed(EgressError::AddressDenied(blocked.to_string()), true, false);
    }
    let root = chain().last().map(ToString::to_string).unwrap_or_default();
    if error.is_dns() {
        return failed(EgressError::Unreachable(format!("{host} does not resolve: {root}")), true, true);
    }
    if error.is_connect() {
        return failed(EgressError::Unreachable(format!("no connection to {host}: {root}")), true, true);
    }
    if error.is_builder() {
        return failed(
            EgressError::InvalidRequest("the request's URL is not one that HTTP can carry".to_owned()),
            true,
            false,
        );
    }
    let protocol = || chain().find_map(|error| error.downcast_ref::<hyper::Error>());
    if protocol().is_some_and(hyper::Error::is_parse_too_large) {
        return failed(
            EgressError::HeadersTooLarge(format!("the headers of {host}'s response are too many or too large")),
            false,
            false,
        );
    }
    let refused = chain().find_map(|error| error.downcast_ref::<h2::Error>()).is_some_and(is_refused);
    // The request's own body failed: that is ours, and trying again would meet the same.
    let ours = protocol().is_some_and(hyper::Error::is_user);
    failed(EgressError::BrokenOff(format!("the exchange with {host} broke off: {root}")), refused, !ours)
}

/// An error and what caused it, outermost first.
pub(crate) fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// HTTP/2 says for these that the stream was not processed (RFC 9113, 8.7).
fn is_refused(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    let going_away = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
    error.is_remote() && (refused || going_away)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        retry_after(
            &pairs
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect(),
        )
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_vendors_clock() {
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&[("retry-after", " 7 ")]), Some(Duration::from_secs(7)));
        let date = ("date", "Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(asked(&[date, ("retry-after", "Wed, 21 Oct 2026 07:28:05 GMT")]), Some(Duration::from_secs(5)));
        assert_eq!(asked(&[date, ("retry-after", "Wed, 21 Oct 2026 07:27:00 GMT")]), Some(Duration::ZERO));
        assert_eq!(asked(&[("retry-after", "Wed, 21 Oct 2026 07:28:05 GMT")]), Some(Duration::MAX));
        assert_eq!(asked(&[("retry-after", "soon")]), Some(Duration::MAX));
    }

    #[test]
    fn there_are_as_many_repeats_as_allowed_and_each_fits_the_time_left() {
        let config = EgressConfig::default();
        let mut repeats = Repeats::new(&config, Instant::now() + Duration::from_secs(60));
        let first = repeats.next_wait(None).unwrap();
        let second = repeats.next_wait(None).unwrap();
        assert!((FIRST_WAIT..=2 * FIRST_WAIT).contains(&first), "{first:?}");
        assert!((2 * FIRST_WAIT..=4 * FIRST_WAIT).contains(&second), "{second:?}");
        assert_eq!(repeats.next_wait(None), None);

        let soon = Instant::now() + Duration::from_secs(5);
        assert_eq!(Repeats::new(&config, soon).next_wait(Some(Duration::from_secs(4))), Some(Duration::from_secs(4)));
        assert_eq!(Repeats::new(&config, soon).next_wait(Some(Duration::from_secs(5))), None);
        assert_eq!(Repeats::new(&config, soon).next_wait(Some(Duration::MAX)), None);
        let late = Instant::now() + Duration::from_secs(3600);
        assert_eq!(Repeats::new(&config, late).next_wait(Some(Duration::from_secs(11))), None);
    }
}
