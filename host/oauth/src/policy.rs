//! When a token is renewed: before it ends, and not all tokens at once.

use chrono::Duration;
use patchbay_model::{Random, Timestamp};
use patchbay_package::manifest::oauth::Refresh;

/// When a token that was issued at one time and ends at another, if that is known, should be renewed; nothing if there is no
/// reason to.
///
/// The manifest's margin before the end, but at most half of the token's life, less a random part of up to half of
/// that margin: connections that were made in the same minute are not renewed in the same second. If the manifest does
/// not let tokens rest for longer than some time, that is their end if none comes before. The result is drawn once and
/// stored with the token; drawn at each look, the earliest draw would always win.
#[must_use]
pub fn due_at(
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    refresh: &Refresh,
    random: &dyn Random,
) -> Option<Timestamp> {
    let seconds = |seconds: u32| Duration::seconds(i64::from(seconds));
    let rest = refresh.idle_seconds.and_then(|idle| issued_at.checked_add_signed(seconds(idle)));
    let ends_at = expires_at.into_iter().chain(rest).min()?;
    let life = (ends_at - issued_at).max(Duration::zero());
    let margin = seconds(refresh.margin_seconds).min(life / 2);
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    let most = margin.num_milliseconds() / 2;
    let jitter = i64::from(u32::from_le_bytes(bytes)) % (most + 1);
    Some(ends_at - margin - Duration::milliseconds(jitter))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use patchbay_model::SeededRandom;

    use super::*;

    fn due(life: i64, margin: u32, seed: u64) -> i64 {
        let issued = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let refresh = Refresh { margin_seconds: margin, ..Refresh::default() };
        let due = due_at(issued, Some(issued + Duration::seconds(life)), &refresh, &SeededRandom::new(seed));
        (due.unwrap() - issued).num_milliseconds()
    }

    #[test]
    fn the_margin_and_up_to_half_of_it_come_off_the_end() {
        let all: Vec<i64> = (0..200).map(|seed| due(3_600, 300, seed)).collect();
        assert!(all.iter().all(|due| (3_150_000..=3_300_000).contains(due)), "{all:?}");
        let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
        assert!(most - least > 100_000, "they spread over most of the jitter: {least} to {most}");
    }

    #[test]
    fn a_short_life_is_not_all_margin() {
        assert!((0..200).all(|seed| (15_000..=30_000).contains(&due(60, 300, seed))));
    }

    #[test]
    fn without_margin_or_life_there_is_nothing_to_spread() {
        assert_eq!(due(3_600, 0, 1), 3_600_000);
        assert_eq!(due(0, 300, 1), 0);
        assert_eq!(due(-5, 300, 1), -5_000);
    }

    #[test]
    fn tokens_that_must_not_rest_are_renewed_by_then_whatever_their_end() {
        let issued = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let due = |life: Option<i64>, idle_seconds| {
            let refresh = Refresh { margin_seconds: 0, idle_seconds, ..Refresh::default() };
            let end = life.map(|life| issued + Duration::seconds(life));
            due_at(issued, end, &refresh, &SeededRandom::new(1)).map(|due| (due - issued).num_seconds())
        };
        assert_eq!(due(None, None), None, "they are good until the vendor refuses them");
        assert_eq!(due(None, Some(86_400)), Some(86_400));
        assert_eq!(due(Some(3_600), Some(86_400)), Some(3_600));
        assert_eq!(due(Some(8_640_000), Some(86_400)), Some(86_400));
    }
}
