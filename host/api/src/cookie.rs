//! The hub's cookies in a browser.
//!
//! All have the prefix `__Host-`: a browser takes them over https alone (or from the machine itself), and no neighbouring host
//! can set one. None can be read by a script, and none goes along when another site's page sends something.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret as _, SecretString};

/// What all of them begin with.
const PREFIX: &str = "__Host-patchbay_";
/// A member's session.
pub(crate) const SESSION: &str = "__Host-patchbay_session";
/// Binds an authorization at a vendor to the browser that began it.
pub(crate) const CONSENT: &str = "__Host-patchbay_consent";
/// For how long: a link is good for an hour, and the consent after it for ten minutes.
pub(crate) const CONSENT_LIFETIME: Duration = Duration::from_secs(2 * 3600);
/// Binds a sign-in at the identity provider to the browser that began it.
pub(crate) const OIDC: &str = "__Host-patchbay_oidc";

/// The value of a cookie.
pub(crate) fn get<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// Sets a cookie for so long.
pub(crate) fn set(name: &str, value: &SecretString, lifetime: Duration) -> HeaderValue {
    let value = value.expose_secret();
    header_value(format!("{name}={value}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax", lifetime.as_secs()))
}

/// Takes a cookie away.
pub(crate) fn clear(name: &str) -> HeaderValue {
    header_value(format!("{name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"))
}

fn header_value(text: String) -> HeaderValue {
    // Tokens, hexadecimal digits and dots are always a header's value.
    let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Takes the hub's cookies out of a request that somebody else gets to see.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let mut kept = Vec::new();
    for value in headers.get_all(header::COOKIE) {
        // what is no text could hold anything
        let Ok(text) = value.to_str() else { continue };
        let others: Vec<&str> = text.split(';').map(str::trim).filter(|pair| !is_ours(pair)).collect();
        if let Ok(value) = HeaderValue::try_from(others.join("; "))
            && !value.is_empty()
        {
            kept.push(value);
        }
    }
    headers.remove(header::COOKIE);
    for value in kept {
        headers.append(header::COOKIE, value);
    }
}

/// Takes cookies that somebody else wants to set in the hub's name out of an answer.
pub(crate) fn strip_foreign(headers: &mut HeaderMap) {
    let kept: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter(|value| value.to_str().is_ok_and(|text| !is_ours(text)))
        .cloned()
        .collect();
    headers.remove(header::SET_COOKIE);
    for value in kept {
        headers.append(header::SET_COOKIE, value);
    }
}

/// True for whatever a browser could take for a cookie of the hub's: also one that has no name and such a value.
fn is_ours(text: &str) -> bool {
    text.to_ascii_lowercase().contains(&PREFIX.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers =
            headers(header::COOKIE, &["a=1; __Host-patchbay_sessio=2", " __Host-patchbay_session=pbs_x; b=3"]);
        assert_eq!(get(&headers, SESSION), Some("pbs_x"));
        assert_eq!(get(&headers, OIDC), None);
    }

    #[test]
    fn a_cookie_is_for_this_host_over_https_and_for_no_script() {
        let set = set(SESSION, &"pbs_x".into(), Duration::from_secs(60));
        assert_eq!(set, "__Host-patchbay_session=pbs_x; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax");
        assert!(set.is_sensitive());
        assert!(clear(SESSION).to_str().unwrap().starts_with("__Host-patchbay_session=; Path=/; Max-Age=0;"));
    }

    #[test]
    fn nobody_else_gets_the_hubs_cookies_or_sets_them() {
        let mut request =
            headers(header::COOKIE, &["a=1; __Host-patchbay_session=pbs_x; b=2", "__Host-patchbay_oidc=y"]);
        strip(&mut request);
        assert_eq!(request.get_all(header::COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
        let foreign = ["__Host-patchbay_session=evil; Path=/; Secure", "=__Host-patchbay_session=evil", "a=1"];
        let mut answer = headers(header::SET_COOKIE, &foreign);
        strip_foreign(&mut answer);
        assert_eq!(answer.get_all(header::SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1"]);
    }
}
