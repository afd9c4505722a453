//! The cookie that binds an authorization at a vendor to the browser that began it.
//!
//! Its prefix lets no neighbouring host set it, and it goes over https alone (or to the machine itself). `Lax` lets it come
//! along when the vendor sends the browser back, and not with another site's form.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret as _, SecretString};

const NAME: &str = "__Host-patchbay_consent";
/// For as long as a link is good, and the consent after it.
const LIFETIME: Duration = Duration::from_secs(2 * 3600);

/// The browser's nonce, if it has one.
pub(crate) fn get(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, value)| value)
}

/// Lets the browser keep this nonce.
pub(crate) fn set(nonce: &SecretString) -> HeaderValue {
    let text = format!(
        "{NAME}={}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
        nonce.expose_secret(),
        LIFETIME.as_secs()
    );
    // A nonce is of characters that may stand in a header.
    let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_by_its_whole_name_and_set_for_this_host_alone() {
        let headers = |value: &'static str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(value))]);
        assert_eq!(get(&headers("a=1; __Host-patchbay_consent=n; b=2")), Some("n"));
        assert_eq!(get(&headers("patchbay_consent=n; x__Host-patchbay_consent=n")), None);
        let set = set(&"n".into());
        assert_eq!(set, "__Host-patchbay_consent=n; Path=/; Max-Age=7200; Secure; HttpOnly; SameSite=Lax");
        assert!(set.is_sensitive());
    }
}
