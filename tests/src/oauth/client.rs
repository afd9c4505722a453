//! Clients that are registered, and whether one is who it says.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use patchbay_package::manifest::oauth::JwtAlgorithm;

use super::{Shared, assertion, form::Form, token::Refusal};

/// How a client shows who it is. Any other way is refused, also if it would prove as much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Its secret by HTTP Basic.
    Basic(String),
    /// Its secret in the form.
    Post(String),
    /// Nothing: it is public.
    None,
    /// An assertion that this public key verifies.
    PrivateKey(JwtAlgorithm, String),
}

/// A registered client.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// How it shows who it is.
    pub auth: Auth,
    /// Where browsers may be sent back to, compared whole.
    pub redirects: Vec<String>,
    /// What it may ask for.
    pub scopes: Vec<String>,
    /// Must it use PKCE?
    pub pkce: bool,
    /// Verifies its assertions of the grant `jwt-bearer`.
    pub assertions: Option<(JwtAlgorithm, String)>,
    /// What must be in each of its authorization requests.
    pub authorize_parameters: BTreeMap<String, String>,
    /// What must be in each of its requests for tokens.
    pub token_parameters: BTreeMap<String, String>,
}

impl Client {
    /// A client of all grants that sends browsers back to this URL and may ask for `read` and `write`.
    #[must_use]
    pub fn new(id: &str, auth: Auth, redirect: &str) -> Self {
        Self {
            id: id.to_owned(),
            auth,
            redirects: vec![redirect.to_owned()],
            scopes: vec!["read".to_owned(), "write".to_owned()],
            pkce: true,
            assertions: None,
            authorize_parameters: BTreeMap::new(),
            token_parameters: BTreeMap::new(),
        }
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The client that sent a request.
pub(crate) fn authenticate(shared: &Shared, headers: &HeaderMap, form: &Form) -> Result<Client, Refusal> {
    let refuse = |text: &str| Refusal::new(401, "invalid_client", text);
    let basic = match headers.get(header::AUTHORIZATION) {
        None => None,
        Some(value) => Some(
            read_basic(value.to_str().unwrap_or_default()).ok_or_else(|| refuse("no HTTP Basic of id and secret"))?,
        ),
    };
    let ways = [basic.is_some(), form.get("client_secret").is_some(), form.get("client_assertion").is_some()];
    if ways.into_iter().filter(|used| *used).count() > 1 {
        return Err(Refusal::new(400, "invalid_request", "more than one client authentication"));
    }
    let named = || form.get("client_id").map_or_else(|| assertion::issuer(form.text("assertion")), str::to_owned);
    let id = basic.as_ref().map_or_else(named, |(id, _)| id.clone());
    if let (Some(other), true) = (form.get("client_id"), basic.is_some()) {
        shared.violation(format!("client_id {other} beside HTTP Basic"));
    }
    let client = shared.client(&id).ok_or_else(|| refuse("no such client"))?;
    let genuine = match &client.auth {
        Auth::Basic(secret) => basic.is_some_and(|(_, given)| given == *secret),
        Auth::Post(secret) => form.get("client_secret") == Some(secret),
        Auth::None => ways == [false; 3],
        Auth::PrivateKey(algorithm, public) => {
            if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                return Err(refuse("the client_assertion_type is not the one of RFC 7523"));
            }
            let claims = assertion::verify(shared, form.text("client_assertion"), *algorithm, public);
            let claims = claims.map_err(|text| refuse(&text))?;
            claims["iss"] == client.id.as_str() && claims["sub"] == client.id.as_str()
        }
    };
    if genuine { Ok(client) } else { Err(refuse("the client did not prove that it is itself")) }
}

/// Id and secret, each form-encoded (RFC 6749, 2.3.1).
fn read_basic(value: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(value.strip_prefix("Basic ")?).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        let pair = format!("v={text}");
        url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((plain(id)?, plain(secret)?))
}
