use serde_json::{Value, json};

use crate::{Manifest, validate};

/// A manifest whose OAuth section uses everything and breaks nothing.
fn full() -> Value {
    json!({
        "id": "demo", "name": "Demo", "version": "1.2.3", "api": "1.0.0",
        "config": {"schema": {"type": "object", "properties": {"domain": {"type": "string"}}}},
        "credentials": [
            {"name": "access_token", "inject": {"header": "authorization", "format": "Bearer {}"}},
            {"name": "signing_secret"},
        ],
        "egress": [{"host": "api.example.com", "methods": ["GET"], "paths": ["/v1/**"]}],
        "oauth": {
            "credential": "access_token",
            "grants": ["authorization-code", "client-credentials", "jwt-bearer"],
            "authorize-url": "https://login.example.com/authorize",
            "token-url": "https://{domain}.example.com/token",
            "revoke-url": "https://login.example.com/revoke",
            "issuer": "https://login.example.com",
            "client-auth": "post",
            "client-auth-for": {"jwt-bearer": "none"},
            "pkce": "s256",
            "scopes": {"required": ["read", "https://example.com/auth/calendar"], "optional": ["write"], "separator": "space"},
            "authorize-parameters": {"access_type": "offline"},
            "token-parameters": {"audience": "https://api.example.com"},
            "refresh": {"margin-seconds": 60, "repeatable": true, "lifetime-seconds": 7_200, "idle-seconds": 86_400},
            "account": {"url": "https://api.example.com/me", "id": "/sub", "name": "/email"},
            "answer": {
                "access-token": "/authed_user/access_token", "refresh-token": "/authed_user/refresh_token",
                "expires-in": "/authed_user/expires_in", "scope": "/authed_user/scope", "token-type": "/authed_user/token_type", "token-types": ["user"],
                "error": ["/status", "/error"], "error-description": "/message", "keep": {"instance_url": "/instance_url"},
                "settings": {"instance_url": "/instance_url"},
                "invalid-grant": ["BAD_REFRESH_TOKEN"], "invalid-client": ["BAD_CLIENT_ID"], "transient": ["ratelimited"],
            },
            "jwt": {"algorithm": "RS256", "audience": "https://{domain}.example.com", "lifetime-seconds": 180,
                "subject-optional": true, "scope-claim": true, "claims": {"box_sub_type": "enterprise"}},
        },
    })
}

/// What is found when these places of the section have other values; a null takes the key away.
fn found(changes: &[(&str, Value)]) -> Vec<(String, String)> {
    let mut manifest = full();
    for (key, value) in changes {
        let (parent, key) = key.rsplit_once('/').unwrap();
        let parent = manifest.pointer_mut(&format!("/oauth{parent}")).unwrap_or_else(|| panic!("there is no {parent}"));
        let parent = parent.as_object_mut().unwrap();
        match value {
            Value::Null => parent.remove(key),
            value => parent.insert(key.to_owned(), value.clone()),
        };
    }
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    let violations = validate(&manifest).err().unwrap_or_default();
    violations.into_iter().map(|violation| (violation.pointer, violation.expected)).collect()
}

#[test]
fn a_section_that_breaks_nothing_is_valid() {
    assert_eq!(found(&[]), []);
}

#[test]
fn the_least_that_works_is_four_lines() {
    let mut manifest = full();
    manifest["oauth"] = json!({
        "credential": "access_token",
        "authorize-url": "https://login.example.com/authorize", "token-url": "https://login.example.com/token",
    });
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    assert_eq!(validate(&manifest), Ok(()));
    let printed = serde_json::to_value(manifest.oauth.as_ref().unwrap()).unwrap();
    assert_eq!(printed["pkce"], "s256");
    assert_eq!(printed["client-auth"], "basic");
    assert_eq!(printed["grants"], json!(["authorization-code"]));
    assert_eq!(printed["refresh"], json!({"margin-seconds": 300, "repeatable": false}));
    assert_eq!(printed["answer"]["access-token"], "/access_token");
    assert_eq!(serde_json::from_value::<crate::manifest::Oauth>(printed).unwrap(), manifest.oauth.unwrap());
}

