//! Answers of vendors that are given again. The guest says what an answer depends on and how long it is good; the host adds whose it is.

use std::sync::Arc;

use chrono::Duration;
use patchbay_model::{Code, Timestamp};
use patchbay_storage::CachedAnswer;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use uuid::Uuid;
use wasmtime::component::Resource;

use super::{HostError, blobs, invalid, reply::client_left, source::Source};
use crate::{
    answers::{
        Claim, Claimed, Stage, Waited, Which,
        flowing::{Flowing, Reader},
        keeping::Keeping,
        until_it_flows,
    },
    bindings::{
        cache::{Answer, Found, Host, HostVacancy, Terms},
        types::Error,
    },
    call::CallState,
};

/// The longest key, in bytes.
const KEY: usize = 1 << 20;
/// What an answer's headers may have together, in bytes.
const HEADERS: usize = 16 << 10;
/// Nothing is kept for longer.
const MAX_AGE: Duration = Duration::days(366);
/// That an answer is used is written down when it was not for so long.
const USED: Duration = Duration::hours(1);

/// What a `vacancy` handle stands for.
#[derive(Debug)]
pub struct Vacancy {
    which: Which,
    /// None once something is kept, and where nothing is.
    claim: Option<Claim>,
    used_up: bool,
    max_age: Duration,
    max_bytes: u64,
    instead_of: Option<Uuid>,
}

/// What was found in an answer's place.
enum Look {
    Kept(Box<Kept>),
    /// A row that cannot be used, by its file.
    Useless(Uuid),
    Nothing,
}

/// An answer and its body.
struct Kept {
    answer: CachedAnswer,
    body: Source,
}

fn age(answer: &CachedAnswer, now: Timestamp) -> Duration {
    // another hub's clock may be ahead
    (now - answer.created_at).max(Duration::zero())
}

impl CallState {
    /// The key as it is kept: what the guest says, of this installation with this connection.
    fn which(&self, key: &[u8]) -> Which {
        let (connection, granted_at) = self.tenant.connection;
        let mut hash = Sha256::new();
        hash.update(b"patchbay answer 1");
        hash.update(self.tenant.installation.0.as_bytes());
        hash.update(connection.map_or_else(Uuid::nil, |connection| connection.0).as_bytes());
        hash.update(granted_at.map_or(0, |at| at.timestamp_micros()).to_be_bytes());
        hash.update(key);
        Which { org: self.tenant.org, plugin: self.grants.plugin.clone(), key: hash.finalize().into() }
    }

    async fn look(&mut self, which: &Which, max_age: Duration) -> Result<Look, HostError> {
        let now = self.services.clock.now();
        let answer = {
            let (_place, mut tx) = self.reading().await?;
            tx.org(which.org).cached_answers().get(&which.plugin, &which.key, now).await?
        };
        let Some(answer) = answer else { return Ok(Look::Nothing) };
        if age(&answer, now) >= max_age {
            return Ok(Look::Useless(answer.file));
        }
        let opened = self.services.blobs.open_answer(which.org, answer.file, answer.size).await;
        let Some(stream) = opened.map_err(blobs::failed)? else { return Ok(Look::Useless(answer.file)) };
        if now - answer.used_at >= USED {
            let (_place, mut tx) = self.writing().await?;
            tx.org(which.org).cached_answers().used(&answer, now).await?;
            tx.commit().await?;
        }
        let mut body = Source::file(stream, answer.size);
        body.content_type = content_type(&answer.headers);
        Ok(Look::Kept(Box::new(Kept { answer, body })))
    }

    fn give(&mut self, kept: Kept) -> Result<Found, HostError> {
        let Kept { answer, body } = kept;
        let age = age(&answer, self.services.clock.now()).num_milliseconds();
        let body = self.push(body)?;
        let age_ms = u64::try_from(age).unwrap_or_default();
        Ok(Found::Kept(Answer { headers: answer.headers, body, age_ms }))
    }

    fn follow(&mut self, flowing: Arc<Flowing>) -> Result<Found, HostError> {
        let headers = flowing.headers.clone();
        let body = self.push(Source::flowing(Reader::new(flowing)))?;
        Ok(Found::Kept(Answer { headers, body, age_ms: 0 }))
    }

