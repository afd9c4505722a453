//! Requests to URLs that an org chose itself: its endpoints.
//!
//! No allow-list says where they may go, so what they may not reach is all that protects the hub's own network: the
//! address is checked when an endpoint is made, for whoever makes a mistake, and again at the moment of connecting,
//! which is what counts. Nothing is followed, nothing is repeated here, no credential of a vendor is ever near, and of the
//! answer the beginning is read. Rejected: a proxy for these alone (one more thing to run and to get wrong); the
//! vendors' way out (what the operator opens for plugins would be open to every org, and the other way round).

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use ipnet::IpNet;
use patchbay_model::OrgId;
use tokio::time::{Instant, timeout, timeout_at};
use url::{Host, Url};

use crate::{
    Egress, EgressError,
    address::{AddressPolicy, is_metadata_name},
    pool::Way,
    resolver::AllBlocked,
    retry::{chain, classify, retry_after},
};

/// How long a name is looked up when an endpoint is made. One that does not resolve then is no mistake yet.
const LOOKUP_TIME: Duration = Duration::from_secs(3);

/// What the operator decides about endpoints.
#[derive(Debug, Clone)]
pub struct EndpointRules {
    /// Take `http:` URLs too: for development.
    pub allow_http: bool,
    /// Networks that endpoints may be in although they are private.
    pub allow_addresses: Vec<IpNet>,
    /// Ports that endpoints may have; empty: any.
    pub ports: Vec<u16>,
}

impl Default for EndpointRules {
    /// https on port 443, or 8443, in the open Internet.
    fn default() -> Self {
        Self { allow_http: false, allow_addresses: Vec::new(), ports: vec![443, 8443] }
    }
}

/// What is sent to an endpoint.
#[derive(Debug)]
pub struct Post {
    /// Whose endpoint it is: connections are pooled per org.
    pub org: OrgId,
    /// The endpoint.
    pub url: Url,
    /// Without those of the connection's own, which the client sets.
    pub headers: HeaderMap,
    /// The payload.
    pub body: Bytes,
    /// For everything, from the name's look-up to the last byte that is read. Of an answer whose status came in time that
    /// counts, whatever becomes of its body.
    pub timeout: Duration,
    /// How many bytes of the answer's body are read at most. Of a longer one the connection is closed.
    pub most_answer: usize,
}

/// What an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// HTTP status. A redirect is an answer like any other.
    pub status: u16,
    /// The pause that it asked for: zero for a time that is over, the longest time if it cannot be read.
    pub retry_after: Option<Duration>,
    /// The beginning of its body.
    pub answer: Vec<u8>,
}

impl Egress {
    /// Says whether an org may have an endpoint at this URL, as far as can be told now.
    ///
    /// # Errors
    /// Why not, in words that name the fix.
    pub async fn check_endpoint(&self, url: &Url) -> Result<(), String> {
        self.check_endpoint_url(url)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        let Ok(Ok(addresses)) = timeout(LOOKUP_TIME, self.lookup().lookup(name)).await else { return Ok(()) };
        let policy = self.endpoint_policy();
        let refused: Vec<_> = addresses.iter().filter_map(|address| policy.refusal(*address)).collect();
        match refused.first() {
            // one that leads elsewhere as well is connected to there, and nowhere else
            Some(reason) if refused.len() == addresses.len() => Err(refusal(name, reason)),
            _ => Ok(()),
        }
    }

    /// The part of it that asks no name server; done before each request as well, because what an operator allows may
    /// have changed since.
    fn check_endpoint_url(&self, url: &Url) -> Result<(), String> {
        let rules = &self.config().endpoints;
        match url.scheme() {
            "https" => {}
            "http" if rules.allow_http => {}
            _ => return Err("an https URL".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL without user and password: send a header instead".to_owned());
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if !rules.ports.is_empty() && !rules.ports.contains(&port) {
            let ports: Vec<_> = rules.ports.iter().map(ToString::to_string).collect();
            return Err(format!("a URL with one of the ports that the operator allows: {}", ports.join(", ")));
        }
        let address = match url.host() {
            Some(Host::Domain(name)) if is_metadata_name(name) => {
                return Err(refusal(name, "a cloud's metadata service"));
            }
            // by RFC 6761 whatever is asked leads to this machine, also where no name server says so
            Some(Host::Domain(name)) if is_localhost(name) => Ipv4Addr::LOCALHOST.into(),
            Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            None => return Err("a URL with a host".to_owned()),
        };
        match self.endpoint_policy().refusal(address) {
            Some(reason) => Err(refusal(&address.to_string(), reason)),
            None => Ok(()),
        }
    }

    /// Sends to an endpoint, once, and reads the beginning of its answer.
    ///
    /// # Errors
    /// [`EgressError::AddressDenied`] for a URL that is not, or no longer, one that endpoints may have; else as
    /// [`Egress::send`]. An answer with a failing status is no error.
    pub async fn post(&self, post: Post) -> Result<Posted, EgressError> {
        self.check_endpoint_url(&post.url).map_err(EgressError::AddressDenied)?;
        let client =
            self.client(post.org, Way::Endpoint).map_err(|error| EgressError::Unreachable(error.to_string()))?;
        let host = post.url.host_str().unwrap_or_default().to_owned();
        let mut url = post.url;
        url.set_fragment(None);
        let mut request = reqwest::Request::new(Method::POST, url);
        *request.headers_mut() = post.headers;
        // what comes back is read as it is, and only its beginning
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        *request.body_mut() = Some(post.body.into());
        let until = Instant::now().checked_add(post.timeout).ok_or(EgressError::Timeout)?;
        let answer = match timeout_at(until, client.execute(request)).await {
            Err(_) => return Err(EgressError::Timeout),
            Ok(answer) => answer.map_err(|error| failed(error, &host))?,
        };
        if answer.status().is_informational() {
            return Err(EgressError::BrokenOff(format!(
                "{host} answered {} and nothing more",
                answer.status().as_u16()
            )));
        }
        let (status, retry_after) = (answer.status().as_u16(), retry_after(answer.headers()));
        let mut beginning = Vec::new();
        // The status is the answer; a body that breaks off, or never ends, takes nothing from it.
        let _ = timeout_at(until, read_beginning(answer, post.most_answer, &mut beginning)).await;
        Ok(Posted { status, retry_after, answer: beginning })
    }
}

async fn read_beginning(mut answer: reqwest::Response, most: usize, read: &mut Vec<u8>) {
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = most.saturating_sub(read.len());
        read.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            return;
        }
    }
}

fn failed(error: reqwest::Error, host: &str) -> EgressError {
    let blocked = chain(&error).find_map(|error| error.downcast_ref::<AllBlocked>());
    if let Some(blocked) = blocked {
        return EgressError::AddressDenied(refusal(blocked.host(), blocked.reason()));
    }
    classify(error, host).error
}

fn refusal(host: &str, reason: &str) -> String {
    format!("a URL in the open Internet: {host} leads to an address that no endpoint may have ({reason})")
}

/// The check of endpoints' addresses.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

pub(crate) fn policy(rules: &EndpointRules) -> Arc<AddressPolicy> {
    Arc::new(AddressPolicy::new(rules.allow_addresses.clone()))
}