#[test]
fn unknown_keys_and_values_are_errors() {
    for (at, value) in [
        ("/token_url", json!("https://login.example.com/token")),
        ("/refresh/margin", json!(1)),
        ("/scopes/all", json!([])),
        ("/answer/token", json!("/token")),
        ("/account/email", json!("/email")),
        ("/jwt/key", json!("-----BEGIN")),
        ("/client-secret", json!("secret")),
        ("/client-auth", json!("client_secret_jwt")),
        ("/pkce", json!("plain")),
        ("/grants", json!(["password"])),
        ("/grants", json!(["implicit"])),
        ("/jwt/algorithm", json!("HS256")),
        ("/jwt/algorithm", json!("none")),
    ] {
        let mut manifest = full();
        let (parent, key) = at.rsplit_once('/').unwrap();
        manifest.pointer_mut(&format!("/oauth{parent}")).unwrap()[key] = value.clone();
        assert!(serde_json::from_value::<Manifest>(manifest).is_err(), "{at} = {value}");
    }
}

#[test]
fn every_rule_has_its_place_and_its_words() {
    let credential = "the name of a credential that has an `inject`";
    let parameter = "the name of a parameter, in characters that need no encoding";
    let reserved = "a parameter that the protocol does not set itself";
    let value = "a value of at most 500 printable characters";
    let scope = "one scope: visible ASCII without quotes, backslashes and the separator";
    let member = "a JSON Pointer to a member, as in `/customer/id`";
    for (at, to, place, words) in [
        ("/credential", json!("other"), "/credential", credential),
        ("/credential", json!("signing_secret"), "/credential", credential),
        ("/grants", json!([]), "/grants", "at least one grant"),
        ("/grants", json!(["jwt-bearer", "jwt-bearer"]), "/grants/1", "a grant that is not there twice"),
        ("/authorize-url", json!(null), "/authorize-url", "a URL: the grant `authorization-code` begins there"),
        ("/grants", json!(["jwt-bearer"]), "/authorize-url", "nothing: no grant begins there"),
        ("/authorize-url", json!("http://login.example.com"), "/authorize-url", "a URL that starts with https://"),
        ("/jwt", json!(null), "/jwt", "an algorithm at least: the hub signs assertions"),
        ("/grants", json!(["authorization-code"]), "/jwt", "nothing: the hub signs no assertion"),
        (
            "/client-auth",
            json!("none"),
            "/client-auth",
            "a way that proves something: with `none` anybody could use the grant `client-credentials`",
        ),
        (
            "/client-auth-for",
            json!({"client-credentials": "none"}),
            "/client-auth-for/client-credentials",
            "a way that proves something: with `none` anybody could use the grant `client-credentials`",
        ),
        (
            "/client-auth-for",
            json!({"jwt-bearer": "post"}),
            "/client-auth-for/jwt-bearer",
            "another way than `client-auth` says",
        ),
        (
            "/token-url",
            json!("https://{region}.example.com/token"),
            "/token-url",
            "a setting in the schema of `config`: it has no property `region`",
        ),
        ("/authorize-parameters", json!({"a b": "x"}), "/authorize-parameters/a b", parameter),
        ("/authorize-parameters", json!({"state": "x"}), "/authorize-parameters/state", reserved),
        ("/authorize-parameters", json!({"prompt": "a\nb"}), "/authorize-parameters/prompt", value),
        ("/token-parameters", json!({"a/b": "x".repeat(501)}), "/token-parameters/a~1b", value),
        ("/token-parameters", json!({"client_secret": "x"}), "/token-parameters/client_secret", reserved),
        ("/scopes/required", json!(["read write"]), "/scopes/required/0", scope),
        ("/scopes/optional", json!([""]), "/scopes/optional/0", scope),
        ("/scopes/optional", json!(["a\"b"]), "/scopes/optional/0", scope),
        ("/scopes/optional", json!(["read"]), "/scopes/optional/0", "a scope that is not there twice"),
        ("/refresh/margin-seconds", json!(86_401), "/refresh/margin-seconds", "at most 86400"),
        ("/refresh/lifetime-seconds", json!(0), "/refresh/lifetime-seconds", "a number above 0"),
        ("/refresh/idle-seconds", json!(59), "/refresh/idle-seconds", "at least 60"),
        ("/answer/error", json!([]), "/answer/error", "one place at least"),
        ("/answer/error", json!(["/error", "error"]), "/answer/error/1", member),
        ("/issuer", json!("login.example.com"), "/issuer", "an https URL without query and fragment (RFC 8414, 2)"),
        (
            "/issuer",
            json!("https://login.example.com?x=1"),
            "/issuer",
            "an https URL without query and fragment (RFC 8414, 2)",
        ),
        (
            "/jwt/audience",
            json!("https://{region}.example.com"),
            "/jwt/audience",
            "a setting in the schema of `config`: it has no property `region`",
        ),
        ("/account", json!({}), "/account", "where its `id` or its `name` is, as JSON Pointers"),
        ("/account/name", json!("email"), "/account/name", member),
        ("/answer/access-token", json!(""), "/answer/access-token", member),
        ("/answer/token-types", json!([]), "/answer/token-types", "at least one type"),
        ("/answer/error", json!("/a~2"), "/answer/error/0", member),
        (
            "/answer/keep",
            json!({"instance-url": "/x"}),
            "/answer/keep/instance-url",
            "a name: 1 to 64 characters of a-z, 0-9 and _",
        ),
        (
            "/answer/keep",
            json!({"token": "/authed_user/access_token"}),
            "/answer/keep/token",
            "what is no secret: tokens are kept in the vault, and this is shown",
        ),
        ("/answer/transient", json!([""]), "/answer/transient/0", "a code of 1 to 100 printable characters"),
        ("/answer/transient", json!(["BAD_CLIENT_ID"]), "/answer/transient/0", "a code that is not there twice"),
        ("/jwt/lifetime-seconds", json!(29), "/jwt/lifetime-seconds", "30 to 3600"),
        ("/jwt/lifetime-seconds", json!(3_601), "/jwt/lifetime-seconds", "30 to 3600"),
        ("/jwt/audience", json!(""), "/jwt/audience", "1 to 500 printable characters"),
        ("/jwt/claims", json!({"exp": "9"}), "/jwt/claims/exp", reserved),
    ] {
        let found = found(&[(at, to.clone())]);
        assert!(found.contains(&(format!("/oauth{place}"), words.to_owned())), "{at} = {to}: {found:?}");
    }
}

