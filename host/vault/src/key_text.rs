//! A key as text: in a file, in the environment, out of a command.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::cipher::{KEY_LEN, KeyBytes};

/// What the line begins with that this hub writes, so that another file is not taken for a key.
pub(crate) const MARK: &str = "patchbay-key";

/// The longest text that is looked at, in bytes.
pub(crate) const LONGEST: usize = 1_024;

/// The key in a text, and the version that it says it has: one line of ours (mark, version, 64 hexadecimal digits), or,
/// as tools give keys, 64 hexadecimal digits or 32 bytes in base64.
pub(crate) fn parse(text: &str) -> Option<(Option<u32>, KeyBytes)> {
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    let (version, digits) = if first == MARK { (Some(words.next()?), words.next()?) } else { (None, first) };
    if words.next().is_some() {
        return None;
    }
    let version = match version {
        Some(version) => Some(version.parse().ok().filter(|version| *version > 0)?),
        None => None,
    };
    let mut key = Zeroizing::new([0; KEY_LEN]);
    if hexadecimal(digits, &mut key).is_none() {
        if version.is_some() {
            return None;
        }
        // Room for what the decoder wants to write before it knows better.
        let mut decoded = Zeroizing::new([0; KEY_LEN + 4]);
        if digits.len() != 44 || STANDARD.decode_slice(digits, decoded.as_mut_slice()).ok()? != KEY_LEN {
            return None;
        }
        key.copy_from_slice(decoded.get(..KEY_LEN)?);
    }
    Some((version, key))
}

fn hexadecimal(digits: &str, key: &mut KeyBytes) -> Option<()> {
    if digits.len() != KEY_LEN * 2 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(())
}

/// A line of ours.
pub(crate) fn line(version: u32, key: &KeyBytes) -> Zeroizing<String> {
    // With all of its room at once: a text that grows leaves copies behind.
    let mut line = Zeroizing::new(String::with_capacity(MARK.len() + KEY_LEN * 2 + 16));
    line.push_str(MARK);
    line.push(' ');
    line.push_str(&version.to_string());
    line.push(' ');
    for byte in key.iter() {
        for nibble in [byte >> 4, byte & 15] {
            line.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_as_tools_give_it() {
        let key: Vec<u8> = (0..32).collect();
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        for (text, version) in [
            (format!("patchbay-key 7 {hex}\n"), Some(7)),
            (hex.clone(), None),
            (format!("  {}\r\n", hex.to_uppercase()), None),
            (STANDARD.encode(&key), None),
        ] {
            let (found, bytes) = parse(&text).unwrap();
            assert_eq!((found, bytes.as_slice()), (version, key.as_slice()), "{text}");
        }
        assert_eq!(*line(7, &parse(&hex).unwrap().1), format!("patchbay-key 7 {hex}\n"));
    }

    #[test]
    fn what_is_no_key_is_none() {
        let hex = "00".repeat(32);
        for text in [
            "",
            "patchbay-key",
            "patchbay-key 1",
            "patchbay-key 1 00",
            &format!("patchbay-key x {hex}"),
            &format!("patchbay-key 0 {hex}"),
            &format!("patchbay-key -1 {hex}"),
            &format!("patchbay-key 1 {}", STANDARD.encode([1; 32])),
            &format!("other 1 {hex}"),
            &format!("{hex} {hex}"),
            &hex[1..],
            &format!("+{}", &hex[1..]),
            &"é".repeat(32),
            &STANDARD.encode([1; 31]),
            &STANDARD.encode([1; 33]),
            &"=".repeat(44),
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
