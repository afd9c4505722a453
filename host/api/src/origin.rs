//! Whether a page of the hub's own sent a request, or somebody else's.
//!
//! A browser sends its cookies along whatever page asks. `SameSite` keeps them from most other sites; what it lets through (a
//! neighbouring host of the same site) is told by what the browser says of where a request comes from, as OWASP advises:
//! `Sec-Fetch-Site`, or else `Origin`. Rejected: tokens in forms, which need a place to be kept and are forgotten in one.

use http::{HeaderMap, HeaderName, Method, header};
use patchbay_model::{Code, Failure};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the browser says of who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// A page of the hub's own.
    Own,
    /// Another page.
    Other,
    /// It says nothing: a program, or a very old browser.
    Unsaid,
}

fn sender(headers: &HeaderMap, public_url: &str) -> Sender {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        // `none`: the person typed it
        return if site == "same-origin" || site == "none" { Sender::Own } else { Sender::Other };
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Sender::Unsaid };
    let origin = origin.to_str().unwrap_or_default().trim_end_matches('/');
    let public = public_url.split_once("://").map(|(scheme, rest)| (scheme, rest.split('/').next().unwrap_or(rest)));
    let is_public = public.is_some_and(|(scheme, host)| origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let of_host = origin.split_once("://").is_some_and(|(_, of)| !host.is_empty() && of.eq_ignore_ascii_case(host));
    if is_public || of_host { Sender::Own } else { Sender::Other }
}

/// For a request whose rights come from a cookie: `cross_origin` unless it changes nothing or a page of the hub's own sent it.
pub(crate) fn require_own(method: &Method, headers: &HeaderMap, public_url: &str) -> Result<(), Failure> {
    if method.is_safe() || sender(headers, public_url) == Sender::Own {
        return Ok(());
    }
    let detail =
        "a session in a cookie changes things for pages of the hub alone: programs send `Authorization: Bearer pbs_…`";
    Err(Failure::new(Code::CrossOrigin, detail))
}

/// For a request that would set a cookie: `cross_origin` if another page sent it, which could sign somebody in as somebody else.
pub(crate) fn refuse_other(headers: &HeaderMap, public_url: &str) -> Result<(), Failure> {
    match sender(headers, public_url) {
        Sender::Other => Err(Failure::new(Code::CrossOrigin, "a page of another origin cannot sign anybody in")),
        Sender::Own | Sender::Unsaid => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "https://hub.example.com/";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_the_browser_says_decides() {
        let table: [(&[(&str, &str)], Sender); 11] = [
            (&[("sec-fetch-site", "same-origin")], Sender::Own),
            (&[("sec-fetch-site", "none")], Sender::Own),
            (&[("sec-fetch-site", "same-site")], Sender::Other),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://hub.example.com")], Sender::Other),
            (&[("origin", "https://hub.example.com")], Sender::Own),
            (&[("origin", "http://hub.example.com")], Sender::Other),
            (&[("origin", "https://hub.example.com.evil.net")], Sender::Other),
            (&[("origin", "https://evil.net"), ("host", "hub.internal")], Sender::Other),
            (&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], Sender::Own),
            (&[("origin", "null")], Sender::Other),
            (&[], Sender::Unsaid),
        ];
        for (pairs, expected) in table {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, *value)).collect();
            let mut map = HeaderMap::new();
            for (name, value) in &pairs {
                map.insert(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
            }
            assert_eq!(sender(&map, PUBLIC), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_cookie_changes_nothing_unless_a_page_of_the_hub_says_so() {
        let none = HeaderMap::new();
        require_own(&Method::GET, &none, PUBLIC).unwrap();
        assert_eq!(require_own(&Method::POST, &none, PUBLIC).unwrap_err().code, Code::CrossOrigin);
        require_own(&Method::POST, &headers(&[("sec-fetch-site", "same-origin")]), PUBLIC).unwrap();
        refuse_other(&none, PUBLIC).unwrap();
        assert!(refuse_other(&headers(&[("origin", "https://evil.net")]), PUBLIC).is_err());
    }
}
