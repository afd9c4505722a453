//! OAuth 2.0: endpoints that an egress rule could name, and settings that fit together.

use std::collections::BTreeMap;

use url::Url;

use super::{report::Report, text};
use crate::{
    Manifest,
    endpoint::Endpoint,
    manifest::{
        Config, Oauth, Schema,
        oauth::{Account, Answer, ClientAuth, Grant, Jwt, Pkce, Refresh, Scopes},
    },
};

/// What the protocol itself puts into a URL where a person consents.
const AUTHORIZE_PARAMETERS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
];
/// What the protocol itself puts into a request for tokens.
const TOKEN_PARAMETERS: [&str; 11] = [
    "grant_type",
    "code",
    "redirect_uri",
    "client_id",
    "client_secret",
    "code_verifier",
    "refresh_token",
    "scope",
    "assertion",
    "client_assertion",
    "client_assertion_type",
];
/// What an assertion claims in any case.
const CLAIMS: [&str; 8] = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "scope"];

pub(super) fn check(manifest: &Manifest, report: &mut Report) {
    let Some(oauth) = &manifest.oauth else { return };
    let filled = manifest.credentials.iter().find(|credential| credential.name == oauth.credential);
    report.demand(
        filled.is_some_and(|credential| credential.inject.is_some()),
        "/oauth/credential",
        "the name of a credential that has an `inject`",
    );
    grants(oauth, report);
    endpoints(oauth, manifest.config.as_ref(), report);
    if let Some(text) = &oauth.issuer {
        issuer(text, report);
    }
    parameters("/oauth/authorize-parameters", &oauth.authorize_parameters, &AUTHORIZE_PARAMETERS, report);
    parameters("/oauth/token-parameters", &oauth.token_parameters, &TOKEN_PARAMETERS, report);
    scopes(&oauth.scopes, report);
    refresh(&oauth.refresh, report);
    if let Some(account) = &oauth.account {
        check_account(account, report);
    }
    answer(&oauth.answer, report);
    if let Some(jwt) = &oauth.jwt {
        check_jwt(jwt, manifest.config.as_ref(), report);
    }
}

fn grants(oauth: &Oauth, report: &mut Report) {
    report.demand(!oauth.grants.is_empty(), "/oauth/grants", "at least one grant");
    report.unique(oauth.grants.iter().enumerate().map(|(i, grant)| (format!("/oauth/grants/{i}"), grant)), "a grant");
    let has = |grant| oauth.grants.contains(&grant);
    let by_code = has(Grant::AuthorizationCode);
    report.demand(
        oauth.authorize_url.is_some() == by_code,
        "/oauth/authorize-url",
        if by_code { "a URL: the grant `authorization-code` begins there" } else { "nothing: no grant begins there" },
    );
    let public = |grant| has(grant) && oauth.client_auth_of(grant) == ClientAuth::None;
    let said_for = |grant: Grant| match oauth.client_auth_for.contains_key(&grant) {
        true => format!("/oauth/client-auth-for/{}", grant.as_str()),
        false => "/oauth/client-auth".to_owned(),
    };
    report.demand(
        !public(Grant::ClientCredentials),
        said_for(Grant::ClientCredentials),
        "a way that proves something: with `none` anybody could use the grant `client-credentials`",
    );
    report.demand(
        !public(Grant::AuthorizationCode) || oauth.pkce == Pkce::S256,
        "/oauth/pkce",
        "`s256`: with the client authentication `none` nothing else protects a code",
    );
    for (grant, way) in &oauth.client_auth_for {
        let at = format!("/oauth/client-auth-for/{}", grant.as_str());
        report.demand(has(*grant), at.as_str(), "a grant that is listed in `grants`");
        report.demand(*way != oauth.client_auth, at, "another way than `client-auth` says");
    }
    let signs = oauth.grants.iter().any(|grant| oauth.signs_for(*grant));
    report.demand(
        oauth.jwt.is_some() == signs,
        "/oauth/jwt",
        if signs { "an algorithm at least: the hub signs assertions" } else { "nothing: the hub signs no assertion" },
    );
}

fn endpoints(oauth: &Oauth, config: Option<&Config>, report: &mut Report) {
    let account = oauth.account.as_ref().and_then(|account| account.url.as_ref());
    for (at, text) in [
        ("/oauth/authorize-url", oauth.authorize_url.as_ref()),
        ("/oauth/token-url", Some(&oauth.token_url)),
        ("/oauth/revoke-url", oauth.revoke_url.as_ref()),
        ("/oauth/account/url", account),
    ] {
        match text.map(|text| Endpoint::parse(text)) {
            None => {}
            Some(Err(error)) => report.add(at, error.to_string()),
            Some(Ok(endpoint)) => {
                setting(&endpoint, config, at, report);
            }
        }
    }
}

/// A setting that an endpoint begins with is one that there is.
fn setting(endpoint: &Endpoint, config: Option<&Config>, at: &str, report: &mut Report) {
    let Some(name) = endpoint.setting() else { return };
    let known = matches!(config, Some(Config { schema: Schema::Inline(schema) })
        if schema.get("properties").is_some_and(|properties| properties.get(name).is_some()));
    report.demand(known, at, format!("a setting in the schema of `config`: it has no property `{name}`"));
}

fn issuer(issuer: &str, report: &mut Report) {
    let valid = issuer.len() <= 500
        && Url::parse(issuer)
            .is_ok_and(|url| url.scheme() == "https" && url.query().is_none() && url.fragment().is_none());
    report.demand(valid, "/oauth/issuer", "an https URL without query and fragment (RFC 8414, 2)");
}

