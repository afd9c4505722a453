//! Writes that are done once, however often they are asked for: the caller's Idempotency-Key.
//!
//! A write is claimed before anything is done for it: by the insertion of a row, so that of two requests one is the
//! first, on whichever hub. Its answer is stored in the transaction of its run: there is no run without its answer,
//! and no answer without its run. What has changed nothing is let go instead, so that it can be asked for again with
//! the same key: a call that was refused, and one that failed before a vendor may have done something.
//!
//! A hub that dies leaves claims behind. Whoever asks again finds out by the hub's own row that it is no more
//! ([`node`]). If no vendor was asked that would do a repeat again, the work is taken over. Else nobody knows, and
//! the caller is told so: looking is the caller's, doing it twice would be ours.
//!
//! Rejected: a lock in memory or in Redis (lost when it matters), and storing the answer after the run (a hub that
//! dies between the two would do it twice).

mod claim;
mod kept;
pub(crate) mod node;

use http::{HeaderMap, HeaderName};
use patchbay_model::{Code, Failure, JobId};
use sha2::{Digest as _, Sha256};

pub(crate) use claim::{Begun, Claim};
pub(crate) use kept::{Kept, MOST_KEPT};

/// The header that carries a key.
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// A caller's key: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Out of a request's header `Idempotency-Key`, if there is one. The quotes of a structured field (RFC 9651) are
    /// not part of the key.
    ///
    /// # Errors
    /// `invalid_request` for one that is none, and for several.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let mut given = headers.get_all(HEADER).iter();
        match (given.next(), given.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().ok().and_then(Self::parse).map(Some).ok_or_else(|| {
                let what = "an idempotency key is one header of 1 to 255 printable ASCII characters";
                Failure::new(Code::InvalidRequest, what)
            }),
            (Some(_), Some(_)) => Err(Failure::new(Code::InvalidRequest, "send one header `Idempotency-Key`")),
        }
    }

    /// That of a job, which is done once until somebody has it done once more.
    pub(crate) fn of_job(job: JobId, redriven: u32) -> Self {
        Self(format!("{job}-{redriven}"))
    }

    fn parse(text: &str) -> Option<Self> {
        let key = match text.strip_prefix('"') {
            None => text.to_owned(),
            Some(quoted) => unquoted(quoted)?,
        };
        let fits = (1..=255).contains(&key.len()) && key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        fits.then_some(Self(key))
    }
}

/// The rest of a string of a structured field, whose opening quote is gone.
fn unquoted(text: &str) -> Option<String> {
    let mut key = String::with_capacity(text.len());
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(key),
            '\\' => key.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            other => key.push(other),
        }
    }
}

/// What is asked for, and what tells it from anything else.
pub(crate) struct What {
    pub(crate) key: IdempotencyKey,
    pub(crate) method: String,
    /// The path, without the query.
    pub(crate) route: String,
    pub(crate) fingerprint: [u8; 32],
}

/// A hash of parts, so that no two lists of parts are alike.
pub(crate) fn hash_of(parts: &[&[u8]]) -> [u8; 32] {
    hashing(parts).finalize().into()
}

/// As [`hash_of`], with one more part behind the others, which is there in pieces: however it is cut, the hash is the
/// same.
pub(crate) fn hash_with_pieces(parts: &[&[u8]], pieces: &[&[u8]]) -> [u8; 32] {
    let mut hash = hashing(parts);
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    hash.update((length as u64).to_be_bytes());
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().into()
}

fn hashing(parts: &[&[u8]]) -> Sha256 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[&str]) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, value.parse().unwrap());
        }
        IdempotencyKey::from_headers(&headers).map(|key| key.map(|key| key.0)).map_err(|failure| failure.code)
    }

    #[test]
    fn a_key_is_printable_and_may_stand_in_quotes() {
        let most = "k".repeat(255);
        for (given, expected) in [
            ("order-1", "order-1"),
            ("an order", "an order"),
            (r#""order-1""#, "order-1"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (&most, &most),
        ] {
            assert_eq!(key(&[given]), Ok(Some(expected.to_owned())));
        }
        assert_eq!(key(&[]), Ok(None));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for given in ["", &"k".repeat(256), "schlüssel", r#""open"#, r#""a" b"#, r#""a\n""#, r#""""#] {
            assert_eq!(key(&[given]), Err(Code::InvalidRequest), "{given}");
        }
        assert_eq!(key(&["a", "a"]), Err(Code::InvalidRequest));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hash_of(&[b"ab", b"c"]), hash_of(&[b"a", b"bc"]));
        assert_ne!(hash_of(&[b"a"]), hash_of(&[b"a", b""]));
    }

    #[test]
    fn a_part_in_pieces_is_the_same_part() {
        let whole = hash_of(&[b"query", b"abcdef"]);
        assert_eq!(hash_with_pieces(&[b"query"], &[b"abc", b"", b"def"]), whole);
        assert_eq!(hash_with_pieces(&[b"query"], &[b"abcdef"]), whole);
        assert_ne!(hash_with_pieces(&[b"query"], &[b"abc", b"deg"]), whole);
        assert_eq!(hash_with_pieces(&[b"query"], &[]), hash_of(&[b"query", b""]));
    }
}