    /// Waits for what somebody else is getting, for as long as anybody waits for this call.
    async fn wait_for(&mut self, told: watch::Receiver<Stage>) -> Result<Waited, HostError> {
        let deadline = self.vendors_deadline().into();
        let client = self.client();
        let client_leaves = async {
            match client {
                Some(client) => client.client_leaves().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            waited = until_it_flows(told) => Ok(waited),
            () = client_leaves => Err(client_left()),
            () = tokio::time::sleep_until(deadline) => Err(self.refuse(Code::UpstreamTimeout, Error::Timeout)),
        }
    }
}

fn content_type(headers: &[(String, String)]) -> Option<String> {
    headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.clone())
}

impl Host for CallState {
    async fn find(&mut self, key: Vec<u8>, terms: Terms) -> Result<Found, HostError> {
        self.enter()?;
        if key.is_empty() || key.len() > KEY {
            return Err(invalid("/key", "1 byte to 1 MiB"));
        }
        let max_age = i64::try_from(terms.max_age_ms).ok().and_then(Duration::try_milliseconds);
        let max_age = max_age.map_or(MAX_AGE, |age| age.min(MAX_AGE));
        let max_bytes = terms.max_bytes.min(self.services.blobs.answers_quota());
        let which = self.which(&key);
        let vacancy =
            |which, claim, instead_of| Vacancy { which, claim, used_up: false, max_age, max_bytes, instead_of };
        if max_bytes <= CachedAnswer::FILE || max_age.is_zero() {
            // nothing would be kept, so nobody need wait for anybody
            return Ok(Found::Missing(self.push(vacancy(which, None, None))?));
        }
        let underway = self.services.blobs.underway.clone();
        let mut told = underway.of(&which);
        loop {
            let is_to_be_looked_for = match told.take() {
                None => true,
                Some(told) => match self.wait_for(told).await? {
                    Waited::Flows(flowing) => return self.follow(flowing),
                    Waited::Over => true,
                    // who is first of those that waited has a look below
                    Waited::GivenUp => false,
                },
            };
            if is_to_be_looked_for && let Look::Kept(kept) = self.look(&which, max_age).await? {
                return self.give(*kept);
            }
            match underway.claim(which.clone()) {
                Claimed::Theirs(theirs) => told = Some(theirs),
                Claimed::Ours(claim) => {
                    // it may have been kept since it was looked for
                    let instead_of = match self.look(&which, max_age).await? {
                        Look::Kept(kept) => return self.give(*kept),
                        Look::Useless(file) => Some(file),
                        Look::Nothing => None,
                    };
                    return Ok(Found::Missing(self.push(vacancy(which, Some(claim), instead_of))?));
                }
            }
        }
    }
}

impl HostVacancy for CallState {
    async fn keep(
        &mut self,
        vacancy: Resource<Vacancy>,
        headers: Vec<(String, String)>,
        body: Resource<Source>,
    ) -> Result<Resource<Source>, HostError> {
        self.enter()?;
        if headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > HEADERS {
            return Err(invalid("/headers", format!("at most {HEADERS} bytes")));
        }
        let now = self.services.clock.now();
        let vacancy = self.table.get_mut(&vacancy)?;
        if std::mem::replace(&mut vacancy.used_up, true) {
            return Err(HostError::Guest(Error::Conflict("something was kept there already".to_owned())));
        }
        let (claim, max_bytes, instead_of) = (vacancy.claim.take(), vacancy.max_bytes, vacancy.instead_of);
        let (which, max_age) = (vacancy.which.clone(), vacancy.max_age);
        let source = self.table.delete(body)?;
        let Some(claim) = claim else { return self.push(source) };
        let expires_at = now.checked_add_signed(max_age).unwrap_or(Timestamp::MAX_UTC);
        let mut file = [0; 16];
        self.services.random.fill(&mut file);
        let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let answer = CachedAnswer {
            plugin: which.plugin,
            key: which.key,
            file: uuid::Builder::from_random_bytes(file).into_uuid(),
            headers: headers.clone(),
            size: 0,
            created_at: now,
            expires_at,
            used_at: now,
        };
        let keeping = Keeping {
            claim,
            services: Arc::clone(&self.services),
            tenant: Arc::clone(&self.tenant),
            answer,
            max_bytes,
            instead_of,
        };
        if source.size().is_some_and(|size| size > keeping.most()) {
            return self.push(source);
        }
        let partial = self.services.blobs.begin_answer().await.map_err(|error| blobs::failed(error.into()))?;
        let flowing = Flowing::begin(source, headers, partial, keeping);
        self.push(Source::flowing(Reader::new(flowing)))
    }

    async fn drop(&mut self, vacancy: Resource<Vacancy>) -> wasmtime::Result<()> {
        self.enter()?;
        self.table.delete(vacancy)?;
        Ok(())
    }
}
