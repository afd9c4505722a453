//! How fast Zapier is pushed to: below its limits of 30 a second for each URL and 10,000 in five minutes for each account,
//! because what is above them is lost to whoever else the account has.
//!
//! Counters in short windows: five pushes in 200 ms are 25 a second and never more than 30 in any second, 300 in ten
//! seconds are 9,000 in five minutes and never more than 9,300 in any five. One bucket that holds the whole was rejected:
//! at the border of two windows it lets twice as much through.

use std::time::Duration;

use patchbay_sdk::{Error, clock, kv, random};

use crate::hook::digest;

/// Of one URL: pushes in so many milliseconds.
const URL: (i64, u64) = (5, 200);

/// Of one account: pushes in so many milliseconds.
const ACCOUNT: (i64, u64) = (300, 10_000);

/// Counts one push; if it is one too many, gives how long to wait, in milliseconds.
pub(crate) fn wait(url: &str, account: &str) -> Result<Option<u64>, Error> {
    if let Some(wait) = over("url", &digest(&[url]), URL)? {
        return Ok(Some(wait));
    }
    over("account", account, ACCOUNT)
}

fn over(what: &str, whose: &str, (most, millis): (i64, u64)) -> Result<Option<u64>, Error> {
    let now = clock::now();
    let window = now / millis;
    let life = Duration::from_millis(millis * 3);
    let count = kv::add(&format!("pace:{what}:{whose}:{window}"), 1, Some(life))?;
    if count <= most {
        return Ok(None);
    }
    let left = millis - now % millis;
    // Those that wait do not come back all at once: as many windows later as it takes to let them through.
    let windows = u64::try_from(count / most).unwrap_or(1);
    let spread = random::bytes(2).iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    Ok(Some(left + (windows - 1) * millis + spread * millis / 65_536))
}
