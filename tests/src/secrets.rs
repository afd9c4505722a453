//! Looking for a secret where it must not be, in every spelling in which it could be there.

use std::path::PathBuf;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

use crate::openai::percent_encoded;

/// Stops the test if a secret is in one of these places, as it is or as URLs, JSON, hexadecimal (as PostgreSQL shows bytes) or
/// base64 would write it, alone or in the middle of something longer. `what` it is, for who reads the failure.
#[track_caller]
pub fn assert_clean(kept: &[(PathBuf, Vec<u8>)], what: &str, secret: &str) {
    for spelling in spellings(secret) {
        let finder = memchr::memmem::Finder::new(&spelling);
        for (place, bytes) in kept {
            let found = finder.find(bytes);
            assert!(found.is_none(), "{what} is in {} as {:?}", place.display(), String::from_utf8_lossy(&spelling));
        }
    }
}

fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let mut all = vec![secret.as_bytes().to_vec(), percent_encoded(secret).into_bytes()];
    all.push(hex::encode(secret).into_bytes());
    all.push(hex::encode_upper(secret).into_bytes());
    let quoted = Value::from(secret).to_string();
    all.push(quoted.trim_matches('"').as_bytes().to_vec());
    all.push(quoted.trim_matches('"').replace('/', "\\/").into_bytes());
    let escaped: String = secret
        .encode_utf16()
        .map(|unit| {
            if (0x30..0x7b).contains(&unit) {
                char::from_u32(unit.into()).unwrap().to_string()
            } else {
                format!("\\u{unit:04x}")
            }
        })
        .collect();
    all.push(escaped.into_bytes());
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            // In the middle of something longer: what its neighbours decide is left out.
            let text = engine.encode([&vec![0; before][..], secret.as_bytes()].concat());
            let from = (before * 8).div_ceil(6);
            all.push(text.as_bytes()[from..text.len() - 1].to_vec());
        }
    }
    all.retain(|spelling| spelling.len() >= 8);
    all
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const SECRET: &str = "canary/key+\"one\"=é&<1>";

    /// What looks for a secret has to find one that is there.
    #[test]
    fn every_spelling_is_found_wherever_it_stands() {
        for around in ["", "a", "ab", "abc"] {
            let text = format!("{around}{SECRET}{around}");
            let quoted = Value::from(text.as_str()).to_string();
            for hidden in [text.clone(), hex::encode(&text), STANDARD.encode(&text), percent_encoded(&text), quoted] {
                let mut all = spellings(SECRET).into_iter();
                let found = all.any(|spelling| memchr::memmem::find(hidden.as_bytes(), &spelling).is_some());
                assert!(found, "{hidden}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "a token is in place as")]
    fn a_place_that_holds_it_stops_the_test() {
        assert_clean(&[(PathBuf::from("place"), SECRET.as_bytes().to_vec())], "a token", SECRET);
    }
}
