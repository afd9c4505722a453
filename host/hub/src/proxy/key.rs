//! The hub's key in a vendor's request: found where the vendor's SDK puts its key, and taken out.
//!
//! A vendor must never see a hub key, so every place that could hold one is emptied, not only the one
//! where it was found, and whatever else repeats the key goes too.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use patchbay_model::{Code, Failure};
use patchbay_package::manifest::KeyPlace;

use crate::auth::looks_like_a_key;

/// What every plugin takes, whatever its vendor's SDK does.
const BEARER: &str = "Bearer ";

/// HTTP Basic, of vendors whose SDKs send an account's id and its secret.
const BASIC: &str = "Basic ";

/// A hub key as presented. Not `Debug`, so that it is not logged by accident.
pub(super) struct Presented(String);

impl std::ops::Deref for Presented {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// Takes the hub's key out of the request. `unauthenticated` if there is none.
pub(super) fn take(places: &[KeyPlace], headers: &mut HeaderMap, query: &mut String) -> Result<Presented, Failure> {
    let found = places.iter().find_map(|place| find(place, headers, query)).or_else(|| bearer(headers));
    for place in places {
        if let Some(header) = &place.header {
            headers.remove(header.as_str());
        }
    }
    headers.remove(AUTHORIZATION);
    let Some(key) = found else {
        let places: Vec<_> = places.iter().map(in_words).collect();
        let also = if places.is_empty() { String::new() } else { format!(" or {}", places.join(" or ")) };
        return Err(Failure::new(
            Code::Unauthenticated,
            format!("send the hub's API key as `Authorization: Bearer pb_…`{also}"),
        ));
    };
    remove_copies(headers, &key);
    let named = |name: &str| places.iter().any(|place| place.query.as_deref() == Some(name));
    if !query.is_empty() {
        *query = kept_pairs(query, |name, value| named(name) || value.contains(&key) || name.contains(&key));
    }
    Ok(Presented(key))
}

fn find(place: &KeyPlace, headers: &HeaderMap, query: &str) -> Option<String> {
    let strip = |value: &str| {
        let rest = after_prefix(value, &place.prefix)?;
        let key = if place.prefix.eq_ignore_ascii_case(BASIC) { password(rest)? } else { rest.to_owned() };
        looks_like_a_key(&key).then_some(key)
    };
    if let Some(header) = &place.header {
        return headers.get_all(header.as_str()).iter().filter_map(|value| value.to_str().ok()).find_map(strip);
    }
    let name = place.query.as_deref()?;
    query.split('&').map(decoded_pair).filter(|(key, _)| key == name).find_map(|(_, value)| strip(&value))
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    after_prefix(value, BEARER).filter(|key| looks_like_a_key(key)).map(str::to_owned)
}

/// What stands behind the first colon of the user and the password (RFC 7617, section 2).
fn password(basic: &str) -> Option<String> {
    let pair = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

/// Scheme names in `Authorization` are case-insensitive (RFC 9110, section 11.1).
fn after_prefix<'a>(value: &'a str, prefix: &str) -> Option<&'a str> {
    let start = value.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| value.get(prefix.len()..).unwrap_or_default().trim())
}

fn remove_copies(headers: &mut HeaderMap, key: &str) {
    let holds = |value: &HeaderValue| value.as_bytes().windows(key.len()).any(|part| part == key.as_bytes());
    let names: Vec<_> = headers.iter().filter(|(_, value)| holds(value)).map(|(name, _)| name.clone()).collect();
    for name in names {
        headers.remove(name);
    }
}

fn kept_pairs(query: &str, drop: impl Fn(&str, &str) -> bool) -> String {
    let kept = query.split('&').filter(|pair| {
        let (name, value) = decoded_pair(pair);
        !drop(&name, &value)
    });
    kept.collect::<Vec<_>>().join("&")
}

fn decoded_pair(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (decoded(name), decoded(value))
}

/// Percent-decoded as in a query. What is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn in_words(place: &KeyPlace) -> String {
    match (&place.header, &place.query) {
        (Some(header), _) if place.prefix.eq_ignore_ascii_case(BASIC) => {
            format!("as the password of HTTP Basic in the header `{header}`")
        }
        (Some(header), _) => format!("in the header `{header}: {}pb_…`", place.prefix),
        (None, query) => format!("in the query as `{}`", query.as_deref().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "pb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn header_place(name: &str, prefix: &str) -> KeyPlace {
        KeyPlace { header: Some(name.to_owned()), query: None, prefix: prefix.to_owned() }
    }

    fn query_place(name: &str) -> KeyPlace {
        KeyPlace { header: None, query: Some(name.to_owned()), prefix: String::new() }
    }

    fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_key_is_found_where_the_vendors_sdk_puts_it() {
        let mut given = headers(&[("x-api-key", KEY.to_owned()), ("accept", "*/*".to_owned())]);
        let key = take(&[header_place("x-api-key", "")], &mut given, &mut String::new()).ok().unwrap();
        assert_eq!(&*key, KEY);
        assert_eq!(given.keys().collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn the_password_of_http_basic_is_taken_where_the_vendors_sdk_sends_that() {
        let basic = |pair: &str| headers(&[("authorization", format!("Basic {}", STANDARD.encode(pair)))]);
        let mut given = basic(&format!("AC01:{KEY}"));
        let place = [header_place("authorization", "Basic ")];
        assert_eq!(&*take(&place, &mut given, &mut String::new()).ok().unwrap(), KEY);
        assert!(given.is_empty());
        for other in [format!("{KEY}:x"), format!("AC01:{KEY}x y"), KEY.to_owned()] {
            assert!(take(&place, &mut basic(&other), &mut String::new()).is_err(), "{other}");
        }
    }

    #[test]
    fn a_plain_bearer_key_is_taken_too() {
        let mut given = headers(&[("authorization", format!("bearer {KEY}"))]);
        assert_eq!(&*take(&[header_place("x-api-key", "")], &mut given, &mut String::new()).ok().unwrap(), KEY);
        assert!(given.is_empty());
    }

    #[test]
    fn a_key_in_the_query_is_cut_out_of_it_also_when_escaped() {
        let mut query = format!("a=1&key=%70{}&b=%2F", &KEY[1..]);
        assert_eq!(&*take(&[query_place("key")], &mut HeaderMap::new(), &mut query).ok().unwrap(), KEY);
        assert_eq!(query, "a=1&b=%2F");
    }

    #[test]
    fn copies_of_the_key_do_not_travel_on() {
        let mut given = headers(&[
            ("authorization", format!("Bearer {KEY}")),
            ("x-debug", format!("key={KEY};")),
            ("x-api-key", "other".to_owned()),
        ]);
        let mut query = format!("note={KEY}&n=2");
        take(&[header_place("x-api-key", "")], &mut given, &mut query).ok().unwrap();
        assert!(given.is_empty(), "{given:?}");
        assert_eq!(query, "n=2");
    }

    #[test]
    fn a_vendors_own_key_is_no_hub_key() {
        let mut given = headers(&[("authorization", "Bearer sk-live".to_owned())]);
        let failure = take(&[], &mut given, &mut String::new()).err().unwrap();
        assert_eq!(failure.code, Code::Unauthenticated);
    }
}
