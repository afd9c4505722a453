//! An identity provider, simulated: OpenID Connect by the book, with tokens that a test can spoil.
//!
//! It checks what a careful provider checks (the redirect whole, PKCE, the client's secret, a code once) and records what only a
//! careless client sends. What it puts into a token is a test's to change, signature included.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use patchbay_model::Clock;
use patchbay_package::manifest::oauth::JwtAlgorithm;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use url::{Url, form_urlencoded::byte_serialize};

use crate::oauth::{KeyPair, form::Form};

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// By a key that the provider lists.
    Good,
    /// By a key that it does not list, under the name of one that it does.
    Forged,
    /// Not at all: `alg` is `none`.
    None,
    /// By HMAC, with the public key as if it were a shared secret.
    Confused,
}

/// What the provider does from now on.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Claims in the place of those that are right; null takes one away.
    pub claims: Map<String, Value>,
    /// How tokens are signed.
    pub signature: Signature,
    /// The name of the key in tokens, if not the right one.
    pub key_id: Option<String>,
    /// The token endpoint answers so.
    pub fails: Option<u16>,
    /// The issuer in its description, if not its own.
    pub described_as: Option<String>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { claims: Map::new(), signature: Signature::Good, key_id: None, fails: None, described_as: None }
    }
}

/// What was promised to a browser that went back.
struct Promise {
    redirect: String,
    challenge: String,
    nonce: String,
}

struct Shared {
    issuer: String,
    clock: Arc<dyn Clock>,
    client_id: String,
    secret: String,
    redirect: Mutex<String>,
    algorithm: JwtAlgorithm,
    key: Mutex<(String, KeyPair)>,
    behaviour: Mutex<Behaviour>,
    codes: Mutex<BTreeMap<String, Promise>>,
    violations: Mutex<Vec<String>>,
    /// Paths that were asked for, in order.
    asked: Mutex<Vec<String>>,
}

/// A running provider; it stops when this is dropped.
pub struct IdentityProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl IdentityProvider {
    /// Starts on a free port. Clients know it as `https://{host}`; its one client is `hub` with this secret.
    pub async fn start(host: &str, secret: &str, algorithm: JwtAlgorithm, clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            issuer: format!("https://{host}"),
            clock,
            client_id: "hub".to_owned(),
            secret: secret.to_owned(),
            redirect: Mutex::default(),
            algorithm,
            key: Mutex::new(("key-1".to_owned(), KeyPair::generate(algorithm))),
            behaviour: Mutex::default(),
            codes: Mutex::default(),
            violations: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, shared, task }
    }

    /// `http://127.0.0.1:port`, to map the host to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// The one URL that browsers are sent back to.
    pub fn register(&self, redirect: &str) {
        redirect.clone_into(&mut self.shared.redirect.lock().unwrap());
    }

    /// What it does from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// These claims from now on, and all else as it should be.
    pub fn claims(&self, claims: Value) {
        let claims = claims.as_object().cloned().expect("claims are an object");
        self.behave(Behaviour { claims, ..Behaviour::default() });
    }

    /// Signs with a new key from now on, and lists no other.
    pub fn rotate(&self, name: &str) {
        *self.shared.key.lock().unwrap() = (name.to_owned(), KeyPair::generate(self.shared.algorithm));
    }

    /// How often a path was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.shared.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }

    /// What a careful client would not have sent.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.violations.lock().unwrap().clone()
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn note(&self, path: &str) -> Behaviour {
        self.asked.lock().unwrap().push(path.to_owned());
        self.behaviour.lock().unwrap().clone()
    }

    fn refuse(&self, text: &str) -> Response {
        self.violations.lock().unwrap().push(text.to_owned());
        (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_request", "error_description": text}))).into_response()
    }

    fn signing(&self) -> (Algorithm, EncodingKey, String) {
        let (name, pair) = self.key.lock().unwrap().clone();
        let (algorithm, key) = signing_key(&pair);
        (algorithm, key, name)
    }

    fn id_token(&self, nonce: &str, behaviour: &Behaviour) -> String {
        let now = self.clock.now().timestamp();
        let mut claims = json!({
            "iss": self.issuer, "sub": "subject-ada", "aud": self.client_id, "iat": now, "exp": now + 300,
            "nonce": nonce, "email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace",
        });
        for (name, value) in &behaviour.claims {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        let (algorithm, key, name) = self.signing();
        let mut header = Header { kid: Some(behaviour.key_id.clone().unwrap_or(name)), ..Header::new(algorithm) };
        match behaviour.signature {
            Signature::Good => jsonwebtoken::encode(&header, &claims, &key).unwrap(),
            Signature::Forged => {
                let other = signing_key(&KeyPair::generate(self.algorithm)).1;
                jsonwebtoken::encode(&header, &claims, &other).unwrap()
            }
            Signature::None => {
                let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
                let header = json!({"alg": "none", "typ": "JWT", "kid": header.kid});
                format!("{}.{}.", encoded(&header), encoded(&claims))
            }
            Signature::Confused => {
                header.alg = Algorithm::HS256;
                let public = self.key.lock().unwrap().1.public.clone();
                jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(public.as_bytes())).unwrap()
            }
        }
    }
}

