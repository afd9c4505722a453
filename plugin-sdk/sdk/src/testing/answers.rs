//! Answers that a mock host keeps, by the rules of the hub. Nobody else looks for any, so nobody waits.

use super::host::Source;
use super::state::{self, KeptAnswer};
use super::store::at_most;
use crate::cache::{Answer, Found};
use crate::{Error, Headers, Source as PublicSource};
use std::time::Duration;

const KEY: usize = 1 << 20;
const HEADERS: usize = 16 << 10;
/// What an answer counts beside its bytes, as in the hub.
const FILE: usize = 4096;

/// A place for an answer.
#[derive(Debug)]
pub(crate) struct Vacancy {
    key: Vec<u8>,
    max_age_ms: u64,
    max_bytes: u64,
}

/// An answer that is kept once it was read to its end.
#[derive(Debug)]
pub(crate) struct Keeping {
    vacancy: Vacancy,
    headers: Headers,
    pub(crate) bytes: Vec<u8>,
}

impl Vacancy {
    pub(crate) fn keep(self, headers: Headers, body: PublicSource) -> Result<PublicSource, Error> {
        let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        at_most("/headers", size, HEADERS, " bytes")?;
        Ok(PublicSource(body.0.kept(Keeping { vacancy: self, headers, bytes: Vec::new() })))
    }
}

impl Keeping {
    /// Keeps it, and lets those go that were not used for longest and for which there is no room.
    pub(crate) fn keep(self) {
        let Self { vacancy: Vacancy { key, max_age_ms, max_bytes }, headers, bytes } = self;
        let counts = |bytes: &[u8]| u64::try_from(bytes.len() + FILE).unwrap_or(u64::MAX);
        if counts(&bytes) > max_bytes {
            return;
        }
        state::with(|state| {
            let answers = &mut state.answers;
            answers.retain(|(own, _)| *own != key);
            answers.push((key, KeptAnswer { headers, bytes, kept_at: state.now, max_age_ms }));
            while answers.iter().map(|(_, answer)| counts(&answer.bytes)).sum::<u64>() > max_bytes {
                answers.remove(0);
            }
        });
    }
}

pub(crate) fn cache_find(key: &[u8], max_age_ms: u64, max_bytes: u64) -> Result<Found, Error> {
    if key.is_empty() || key.len() > KEY {
        return Err(Error::invalid("/key", "1 byte to 1 MiB"));
    }
    Ok(state::with(|state| {
        let place = state.answers.iter().position(|(own, _)| own == key);
        if let Some((key, answer)) = place.map(|place| state.answers.remove(place)) {
            let age = state.now.saturating_sub(answer.kept_at);
            if age < max_age_ms.min(answer.max_age_ms) {
                let source = Source::of_bytes(answer.bytes.clone()).of_type(answer.headers.get("content-type"));
                let headers = answer.headers.clone();
                state.answers.push((key, answer));
                let body = PublicSource(source);
                return Found::Kept(Answer { headers, body, age: Duration::from_millis(age) });
            }
        }
        Found::Missing(crate::cache::Vacancy(Vacancy { key: key.to_vec(), max_age_ms, max_bytes }))
    }))
}
