//! A vendor's answer, put into the form that RFC 6749 gives it, by what the manifest says of the vendor's habits.
//!
//! Vendors answer 200 with an error inside, spell lists of scopes as arrays and numbers as texts, leave the token's type
//! out, and hide the token of the person below the token of the bot. Each is a fact of the manifest or harmless to
//! accept, and none is worth a branch for a vendor.

use std::collections::BTreeMap;

use oauth2::ExtraTokenFields;
use patchbay_egress::Redactor;
use patchbay_package::manifest::{Oauth, oauth};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{OauthError, VendorAnswer, wire::Answer};

/// The shortest token, in bytes, as of all that is sent to vendors: a shorter one could not be taken out of what comes
/// back.
const FEWEST_SENT_BYTES: usize = 8;
/// The longest token, in bytes; with the rest of a request it must fit into what servers take as headers.
const MAX_TOKEN: usize = 16 << 10;
/// The longest text that is kept beside the tokens, in characters.
const MAX_KEPT: usize = 500;
const MAX_CODE: usize = 100;
const MAX_DESCRIPTION: usize = 200;
/// The codes that RFC 6749 gives a meaning of which the hub makes something.
const KNOWN: [&str; 6] =
    ["invalid_grant", "invalid_client", "unauthorized_client", "temporarily_unavailable", "server_error", "slow_down"];
/// Longer than any token lives; more is a vendor's mistake, and would not fit a timestamp.
const LONGEST_LIFE: u64 = 10 * 366 * 86_400;

/// What is taken out of an answer beside the tokens.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Extra {
    #[serde(default)]
    pub(crate) account: crate::Account,
    #[serde(default)]
    pub(crate) kept: BTreeMap<String, String>,
    /// What was granted, if the vendor says so; it may say that nothing was.
    #[serde(default)]
    pub(crate) scopes: Option<Vec<String>>,
}

impl ExtraTokenFields for Extra {}

/// An answer with tokens, as RFC 6749, 5.1 has it. `renewed`: they take the place of others, and a vendor that rotates has
/// ended those, so what is odd about the new ones is put up with where they can be used at all.
///
/// # Errors
/// What the answer says went wrong, or that it says nothing that can be understood.
pub(crate) fn tokens(oauth: &Oauth, answer: &Answer, redact: &Redactor, renewed: bool) -> Result<Vec<u8>, OauthError> {
    let rules = &oauth.answer;
    let Some(json) = parse(answer).filter(|_| answer.is_success()) else { return Err(failure(rules, answer, redact)) };
    let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(access) = text(&rules.access_token) else { return Err(failure(rules, answer, redact)) };
    let malformed = |text: String| Err(OauthError::Malformed(text));
    if !is_sendable(access) {
        return malformed(format!("the token at {} cannot stand in a header", rules.access_token));
    }
    if access.len() < FEWEST_SENT_BYTES {
        let text = format!(
            "the token at {} has fewer than {FEWEST_SENT_BYTES} bytes and could not be told from other data",
            rules.access_token
        );
        return malformed(text);
    }
    let kind = text(&rules.token_type).unwrap_or("bearer");
    if kind != "bearer" && !rules.token_types.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        let kind = clean(kind, MAX_CODE, redact);
        if !renewed {
            return malformed(format!("the token is of the type {kind:?}, not a bearer"));
        }
        tracing::warn!(kind, "a renewed token is of a type that the manifest does not list: it is used all the same");
    }
    let refresh = text(&rules.refresh_token);
    if refresh.is_some_and(|refresh| refresh.len() > MAX_TOKEN) {
        return malformed(format!("the refresh token has more than {MAX_TOKEN} bytes"));
    }
    let life = match json.pointer(&rules.expires_in) {
        None | Some(Value::Null) => None,
        Some(value) => {
            let life = seconds(value);
            if life.is_none() {
                tracing::warn!(
                    at = rules.expires_in,
                    "the vendor's answer has no number of seconds: the token's end is unknown"
                );
            }
            life.map(|life| life.min(LONGEST_LIFE)).filter(|life| *life > 0)
        }
    };
    let scopes = json.pointer(&rules.scope).and_then(|value| scopes(value, oauth.scopes.separator));
    let no_secret = |text: &String| text != access && Some(text.as_str()) != refresh;
    let kept = rules.keep.iter().filter_map(|(name, pointer)| {
        keepable(json.pointer(pointer)?).filter(no_secret).map(|value| (name.clone(), value))
    });
    // an account is shown, and is written beside what comes from it
    let told = account(oauth.account.as_ref().filter(|account| account.url.is_none()), &json);
    let told = crate::Account { id: told.id.filter(no_secret), name: told.name.filter(no_secret) };
    let regular = json!({
        "access_token": access,
        "token_type": "bearer",
        "account": told,
        "kept": kept.collect::<BTreeMap<_, _>>(),
        "expires_in": life,
        "refresh_token": refresh,
        "scopes": scopes,
    });
    serde_json::to_vec(&regular).map_err(|_| OauthError::Malformed("it cannot be put into words".to_owned()))
}

/// An answer of which the status is all that matters.
///
/// # Errors
/// What the answer says went wrong.
pub(crate) fn status(oauth: &Oauth, answer: &Answer, redact: &Redactor) -> Result<(), OauthError> {
    if answer.is_success() { Ok(()) } else { Err(failure(&oauth.answer, answer, redact)) }
}

