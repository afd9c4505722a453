//! One request, from the plugin's wish to the first byte of the answer.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use patchbay_limits::{PauseKey, Pauses};
use patchbay_model::OrgId;
use reqwest::Client;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use crate::{
    Body, ConfigError, EgressConfig, EgressError, Lookup, Request, Response, Rules,
    address::AddressPolicy,
    asked_pause::asked_pause,
    headers,
    pool::{Pool, Way},
    retry::{self, Failed, Repeats},
    upload::Upload,
    upstream::Upstreams,
};

/// The way out. One for the whole hub.
pub struct Egress {
    config: Arc<EgressConfig>,
    upstreams: Upstreams,
    pool: Pool,
    pauses: Arc<Pauses>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("upstreams", &self.upstreams).finish_non_exhaustive()
    }
}

impl Egress {
    /// Opens the way out.
    ///
    /// # Errors
    /// If an upstream cannot be used, or there is no certificate authority to trust.
    pub fn new(config: EgressConfig, lookup: Arc<dyn Lookup>) -> Result<Self, ConfigError> {
        let config = Arc::new(config);
        let pauses = Arc::default();
        Ok(Self { upstreams: Upstreams::new(&config)?, pool: Pool::new(config.clone(), lookup)?, config, pauses })
    }

    /// Keeps the pauses that vendors ask for here, so that other hubs keep them too.
    #[must_use]
    pub fn with_pauses(mut self, pauses: Arc<Pauses>) -> Self {
        self.pauses = pauses;
        self
    }

    /// Sends a request and gives the answer as soon as its headers are in.
    ///
    /// # Errors
    /// See [`EgressError`]. An answer with a failing status is no error.
    pub async fn send(&self, rules: &Rules, request: Request) -> Result<Response, EgressError> {
        let mut going = self.prepare(rules, request)?;
        loop {
            self.wait_for_leave(going.pause_key.as_ref(), going.until).await?;
            let (outgoing, again) = going.next_try();
            let wait = match timeout_at(going.until, going.client.execute(outgoing)).await {
                Err(_) => return Err(EgressError::Timeout),
                Ok(Ok(answer)) => {
                    let pause = asked_pause(answer.status(), answer.headers());
                    self.note_pause(going.pause_key.as_ref(), pause).await;
                    let passing = again && going.may_repeat && retry::is_passing(answer.status());
                    let asked = retry::retry_after(answer.headers());
                    match passing.then(|| going.repeats.next_wait(asked)).flatten() {
                        Some(wait) => wait,
                        None => {
                            return Response::new(answer, &going.redact, going.deadline, going.sent(), &self.config);
                        }
                    }
                }
                Ok(Err(error)) => {
                    let Failed { error, unseen, passing } = retry::classify(error, &going.host);
                    let safe = again && passing && (unseen || going.may_repeat);
                    safe.then(|| going.repeats.next_wait(None)).flatten().ok_or(error)?
                }
            };
            tracing::debug!(host = %going.host, wait_ms = wait.as_millis(), "sending again");
            sleep(wait).await;
        }
    }

    pub(crate) fn config(&self) -> &EgressConfig {
        &self.config
    }

    pub(crate) fn lookup(&self) -> &dyn Lookup {
        self.pool.lookup()
    }

    pub(crate) fn endpoint_policy(&self) -> &AddressPolicy {
        self.pool.endpoint_policy()
    }

    pub(crate) fn client(&self, org: OrgId, way: Way) -> Result<Client, ConfigError> {
        self.pool.client(org, way)
    }

    /// Waits until the vendor may be asked, if there is the time. Whoever waited looks again: others that waited as well
    /// may have been asked for another pause.
    async fn wait_for_leave(&self, key: Option<&PauseKey>, until: Instant) -> Result<(), EgressError> {
        let Some(key) = key else { return Ok(()) };
        while let Some(left) = self.pauses.left(key).await {
            let fits = Instant::now().checked_add(left).is_some_and(|at| at < until);
            if left > self.config.max_retry_wait || !fits {
                return Err(EgressError::Paused(left));
            }
            tracing::debug!(host = key.host, wait_ms = left.as_millis(), "waiting as the vendor asked");
            sleep(left).await;
        }
        Ok(())
    }

    async fn note_pause(&self, key: Option<&PauseKey>, pause: Option<Duration>) {
        if let (Some(key), Some(pause)) = (key, pause) {
            self.pauses.begin(key, pause).await;
        }
    }

    /// Closes the connections that are kept open for an org, because its credentials changed; requests under way go on.
    pub fn forget_org(&self, org: OrgId) {
        self.pool.forget(org);
        self.pauses.forget(org);
    }

    /// Closes the connections that are kept open for all orgs, because any org's credentials may have changed; requests
    /// under way go on.
    pub fn forget_all(&self) {
        self.pool.forget_all();
    }

