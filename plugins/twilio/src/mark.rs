//! How a number at Twilio tells whose it is: by its `FriendlyName`, which the hub writes with the purchase.
//!
//! One account may serve many organizations, people, and other programs. What the hub buys for a subscription is named
//! `pb:<installation>:<claim>`, both parts hashes: the same claim has the same name on every try, so an answer that was lost is
//! found again by it, and what has no such name of this very installation is never touched.

use patchbay_sdk::{Error, installation, kv};
use sha2::{Digest as _, Sha256};

/// What names of the hub begin with.
const BEGINNING: &str = "pb:";

/// Where the installation's part is kept.
const KEY: &str = "mark";

/// Digits of the installation's part: 48 bits, among the installations of one account.
const OWN: usize = 12;

/// Digits of the claim's part: 80 bits.
const CLAIM: usize = 20;

/// What all names of this installation begin with: `pb:<installation>:`. It is made of the address of its webhooks when it is
/// first asked for, and stays when that changes.
///
/// # Errors
/// What kept it from being read or kept.
pub(crate) fn own() -> Result<String, Error> {
    if let Some(kept) = kv::get(KEY)? {
        return Ok(String::from_utf8(kept.value)?);
    }
    let made = format!("{BEGINNING}{}:", hash(&installation::webhook_url(), OWN));
    match kv::set(KEY, made.as_bytes(), None, Some(0)) {
        Ok(_) => Ok(made),
        // somebody else was first
        Err(Error::Conflict(_)) => {
            let kept =
                kv::get(KEY)?.ok_or_else(|| Error::Unavailable("the mark of the installation is gone".to_owned()))?;
            Ok(String::from_utf8(kept.value)?)
        }
        Err(error) => Err(error),
    }
}

/// The name of a claim's number: at most 40 bytes; Twilio takes 64. `cycle`: how often the claim had a number before.
pub(crate) fn of_claim(own: &str, claim: &str, cycle: u32) -> String {
    format!("{own}{}", hash(&format!("{claim}#{cycle}"), CLAIM))
}

/// True for a name as the hub makes them. Nobody else gives one: a number that bears the installation's mark and belongs to no
/// claim is given back by the next comparison.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.trim_start().starts_with(BEGINNING)
}

fn hash(text: &str, digits: usize) -> String {
    hex::encode(Sha256::digest(text.as_bytes())).chars().take(digits).collect()
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::MockHost;

    use super::*;

    #[test]
    fn a_name_is_the_same_each_time_and_another_for_another_claim() {
        let host = MockHost::new();
        let own = own().unwrap();
        assert_eq!(own.len(), 16);
        host.set_webhook_url("https://hub.example.org/hooks/other");
        assert_eq!(super::own().unwrap(), own, "it stays when the hub moves");
        let name = of_claim(&own, "plan:1", 0);
        assert_eq!(name, of_claim(&own, "plan:1", 0));
        assert!(name.starts_with(&own) && name.len() <= 64);
        assert!(name != of_claim(&own, "plan:2", 0) && name != of_claim(&own, "plan:1", 1));
    }
}