/// An answer that says whether something was done: by its status, and by an error inside, for vendors that answer 200 to
/// everything.
///
/// # Errors
/// What the answer says went wrong.
pub(crate) fn done(oauth: &Oauth, answer: &Answer, redact: &Redactor) -> Result<(), OauthError> {
    status(oauth, answer, redact)?;
    let failed = parse(answer).is_some_and(|json| !codes(&oauth.answer, &json).is_empty());
    if failed { Err(failure(&oauth.answer, answer, redact)) } else { Ok(()) }
}

/// The answer of the endpoint that says whose account it is.
///
/// # Errors
/// As [`done`], or if it is not JSON.
pub(crate) fn profile(oauth: &Oauth, answer: &Answer, redact: &Redactor) -> Result<crate::Account, OauthError> {
    done(oauth, answer, redact)?;
    let json = parse(answer).ok_or_else(|| OauthError::Malformed("it is not JSON".to_owned()))?;
    Ok(account(oauth.account.as_ref(), &json))
}

fn account(rules: Option<&oauth::Account>, json: &Value) -> crate::Account {
    let at = |pointer: Option<&String>| pointer.and_then(|pointer| json.pointer(pointer)).and_then(keepable);
    rules.map_or_else(Default::default, |rules| crate::Account {
        id: at(rules.id.as_ref()),
        name: at(rules.name.as_ref()),
    })
}

fn parse(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok()
}

/// What the answer says went wrong.
pub(crate) fn failure(rules: &oauth::Answer, answer: &Answer, redact: &Redactor) -> OauthError {
    let json = parse(answer);
    let text = |pointer: &str, most| {
        let text = json.as_ref()?.pointer(pointer).and_then(scalar)?;
        Some(clean(&text, most, redact)).filter(|text| !text.is_empty())
    };
    let said = VendorAnswer {
        status: answer.status,
        code: json.as_ref().and_then(|json| told(rules, codes(rules, json))).map(|code| clean(&code, MAX_CODE, redact)),
        description: text(&rules.error_description, MAX_DESCRIPTION),
    };
    let listed = |codes: &[String]| said.code.as_ref().is_some_and(|code| codes.contains(code));
    let code = said.code.as_deref().unwrap_or_default();
    let later = matches!(answer.status, 408 | 425 | 429 | 500..)
        || matches!(code, "temporarily_unavailable" | "server_error" | "slow_down")
        || listed(&rules.transient);
    if later {
        let reason = said.to_string();
        return OauthError::Unavailable { reason, status: Some(answer.status), retry_after: answer.retry_after };
    }
    match code {
        "invalid_grant" => OauthError::InvalidGrant(said),
        _ if listed(&rules.invalid_grant) => OauthError::InvalidGrant(said),
        "invalid_client" | "unauthorized_client" => OauthError::InvalidClient(said),
        _ if listed(&rules.invalid_client) => OauthError::InvalidClient(said),
        // RFC 6749, 5.2: 401 is for clients that are not who they say.
        "" if answer.status == 401 => OauthError::InvalidClient(said),
        "" if answer.is_success() => OauthError::Malformed(match json {
            None => "it is not JSON".to_owned(),
            Some(_) => {
                format!("it has no token at {} and no error at {}", rules.access_token, rules.error.join(" or "))
            }
        }),
        _ => OauthError::Refused(said),
    }
}

/// The codes of what went wrong, wherever the manifest says that one may be.
fn codes(rules: &oauth::Answer, json: &Value) -> Vec<String> {
    rules.error.iter().filter_map(|pointer| json.pointer(pointer).and_then(scalar)).collect()
}

/// The code that counts: the first that means something, else the first.
fn told(rules: &oauth::Answer, codes: Vec<String>) -> Option<String> {
    let listed = [&rules.invalid_grant, &rules.invalid_client, &rules.transient];
    let means = |code: &&String| KNOWN.contains(&code.as_str()) || listed.iter().any(|list| list.contains(*code));
    codes.iter().find(means).or(codes.first()).cloned()
}

fn is_sendable(token: &str) -> bool {
    token.len() <= MAX_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A whole number of seconds, however it is spelled.
fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let number = number.as_f64().filter(|number| *number >= 0.0)?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and saturating")]
            let whole = number as u64;
            Some(whole)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// What was granted; nothing if that is not said in a way that can be read.
fn scopes(value: &Value, separator: oauth::Separator) -> Option<Vec<String>> {
    let words = |text: &str| -> Vec<String> {
        let parts = text.split(separator.as_char()).map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    match value {
        Value::String(text) => Some(words(text)),
        Value::Array(list) => Some(list.iter().filter_map(Value::as_str).flat_map(words).collect()),
        _ => None,
    }
}

/// A text, number or truth value as text.
fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// A text that is short enough to be kept.
fn keepable(value: &Value) -> Option<String> {
    scalar(value).filter(|text| text.chars().count() <= MAX_KEPT)
}

/// A vendor's text for people: without our secrets, in one line, and short.
fn clean(text: &str, most: usize, redact: &Redactor) -> String {
    redact.redact_str(text).chars().filter(|character| !character.is_control()).take(most).collect()
}

#[cfg(test)]
mod tests;
