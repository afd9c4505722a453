//! What names, hosts, methods and headers look like.

/// The longest name, in characters.
pub(super) const MAX_NAME: usize = 64;

/// Headers that the host or the transport sets: no credential may take their place.
const MANAGED_HEADERS: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// 1 to 64 of `a-z`, `0-9` and these.
pub(crate) fn is_name(text: &str, also: &[u8]) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || also.contains(&b))
}

/// A full host name in lower case, or one with `*.` before it.
pub(crate) fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let labels: Vec<&str> = name.split('.').collect();
    let letters = |label: &&str| label.bytes().any(|b| b.is_ascii_lowercase());
    name.len() <= 253 && labels.len() >= 2 && labels.iter().copied().all(is_label) && labels.last().is_some_and(letters)
}

/// One label of a host name.
pub(crate) fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// True if a destination of the egress list covers this one.
pub(super) fn covers(listed: &str, host: &str) -> bool {
    listed == host || listed.strip_prefix('*').is_some_and(|suffix| host.ends_with(suffix) && host.len() > suffix.len())
}

/// Upper-case, and none that would turn a request into a tunnel or an echo.
pub(super) fn is_method(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        && !matches!(text, "CONNECT" | "TRACE")
}

/// A header's name (RFC 9110: a token).
pub(super) fn is_header(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// True for headers that the host sets itself.
pub(super) fn is_managed_header(text: &str) -> bool {
    MANAGED_HEADERS.contains(&text.to_ascii_lowercase().as_str())
}

/// Empty, or a JSON Pointer (RFC 6901).
pub(super) fn is_pointer(text: &str) -> bool {
    let escapes_are_whole = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes_are_whole
}

/// Printable, in one line.
pub(super) fn is_printable_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The alphabet of an SPDX expression.
pub(super) fn is_spdx(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+() :".contains(&b))
}

/// A scope (RFC 6749, 3.3): visible ASCII without quotes and backslashes.
pub(super) fn is_scope(text: &str) -> bool {
    (1..=300).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// The name of a parameter, in characters that need no encoding.
pub(super) fn is_parameter(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && !b"&=#%+".contains(&b))
}

/// A key as one step of a JSON Pointer.
pub(super) fn pointer_token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