#[test]
fn every_endpoint_is_one_that_the_way_out_can_let_through() {
    for at in ["/authorize-url", "/token-url", "/revoke-url", "/account/url"] {
        for url in
            ["http://a.example.com/x", "https://10.0.0.1/x", "https://localhost/x", "https://a.example.com:8443/x"]
        {
            let found = found(&[(at, json!(url))]);
            assert!(found.len() == 1 && found[0].0 == format!("/oauth{at}"), "{at} = {url}: {found:?}");
        }
    }
}

#[test]
fn a_public_client_needs_the_proof_that_only_pkce_gives() {
    let public = [
        ("/grants", json!(["authorization-code"])),
        ("/client-auth", json!("none")),
        ("/client-auth-for", json!(null)),
        ("/jwt", json!(null)),
    ];
    assert_eq!(found(&public), []);
    let mut bare = public.to_vec();
    bare.push(("/pkce", json!("off")));
    assert_eq!(found(&bare)[0].0, "/oauth/pkce");
}

#[test]
fn a_comma_may_stand_in_a_scope_only_if_it_does_not_part_them() {
    assert_eq!(found(&[("/scopes/required", json!(["a,b"]))]), []);
    assert_eq!(
        found(&[("/scopes/required", json!(["a,b"])), ("/scopes/separator", json!("comma"))])[0].0,
        "/oauth/scopes/required/0"
    );
}

#[test]
fn the_example_of_the_guide_is_valid_and_uses_every_key() {
    let guide = include_str!("../../../../../docs/guides/writing-a-connector.md");
    let example = guide.split("```toml\n").skip(1).find(|block| block.contains("[oauth]")).unwrap();
    let manifest: Manifest = toml::from_str(example.split("```").next().unwrap()).unwrap();
    assert_eq!(validate(&manifest), Ok(()));
    let said = serde_json::to_value(manifest.oauth.unwrap()).unwrap();
    let all = serde_json::to_value(serde_json::from_value::<Manifest>(full()).unwrap().oauth.unwrap()).unwrap();
    for (key, value) in all.as_object().unwrap() {
        assert!(said.get(key).is_some(), "no {key}");
        if matches!(key.as_str(), "scopes" | "refresh" | "account" | "answer") {
            for inner in value.as_object().unwrap().keys() {
                assert!(said[key].get(inner).is_some(), "no {key}.{inner}");
            }
        }
    }
}

#[test]
fn what_settings_have_to_say_too_is_something_that_is_kept() {
    for (settings, place) in [
        (json!({"host": "/instance_url"}), "/oauth/answer/settings/host"),
        (json!({"instance_url": "instance_url"}), "/oauth/answer/settings/instance_url"),
    ] {
        let found = found(&[("/answer/settings", settings)]);
        assert_eq!(found.first().map(|(at, _)| at.as_str()), Some(place), "{found:?}");
    }
}
