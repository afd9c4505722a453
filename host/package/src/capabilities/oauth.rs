//! What a manifest's `[oauth]` may do. All of it is for an admin to approve: each line says where a person's consent, a
//! token or a client's secret goes, or what a consent is good for.

use crate::{
    endpoint::Endpoint,
    manifest::{
        Oauth,
        oauth::{ClientAuth, Jwt},
    },
};

/// One line for each thing, in a fixed order.
pub(super) fn in_words(oauth: &Oauth) -> Vec<String> {
    let mut lines = flows(oauth);
    lines.extend(oauth.scopes.required.iter().map(|scope| format!("needs the scope {scope}")));
    lines.extend(oauth.scopes.optional.iter().map(|scope| format!("may have the scope {scope}")));
    lines
}

/// What an admin approves. Whether a scope is required is no more right than if it is optional.
pub(super) fn grants(oauth: &Oauth) -> Vec<String> {
    let mut grants = flows(oauth);
    grants.extend(oauth.scopes.all().map(|scope| format!("asks for the scope {scope}")));
    grants
}

fn flows(oauth: &Oauth) -> Vec<String> {
    let token = place(&oauth.token_url);
    let mut lines = vec![format!("lets the hub fill the credential {} with tokens of {token}", oauth.credential)];
    lines.extend(oauth.grants.iter().map(|grant| format!("is connected by {}", grant.as_str())));
    lines.extend(oauth.authorize_url.iter().map(|url| format!("sends people to {} to consent", place(url))));
    let with = |(name, value): (&String, &String), what: &str| format!("asks for {what} with {name} = {value}");
    lines.extend(oauth.authorize_parameters.iter().map(|parameter| with(parameter, "consent")));
    lines.push(format!("lets the hub show {token} who it is, by {}", words(oauth.client_auth)));
    lines.extend(
        oauth.client_auth_for.iter().map(|(grant, way)| {
            format!("lets the hub show {token} who it is, by {} for {}", words(*way), grant.as_str())
        }),
    );
    lines.extend(oauth.token_parameters.iter().map(|parameter| with(parameter, "tokens")));
    lines.extend(oauth.jwt.iter().flat_map(|jwt| signed(jwt, &token)));
    lines.extend(oauth.revoke_url.iter().map(|url| format!("lets the hub give tokens back to {}", place(url))));
    let account = oauth.account.as_ref().and_then(|account| account.url.as_ref());
    lines.extend(account.map(|url| format!("lets the hub ask {} whose account it is", place(url))));
    lines
}

fn signed(jwt: &Jwt, token: &str) -> Vec<String> {
    let audience = jwt.audience.as_deref().unwrap_or(token);
    let mut lines = vec![format!("lets the hub sign for {audience}")];
    lines.extend(jwt.claims.iter().map(|(name, value)| format!("lets the hub sign that {name} = {value}")));
    lines
}

/// Host and path, with `*` in the place of a setting. The query of an endpoint is part of it.
fn place(url: &str) -> String {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    match Endpoint::parse(url) {
        Ok(endpoint) => {
            let path = rest.find('/').and_then(|start| rest.get(start..)).unwrap_or_default();
            format!("{}{path}", endpoint.host())
        }
        Err(_) => rest.to_owned(),
    }
}

const fn words(way: ClientAuth) -> &'static str {
    match way {
        ClientAuth::Basic => "basic",
        ClientAuth::Post => "post",
        ClientAuth::None => "its id alone",
        ClientAuth::PrivateKeyJwt => "private-key-jwt",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{
        Manifest,
        capabilities::{beyond, grants},
    };

    fn demo(changes: &[(&str, Value)]) -> Manifest {
        let mut oauth = json!({
            "credential": "token", "grants": ["authorization-code", "jwt-bearer"],
            "authorize-url": "https://login.example.com/authorize", "token-url": "https://{region}.example.com/token",
            "revoke-url": "https://login.example.com/revoke",
            "account": {"url": "https://api.example.com/me", "name": "/email"},
            "scopes": {"required": ["read"], "optional": ["write"]},
            "jwt": {"algorithm": "RS256"},
        });
        for (key, value) in changes {
            oauth[*key] = value.clone();
        }
        serde_json::from_value(json!({
            "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.0.0", "oauth": oauth,
            "egress": [{"host": "api.example.com", "methods": ["GET"], "paths": ["/**"]}],
            "credentials": [{"name": "token", "inject": {"header": "authorization"}}, {"name": "other", "inject": {"header": "x-other"}}],
        }))
        .unwrap()
    }

    #[test]
    fn whatever_could_lead_a_token_a_secret_or_a_person_elsewhere_is_beyond_what_was_approved() {
        let approved = grants(&demo(&[]));
        assert!(beyond(&demo(&[]), &approved).is_empty());
        let elsewhere = "https://login.evil.example/";
        for (key, value, beyond_it) in [
            ("token-url", json!("https://{region}.evil.example/token"), "*.evil.example/token"),
            ("token-url", json!("https://{region}.example.com/other"), "*.example.com/other"),
            ("authorize-url", json!(elsewhere), "sends people to login.evil.example/ to consent"),
            ("revoke-url", json!(elsewhere), "lets the hub give tokens back to login.evil.example/"),
            ("account", json!({"url": elsewhere, "name": "/email"}), "ask login.evil.example/ whose account it is"),
            ("credential", json!("other"), "fill the credential other"),
            ("grants", json!(["authorization-code", "client-credentials", "jwt-bearer"]), "by client-credentials"),
            ("client-auth", json!("post"), "who it is, by post"),
            ("scopes", json!({"required": ["read", "admin"]}), "asks for the scope admin"),
            ("authorize-parameters", json!({"user_scope": "admin"}), "asks for consent with user_scope = admin"),
            ("token-parameters", json!({"audience": "all"}), "asks for tokens with audience = all"),
            ("jwt", json!({"algorithm": "RS256", "audience": elsewhere}), "sign for https://login.evil.example/"),
            ("jwt", json!({"algorithm": "RS256", "claims": {"act": "root"}}), "sign that act = root"),
        ] {
            let found = beyond(&demo(&[(key, value.clone())]), &approved);
            assert!(found.iter().any(|grant| grant.contains(beyond_it)), "{key} = {value}: {found:?}");
        }
    }

    #[test]
    fn less_than_before_and_another_order_need_no_approval() {
        let approved = grants(&demo(&[]));
        for (key, value) in [
            ("scopes", json!({"required": ["read", "write"]})),
            ("scopes", json!({"optional": ["read"]})),
            ("grants", json!(["jwt-bearer", "authorization-code"])),
            ("revoke-url", Value::Null),
            ("account", Value::Null),
            ("refresh", json!({"margin-seconds": 60})),
        ] {
            assert!(beyond(&demo(&[(key, value.clone())]), &approved).is_empty(), "{key} = {value}");
        }
    }
}
