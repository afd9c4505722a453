//! What each grant asks of a client, and gives it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Behaviour, Client, Shared, assertion,
    client::Auth,
    form::Form,
    ledger::Rotation,
    token::{Refusal, after},
};

const CLIENT_PARAMETERS: [&str; 5] =
    ["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type"];
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Serves a request for tokens of a client that is who it says.
pub(crate) fn serve(shared: &Shared, behaviour: &Behaviour, client: &Client, form: &Form) -> Result<Value, Refusal> {
    let own: &[&str] = match form.text("grant_type") {
        "authorization_code" => &["code", "redirect_uri", "code_verifier"],
        "refresh_token" => &["refresh_token"],
        "client_credentials" => &["scope"],
        JWT_BEARER => &["assertion", "scope"],
        _ => return Err(Refusal::new(400, "unsupported_grant_type", "no such grant")),
    };
    let expected: Vec<&str> = CLIENT_PARAMETERS.iter().chain(own).copied().collect();
    let unknown = form.beyond(&expected, &client.token_parameters);
    let missing = form.lacks(&client.token_parameters);
    if !unknown.is_empty() || !missing.is_empty() {
        let text = format!("not expected: {}; missing or wrong: {}", unknown.join(", "), missing.join(", "));
        return Err(Refusal::new(400, "invalid_request", &text));
    }
    match form.text("grant_type") {
        "authorization_code" => code(shared, behaviour, client, form),
        "refresh_token" => refresh(shared, behaviour, client, form),
        "client_credentials" if client.auth == Auth::None => {
            Err(Refusal::new(400, "unauthorized_client", "a public client has no credentials"))
        }
        "client_credentials" => {
            let scopes = asked(client, form)?;
            let grant = shared.ledger.lock().unwrap().grant(&client.id, &client.id, scopes);
            Ok(give(shared, behaviour, grant, false))
        }
        _ => jwt(shared, behaviour, client, form),
    }
}

fn code(shared: &Shared, behaviour: &Behaviour, client: &Client, form: &Form) -> Result<Value, Refusal> {
    let refuse = |text: &str| Refusal::new(400, "invalid_grant", text);
    let code = shared.ledger.lock().unwrap().use_code(form.text("code"), shared.clock.now()).map_err(refuse)?;
    if code.client != client.id {
        return Err(refuse("the code is another client's"));
    }
    if code.redirect != form.text("redirect_uri") {
        return Err(refuse("the redirect is not the one of the authorization request"));
    }
    let proven = match (&code.challenge, form.get("code_verifier")) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            (43..=128).contains(&verifier.len())
                && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == *challenge
        }
        _ => false,
    };
    if !proven {
        return Err(refuse("the code verifier does not fit the challenge"));
    }
    Ok(give(shared, behaviour, code.grant, behaviour.refresh_tokens))
}

fn refresh(shared: &Shared, behaviour: &Behaviour, client: &Client, form: &Form) -> Result<Value, Refusal> {
    let token = form.text("refresh_token");
    let Behaviour { rotate, grace, reuse_is_theft, .. } = *behaviour;
    let habits = Rotation { rotate, grace: chrono::Duration::seconds(grace), reuse_is_theft };
    let grant = shared.ledger.lock().unwrap().use_refresh(token, &client.id, habits, shared.clock.now());
    let grant = grant.map_err(|text| Refusal::new(400, "invalid_grant", text))?;
    Ok(give(shared, behaviour, grant, behaviour.rotate))
}

fn jwt(shared: &Shared, behaviour: &Behaviour, client: &Client, form: &Form) -> Result<Value, Refusal> {
    let refuse = |text: &str| Refusal::new(400, "invalid_grant", text);
    let (algorithm, public) = client
        .assertions
        .as_ref()
        .ok_or_else(|| Refusal::new(400, "unauthorized_client", "the client is not registered for assertions"))?;
    let claims = assertion::verify(shared, form.text("assertion"), *algorithm, public).map_err(|text| refuse(&text))?;
    if claims["iss"] != client.id.as_str() {
        return Err(refuse("the assertion is another issuer's"));
    }
    let account = claims["sub"].as_str().filter(|account| account.contains('@'));
    let account = account.ok_or_else(|| refuse("the assertion's subject has no account"))?;
    let scopes = asked(client, form)?;
    let grant = shared.ledger.lock().unwrap().grant(&client.id, account, scopes);
    Ok(give(shared, behaviour, grant, false))
}

fn asked(client: &Client, form: &Form) -> Result<Vec<String>, Refusal> {
    let scopes: Vec<String> =
        form.text("scope").split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    match scopes.iter().find(|scope| !client.scopes.contains(scope)) {
        Some(scope) => Err(Refusal::new(400, "invalid_scope", &format!("the client may not ask for {scope}"))),
        None => Ok(scopes),
    }
}

fn give(shared: &Shared, behaviour: &Behaviour, grant: usize, refresh: bool) -> Value {
    let ends = behaviour.lifetime.map(|seconds| after(shared, seconds));
    let mut ledger = shared.ledger.lock().unwrap();
    let given = ledger.granted(grant);
    let mut answer = json!({
        "access_token": ledger.access(grant, ends), "token_type": "Bearer", "scope": given.scopes.join(" "),
        "instance_url": "https://eu1.vendor.example",
    });
    if let Some(seconds) = behaviour.lifetime {
        answer["expires_in"] = json!(seconds);
    }
    if refresh {
        answer["refresh_token"] = json!(ledger.refresh(grant));
    }
    answer
}