fn parameters(at: &str, parameters: &BTreeMap<String, String>, reserved: &[&str], report: &mut Report) {
    for (name, value) in parameters {
        let at = format!("{at}/{}", text::pointer_token(name));
        report.demand(
            text::is_parameter(name),
            at.as_str(),
            "the name of a parameter, in characters that need no encoding",
        );
        report.demand(
            !reserved.contains(&name.as_str()),
            at.as_str(),
            "a parameter that the protocol does not set itself",
        );
        report.demand(
            value.chars().count() <= 500 && text::is_printable_line(value),
            at,
            "a value of at most 500 printable characters",
        );
    }
}

fn scopes(scopes: &Scopes, report: &mut Report) {
    let separator = scopes.separator.as_char();
    for (at, list) in [("/oauth/scopes/required", &scopes.required), ("/oauth/scopes/optional", &scopes.optional)] {
        for (index, scope) in list.iter().enumerate() {
            report.demand(
                text::is_scope(scope) && !scope.contains(separator),
                format!("{at}/{index}"),
                "one scope: visible ASCII without quotes, backslashes and the separator",
            );
        }
    }
    let required = scopes.required.iter().enumerate().map(|(i, scope)| (format!("/oauth/scopes/required/{i}"), scope));
    let optional = scopes.optional.iter().enumerate().map(|(i, scope)| (format!("/oauth/scopes/optional/{i}"), scope));
    report.unique(required.chain(optional), "a scope");
}

fn refresh(refresh: &Refresh, report: &mut Report) {
    report.demand(refresh.margin_seconds <= 86_400, "/oauth/refresh/margin-seconds", "at most 86400");
    report.positive("/oauth/refresh/lifetime-seconds".to_owned(), refresh.lifetime_seconds);
    report.demand(
        refresh.idle_seconds.is_none_or(|seconds| seconds >= 60),
        "/oauth/refresh/idle-seconds",
        "at least 60",
    );
}

fn check_account(account: &Account, report: &mut Report) {
    report.demand(
        account.id.is_some() || account.name.is_some(),
        "/oauth/account",
        "where its `id` or its `name` is, as JSON Pointers",
    );
    for (at, pointer) in [("/oauth/account/id", &account.id), ("/oauth/account/name", &account.name)] {
        if let Some(pointer) = pointer {
            report.member(at, pointer);
        }
    }
}

fn answer(answer: &Answer, report: &mut Report) {
    for (key, pointer) in [
        ("access-token", &answer.access_token),
        ("refresh-token", &answer.refresh_token),
        ("expires-in", &answer.expires_in),
        ("scope", &answer.scope),
        ("token-type", &answer.token_type),
        ("error-description", &answer.error_description),
    ] {
        report.member(format!("/oauth/answer/{key}"), pointer);
    }
    report.demand(!answer.error.is_empty(), "/oauth/answer/error", "one place at least");
    for (index, pointer) in answer.error.iter().enumerate() {
        report.member(format!("/oauth/answer/error/{index}"), pointer);
    }
    for (name, pointer) in &answer.keep {
        let at = format!("/oauth/answer/keep/{}", text::pointer_token(name));
        report.demand(text::is_name(name, b"_"), at.as_str(), "a name: 1 to 64 characters of a-z, 0-9 and _");
        report.member(at.as_str(), pointer);
        let secret = pointer == &answer.access_token || pointer == &answer.refresh_token;
        report.demand(!secret, at, "what is no secret: tokens are kept in the vault, and this is shown");
    }
    for (name, pointer) in &answer.settings {
        let at = format!("/oauth/answer/settings/{}", text::pointer_token(name));
        report.demand(answer.keep.contains_key(name), at.as_str(), "a name that `keep` has too");
        report.member(at, pointer);
    }
    let lists = [
        ("token-types", &answer.token_types),
        ("invalid-grant", &answer.invalid_grant),
        ("invalid-client", &answer.invalid_client),
        ("transient", &answer.transient),
    ];
    let codes = || {
        lists.iter().flat_map(|(key, codes)| {
            codes.iter().enumerate().map(move |(index, code)| (format!("/oauth/answer/{key}/{index}"), code))
        })
    };
    for (at, code) in codes() {
        let valid = (1..=100).contains(&code.chars().count()) && text::is_printable_line(code);
        report.demand(valid, at, "a code of 1 to 100 printable characters");
    }
    report.unique(codes(), "a code");
    report.demand(!answer.token_types.is_empty(), "/oauth/answer/token-types", "at least one type");
}

fn check_jwt(jwt: &Jwt, config: Option<&Config>, report: &mut Report) {
    report.demand((30..=3_600).contains(&jwt.lifetime_seconds), "/oauth/jwt/lifetime-seconds", "30 to 3600");
    if let Some(audience) = &jwt.audience {
        report.demand(
            (1..=500).contains(&audience.chars().count()) && text::is_printable_line(audience),
            "/oauth/jwt/audience",
            "1 to 500 printable characters",
        );
        if audience.contains(['{', '}']) {
            match Endpoint::parse(audience) {
                Ok(endpoint) => setting(&endpoint, config, "/oauth/jwt/audience", report),
                Err(error) => report.add("/oauth/jwt/audience", error.to_string()),
            }
        }
    }
    parameters("/oauth/jwt/claims", &jwt.claims, &CLAIMS, report);
}

#[cfg(test)]
mod tests;