fn signing_key(pair: &KeyPair) -> (Algorithm, EncodingKey) {
    let pem = pair.private.as_bytes();
    match pair.algorithm {
        JwtAlgorithm::Rs256 => (Algorithm::RS256, EncodingKey::from_rsa_pem(pem).unwrap()),
        JwtAlgorithm::Es256 => (Algorithm::ES256, EncodingKey::from_ec_pem(pem).unwrap()),
        JwtAlgorithm::EdDsa => (Algorithm::EdDSA, EncodingKey::from_ed_pem(pem).unwrap()),
    }
}

async fn describe(State(shared): State<Arc<Shared>>) -> Response {
    let behaviour = shared.note("/.well-known/openid-configuration");
    let at = |path: &str| format!("{}{path}", shared.issuer);
    let issuer = behaviour.described_as.unwrap_or_else(|| shared.issuer.clone());
    Json(json!({
        "issuer": issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"], "code_challenge_methods_supported": ["S256"],
    }))
    .into_response()
}

async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    shared.note("/keys");
    let (algorithm, key, name) = shared.signing();
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
    jwk["kid"] = json!(name);
    jwk["use"] = json!("sig");
    let unknown = json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "of-tomorrow", "pub": "AA"});
    Json(json!({"keys": [unknown, jwk]})).into_response()
}

async fn authorize(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    shared.note("/authorize");
    let Ok(form) = Form::parse(query.unwrap_or_default().as_bytes()) else { return shared.refuse("a parameter twice") };
    let unguessable = |name: &str| form.text(name).len() >= 43;
    let redirect = shared.redirect.lock().unwrap().clone();
    let rules = [
        (form.text("client_id") == shared.client_id, "no such client"),
        (form.text("redirect_uri") == redirect, "the redirect is not the registered one"),
        (form.text("response_type") == "code", "the response type is not `code`"),
        (form.text("scope").split(' ').any(|scope| scope == "openid"), "the scope is not `openid`"),
        (unguessable("state"), "the state can be guessed"),
        (unguessable("nonce"), "the nonce can be guessed"),
        (form.text("code_challenge_method") == "S256" && unguessable("code_challenge"), "no PKCE by S256"),
        (form.text("state") != form.text("nonce"), "state and nonce are the same"),
    ];
    if let Some((_, text)) = rules.into_iter().find(|(holds, _)| !holds) {
        return shared.refuse(text);
    }
    let promise =
        Promise { redirect, challenge: form.text("code_challenge").to_owned(), nonce: form.text("nonce").to_owned() };
    let mut codes = shared.codes.lock().unwrap();
    let code = format!("canary-oidc-code-{}", codes.len());
    let mut back = Url::parse(&promise.redirect).unwrap();
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", form.text("state"))
        .append_pair("iss", &shared.issuer);
    codes.insert(code, promise);
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let behaviour = shared.note("/token");
    let Ok(form) = Form::parse(&body) else { return shared.refuse("a parameter twice") };
    // RFC 6749, 2.3.1: id and secret are encoded as in a form first
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let basic = STANDARD.encode(format!("{}:{}", encoded(&shared.client_id), encoded(&shared.secret)));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if given != format!("Basic {basic}") || form.get("client_secret").is_some() {
        shared.refuse("the client is not who it says");
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"}))).into_response();
    }
    if let Some(status) = behaviour.fails {
        let words = json!({"error": "server_error", "error_description": "not now"});
        return (StatusCode::from_u16(status).unwrap(), Json(words)).into_response();
    }
    let Some(promise) = shared.codes.lock().unwrap().remove(form.text("code")) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form.text("code_verifier").as_bytes()));
    let rules = [
        (form.text("grant_type") == "authorization_code", "another grant"),
        (form.text("redirect_uri") == promise.redirect, "another redirect than before"),
        (challenge == promise.challenge, "the verifier is not the challenge's"),
    ];
    if let Some((_, text)) = rules.into_iter().find(|(holds, _)| !holds) {
        return shared.refuse(text);
    }
    Json(json!({
        "access_token": "canary-oidc-access-token", "token_type": "Bearer", "expires_in": 300,
        "id_token": shared.id_token(&promise.nonce, &behaviour),
    }))
    .into_response()
}
