//! The shapes in which an answer may echo a secret: as it is, in JSON, in a URL, in base64, in
//! hexadecimal.
//!
//! A vendor that wants to tell the guest a secret can always invent another shape; these are the ones that
//! happen by accident: error messages, request echoes, `Authorization` headers in debug output.

use std::collections::BTreeSet;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// A shorter secret is not searched for: it would be found by chance in ordinary data.
pub(crate) const SHORTEST: usize = 6;
/// Fewer base64 characters of a secret occur by chance in any large base64 text.
const SHORTEST_BASE64: usize = 8;
/// A longer form is searched for in pieces of this size, so that little must be held back.
const PIECE: usize = 256;

/// Every byte string to look for. Empty for a secret shorter than [`SHORTEST`].
pub(crate) fn forms(secret: &str) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    if secret.len() < SHORTEST {
        return forms;
    }
    forms.insert(secret.as_bytes().to_vec());
    forms.extend(json(secret).into_iter().map(String::into_bytes));
    forms.extend([hex::encode(secret), hex::encode_upper(secret)].map(String::into_bytes));
    forms.extend(percent(secret).into_iter().map(String::into_bytes));
    forms.extend(
        base64(secret.as_bytes()).into_iter().filter(|form| form.len() >= SHORTEST_BASE64).map(String::into_bytes),
    );
    forms.into_iter().flat_map(pieces).collect()
}

/// As the inside of a JSON string, as encoders differ: slashes escaped or not, beyond ASCII escaped or not, and
/// which of ASCII is escaped for the sake of HTML (Go, PHP; most of all System.Text.Json).
fn json(secret: &str) -> Vec<String> {
    let quoted = serde_json::Value::from(secret).to_string();
    let plain = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted);
    // Where the text has no character of the kind, these are the same and the set keeps one.
    let mut forms = vec![plain.to_owned()];
    for upper in [false, true] {
        let escape = |text: &str, marked: &str| {
            let mut out = String::new();
            for character in text.chars() {
                if character.is_ascii() && !marked.contains(character) {
                    out.push(character);
                    continue;
                }
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
                }
            }
            out
        };
        forms.extend(["", "<>&", "<>&'"].map(|marked| escape(plain, marked)));
        // These encoders write a quote, too, by its number.
        forms.extend(["<>&'", "<>&'+`"].map(|marked| escape(&plain.replace("\\\"", "\""), &format!("{marked}\""))));
    }
    let slashed: Vec<_> = forms.iter().map(|form| form.replace('/', "\\/")).collect();
    forms.extend(slashed);
    forms
}

/// As a part of a URL, as encoders differ: what they leave alone, and the digits' case.
fn percent(secret: &str) -> Vec<String> {
    let encode = |kept: &[u8], space: &str, upper: bool| {
        let mut text = String::new();
        for byte in secret.bytes() {
            match byte {
                b' ' if space == "+" => text.push('+'),
                byte if byte.is_ascii_alphanumeric() || kept.contains(&byte) => text.push(char::from(byte)),
                byte if upper => text.push_str(&format!("%{byte:02X}")),
                byte => text.push_str(&format!("%{byte:02x}")),
            }
        }
        text
    };
    [true, false]
        .into_iter()
        .flat_map(|upper| {
            [
                encode(b"-._~", "%20", upper),
                encode(b"-._*", "+", upper),
                encode(b"-._~!*'()", "%20", upper),
                encode(b"-._~!$&'()*+,;=:@/?", "%20", upper),
            ]
        })
        .collect()
}

/// In base64 at each of the three alignments, without the characters that also depend on the neighbours.
fn base64(secret: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    for shift in 0..3 {
        let mut padded = vec![0; shift];
        padded.extend_from_slice(secret);
        let first = (shift * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            texts.extend(text.get(first..last).map(str::to_owned));
        }
    }
    texts
}

fn pieces(form: Vec<u8>) -> Vec<Vec<u8>> {
    if form.len() <= 2 * PIECE {
        return vec![form];
    }
    let mut pieces: Vec<Vec<u8>> = form.chunks(PIECE).map(<[u8]>::to_vec).collect();
    // A short rest would be found by chance, so it stays with the piece before it.
    if let Some(rest) = pieces.pop_if(|rest| rest.len() < PIECE / 2)
        && let Some(before) = pieces.last_mut()
    {
        before.extend(rest);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(secret: &str, text: &str) -> bool {
        forms(secret).iter().any(|form| memchr::memmem::find(text.as_bytes(), form).is_some())
    }

    #[test]
    fn a_secret_is_known_in_every_shape() {
        let secret = "sk/\"test\u{e9}+ 1234";
        assert!(found(secret, &format!("x{secret}y")));
        assert!(found(secret, &serde_json::json!({ "error": secret }).to_string()));
        assert!(found(secret, r#"{"e":"sk\/\"test\u00e9+ 1234"}"#));
        assert!(found(secret, r"sk/\u0022test\u00E9\u002B 1234"), "System.Text.Json");
        assert!(found(secret, r"sk\/\u0022test\u00e9+ 1234"), "PHP");
        assert!(found("a<b>&c'd", r"a\u003cb\u003e\u0026c'd"), "Go");
        assert!(found("a<b>&c'd", r"a\u003Cb\u003E\u0026c\u0027d"), "System.Text.Json");
        assert!(found(secret, &hex::encode(secret)) && found(secret, &hex::encode_upper(secret)));
        assert!(found(secret, "a=sk%2F%22test%C3%A9%2B%201234&b"));
        assert!(found(secret, "a=sk%2f%22test%c3%a9%2b+1234&b"));
        for before in ["", "u", "us", "user:"] {
            let text = STANDARD_NO_PAD.encode(format!("{before}{secret}:and more"));
            assert!(found(secret, &text), "{before:?}");
            let text = URL_SAFE_NO_PAD.encode(format!("{before}{secret}"));
            assert!(found(secret, &text), "{before:?}");
        }
    }

    #[test]
    fn a_short_secret_is_not_looked_for() {
        assert!(forms("").is_empty());
        assert!(forms("12345").is_empty());
        assert!(!forms("123456").is_empty());
    }

    #[test]
    fn a_long_secret_is_covered_in_pieces_without_a_gap() {
        let secret: String = (0..3000).map(|index| char::from(b'a' + u8::try_from(index * 7 % 26).unwrap())).collect();
        let pieces = pieces(secret.clone().into_bytes());
        assert_eq!(pieces.concat(), secret.into_bytes());
        assert!(pieces.iter().all(|piece| (PIECE / 2..PIECE * 3 / 2).contains(&piece.len())));
    }
}
