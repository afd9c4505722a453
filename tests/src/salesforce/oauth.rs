//! The web-server flow with PKCE, and refresh tokens that rotate: one that is used twice ends all that came of its grant.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::Duration;
use hmac::{Hmac, KeyInit as _, Mac as _};
use patchbay_model::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use super::{CLIENT, HOST, ORG, SECRET, USER, store::State};

/// A session that is not used ends.
const INACTIVE: Duration = Duration::hours(2);
/// A code that is not redeemed ends.
const CODE: Duration = Duration::minutes(15);
const PARAMETERS: [&str; 7] =
    ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"];

struct Code {
    challenge: String,
    given_at: Timestamp,
}

/// A session of the API.
pub(super) struct Session {
    grant: u64,
    used_at: Timestamp,
}

/// Who may come back where, and what was given.
pub(super) struct Oauth {
    pub(super) redirect: String,
    pub(super) host: String,
    codes: BTreeMap<String, Code>,
    pub(super) sessions: BTreeMap<String, Session>,
    /// Refresh tokens that count, by grant.
    refresh: BTreeMap<String, u64>,
    spent: BTreeMap<String, u64>,
    ended: BTreeSet<u64>,
    pub(super) given: Vec<String>,
    pub(super) refreshes: usize,
    /// True if the next refresh is told that another one is under way.
    pub(super) is_busy: bool,
}

impl Default for Oauth {
    fn default() -> Self {
        Self {
            redirect: String::new(),
            host: HOST.to_owned(),
            codes: BTreeMap::new(),
            sessions: BTreeMap::new(),
            refresh: BTreeMap::new(),
            spent: BTreeMap::new(),
            ended: BTreeSet::new(),
            given: Vec::new(),
            refreshes: 0,
            is_busy: false,
        }
    }
}

impl Oauth {
    /// True for a session that counts now. It lives on by being used.
    pub(super) fn takes(&mut self, token: &str, now: Timestamp) -> bool {
        match self.sessions.get_mut(token) {
            Some(session) if now - session.used_at <= INACTIVE => {
                session.used_at = now;
                true
            }
            _ => false,
        }
    }

    pub(super) fn end_all(&mut self) {
        self.ended.extend(self.refresh.values());
        self.sessions.clear();
        self.refresh.clear();
    }

    fn end(&mut self, grant: u64) {
        self.ended.insert(grant);
        self.sessions.retain(|_, session| session.grant != grant);
        self.refresh.retain(|_, own| *own != grant);
    }
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn text<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

/// A person consents at once.
pub(super) fn authorize(state: &mut State, query: &str) -> Response {
    let pairs = pairs(query.as_bytes());
    let get = |name: &str| text(&pairs, name);
    if get("client_id") != CLIENT || get("redirect_uri") != state.oauth.redirect {
        state.violation("no such client, or another redirect");
        return StatusCode::BAD_REQUEST.into_response();
    }
    let scopes: BTreeSet<&str> = get("scope").split(' ').collect();
    let challenge = get("code_challenge").to_owned();
    for (wrong, what) in [
        (get("response_type") != "code", "another response type than code"),
        (get("state").len() < 32, "a state that can be guessed"),
        (scopes != BTreeSet::from(["api", "refresh_token"]), "other scopes than api and refresh_token"),
        (get("code_challenge_method") != "S256" || challenge.len() != 43, "no challenge of S256"),
        (pairs.iter().any(|(name, _)| !PARAMETERS.contains(&name.as_str())), "a parameter that nobody expects"),
    ] {
        if wrong {
            state.violation(format!("authorization request: {what}"));
        }
    }
    // as Salesforce's, with characters that have to be encoded
    let code = format!("aPrx-canary-{:012}==", state.next());
    let given_at = state.now;
    state.oauth.codes.insert(code.clone(), Code { challenge, given_at });
    state.oauth.given.push(code.clone());
    let mut back = Url::parse(get("redirect_uri")).expect("the redirect is a URL");
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", get("state"));
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

fn refuse(error: &str, description: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": error, "error_description": description}))).into_response()
}

pub(super) fn token(state: &mut State, body: &[u8]) -> Response {
    let form = pairs(body);
    let get = |name: &str| text(&form, name);
    if get("client_id") != CLIENT {
        return refuse("invalid_client_id", "client identifier invalid");
    }
    if get("client_secret") != SECRET {
        return refuse("invalid_client", "invalid client credentials");
    }
    let grant = match get("grant_type") {
        "authorization_code" => {
            let Some(code) = state.oauth.codes.remove(get("code")) else {
                return refuse("invalid_grant", "invalid authorization code");
            };
            if state.now - code.given_at > CODE {
                return refuse("invalid_grant", "expired authorization code");
            }
            if get("redirect_uri") != state.oauth.redirect {
                return refuse("redirect_uri_mismatch", "redirect_uri must match configuration");
            }
            if URL_SAFE_NO_PAD.encode(Sha256::digest(get("code_verifier"))) != code.challenge {
                return refuse("invalid_grant", "invalid code verifier");
            }
            state.next()
        }
        "refresh_token" if std::mem::take(&mut state.oauth.is_busy) => {
            return refuse("invalid_grant", "token request is already being processed");
        }
        "refresh_token" => {
            let given = get("refresh_token");
            if let Some(grant) = state.oauth.spent.get(given).copied() {
                state.violation("a refresh token was used twice");
                state.oauth.end(grant);
            }
            let Some(grant) = state.oauth.refresh.remove(given) else {
                return refuse("invalid_grant", "expired access/refresh token");
            };
            state.oauth.spent.insert(given.to_owned(), grant);
            state.oauth.refreshes += 1;
            grant
        }
        _ => return refuse("unsupported_grant_type", "grant type not supported"),
    };
    give(state, grant)
}

fn give(state: &mut State, grant: u64) -> Response {
    let access = format!("00D000000000001!canary.access.{:012}", state.next());
    let refresh = format!("5Aep861-canary-refresh-{:012}", state.next());
    let now = state.now;
    state.oauth.sessions.insert(access.clone(), Session { grant, used_at: now });
    state.oauth.refresh.insert(refresh.clone(), grant);
    state.oauth.given.extend([access.clone(), refresh.clone()]);
    let id = format!("https://login.salesforce.com/id/{ORG}/{USER}");
    let issued_at = state.now.timestamp_millis().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{id}{issued_at}").as_bytes());
    Json(json!({
        "access_token": access, "refresh_token": refresh, "instance_url": format!("https://{}", state.oauth.host), "id": id,
        "issued_at": issued_at, "signature": STANDARD.encode(mac.finalize().into_bytes()), "token_type": "Bearer",
        "scope": "api refresh_token",
    }))
    .into_response()
}

/// Either token ends what came of its grant.
pub(super) fn revoke(state: &mut State, body: &[u8]) -> Response {
    let form = pairs(body);
    let token = text(&form, "token");
    let of_session = state.oauth.sessions.get(token).map(|session| session.grant);
    let grant = of_session.or_else(|| state.oauth.refresh.get(token).copied());
    match grant {
        Some(grant) => {
            state.oauth.end(grant);
            StatusCode::OK.into_response()
        }
        None => refuse("invalid_token", "the token has ended"),
    }
}