    /// Checks the request and makes it what the vendor will see.
    fn prepare(&self, rules: &Rules, mut request: Request) -> Result<Going, EgressError> {
        rules.allows(request.method.as_str(), &request.url)?;
        let named_alone = rules.is_named_alone(request.method.as_str(), &request.url);
        let keeps_pauses = rules.keeps_pauses(request.method.as_str(), &request.url);
        let may_repeat = request.may_repeat();
        let host = request.url.host_str().unwrap_or_default().to_owned();
        if let Some(credential) = request.credential.as_ref().filter(|credential| credential.place.path.is_some()) {
            credential.check_host(&host)?;
            credential.apply_path(&mut request.url)?;
            // the other denial would say the path
            rules.allows(request.method.as_str(), &request.url).map_err(|_| {
                EgressError::Denied(format!("the credential's path on {host} is not in the plugin's egress list"))
            })?;
        }
        let (way, mut url) = match self.upstreams.map(&request.url) {
            // no address is checked on the way there, so not everybody may name it
            Some(_) if named_alone && !self.upstreams.is_open(&host) => {
                return Err(EgressError::Denied(format!(
                    "{host} is mapped to another place, and the operator has not opened it to settings: \
                     add it to egress.open_upstreams"
                )));
            }
            Some(mapped) => (Way::Mapped, mapped),
            None => (Way::Checked, self.check_port(request.url)?),
        };
        url.set_fragment(None);
        let (mut headers, header_bytes) =
            headers::outgoing(request.headers, url.as_str().len(), request.credential.is_some(), &self.config)?;
        let mut may_repeat = may_repeat;
        if let Some((name, value)) = request.repeat_header
            && !headers.contains_key(&name)
        {
            // the vendor does it once, however often it is asked
            may_repeat = request.repeatable != Some(false);
            headers.insert(name, value);
        }
        if let Some(credential) = &request.credential {
            credential.check_host(&host)?;
            credential.apply(&mut url, &mut headers)?;
        }
        for secret in &request.body_secrets {
            secret.apply(&host, &mut request.body)?;
        }
        let now = Instant::now();
        let until = request
            .headers_timeout
            .and_then(|timeout| now.checked_add(timeout))
            .map_or(request.deadline, |at| at.min(request.deadline));
        if now >= until {
            return Err(EgressError::Timeout);
        }
        let client = self.pool.client(request.org, way).map_err(|error| EgressError::Unreachable(error.to_string()))?;
        let pause_key = request.plugin.filter(|_| keeps_pauses).map(|plugin| PauseKey {
            org: request.org,
            plugin,
            host: host.clone(),
        });
        Ok(Going {
            client,
            pause_key,
            host,
            method: request.method,
            url,
            headers,
            body: request.body,
            may_repeat,
            redact: request.redact,
            repeats: Repeats::new(&self.config, until),
            until,
            deadline: request.deadline,
            header_bytes: header_bytes as u64,
            tries_sent: 0,
            streamed: Arc::default(),
        })
    }

    fn check_port(&self, url: Url) -> Result<Url, EgressError> {
        let port = url.port_or_known_default().unwrap_or_default();
        if self.config.ports.contains(&port) {
            return Ok(url);
        }
        Err(EgressError::Denied(format!(
            "port {port} is not among the ports that the operator allows: {:?}",
            self.config.ports
        )))
    }
}

/// A request on its way.
struct Going {
    client: Client,
    pause_key: Option<PauseKey>,
    host: String,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Body,
    may_repeat: bool,
    redact: Arc<crate::Redactor>,
    repeats: Repeats,
    /// For the headers.
    until: Instant,
    /// For the body.
    deadline: Instant,
    header_bytes: u64,
    tries_sent: u64,
    streamed: Arc<AtomicU64>,
}

impl Going {
    /// The next try, and whether another could follow it.
    fn next_try(&mut self) -> (reqwest::Request, bool) {
        let mut outgoing = reqwest::Request::new(self.method.clone(), self.url.clone());
        self.tries_sent += self.header_bytes;
        // A stream is gone once it is taken; what stands in its place is never sent.
        let (body, again) = match std::mem::replace(&mut self.body, Body::Empty) {
            Body::Empty => (None, true),
            Body::Bytes(bytes) => {
                self.tries_sent += bytes.len() as u64;
                self.body = Body::Bytes(Bytes::clone(&bytes));
                (Some(reqwest::Body::from(bytes)), true)
            }
            Body::Stream(stream, size) => {
                (Some(reqwest::Body::wrap(Upload::new(stream, size, self.streamed.clone()))), false)
            }
        };
        *outgoing.headers_mut() = if again { self.headers.clone() } else { std::mem::take(&mut self.headers) };
        *outgoing.body_mut() = body;
        (outgoing, again)
    }

    fn sent(&self) -> u64 {
        self.tries_sent + self.streamed.load(Ordering::Relaxed)
    }
}
