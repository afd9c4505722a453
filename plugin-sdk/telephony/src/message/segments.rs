//! As how many parts a text is billed.
//!
//! 3GPP TS 23.038 has the characters and how they count, TS 23.040 what fits in a part: 140 bytes, of which six tell the parts
//! of one text apart once there are several.

/// How a text goes over the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Seven bits a character: 160 in one part, 153 in each of several.
    Gsm7,
    /// Sixteen bits: 70 in one part, 67 in each of several. One character outside of the seven bits is enough.
    Ucs2,
}

/// What a text comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segments {
    /// How it goes over the air.
    pub encoding: Encoding,
    /// Units of the encoding: characters, some of which count two.
    pub units: usize,
    /// Parts, at least 1: an empty text is one.
    pub parts: u32,
}

/// What a text comes to, by the rules of the trade. Carriers may replace characters before they send (Twilio's smart
/// encoding): what they say of a message that was sent holds.
#[must_use]
pub fn segments(text: &str) -> Segments {
    match text.chars().map(septets).sum::<Option<usize>>() {
        Some(units) => {
            let parts = if units <= 160 { 1 } else { parts(text.chars().filter_map(septets), 153) };
            Segments { encoding: Encoding::Gsm7, units, parts }
        }
        None => {
            let units = text.chars().map(char::len_utf16).sum();
            let parts = if units <= 70 { 1 } else { parts(text.chars().map(char::len_utf16), 67) };
            Segments { encoding: Encoding::Ucs2, units, parts }
        }
    }
}

/// How many parts characters of so many units take. None of them is torn apart.
fn parts(characters: impl Iterator<Item = usize>, room: usize) -> u32 {
    let (mut parts, mut used) = (1_u32, 0);
    for units in characters {
        if used + units > room {
            parts = parts.saturating_add(1);
            used = 0;
        }
        used += units;
    }
    parts
}

/// Units of seven bits that a character takes: two of the extension table, one of the default alphabet; `None` for one that is
/// in neither (3GPP TS 23.038, section 6.2.1).
fn septets(character: char) -> Option<usize> {
    const DEFAULT: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENSION: &str = "\u{c}^{}\\[~]|€";
    if DEFAULT.contains(character) {
        Some(1)
    } else if EXTENSION.contains(character) {
        Some(2)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_that_carriers_bill() {
        use Encoding::{Gsm7, Ucs2};
        for (text, encoding, units, parts) in [
            (String::new(), Gsm7, 0, 1),
            ("Your table is booked".to_owned(), Gsm7, 20, 1),
            ("a".repeat(160), Gsm7, 160, 1),
            ("a".repeat(161), Gsm7, 161, 2),
            ("a".repeat(306), Gsm7, 306, 2),
            ("a".repeat(307), Gsm7, 307, 3),
            ("€".repeat(80), Gsm7, 160, 1),
            ("€".repeat(81), Gsm7, 162, 2),
            // the 153rd place of the first part has no room for a sign of two
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), Gsm7, 306, 3),
            ("ÄÖÜäöüß à ñ Ç".to_owned(), Gsm7, 13, 1),
            ("ç".to_owned(), Ucs2, 1, 1),
            ("я".repeat(70), Ucs2, 70, 1),
            ("я".repeat(71), Ucs2, 71, 2),
            ("я".repeat(134), Ucs2, 134, 2),
            ("я".repeat(135), Ucs2, 135, 3),
            ("😀".repeat(35), Ucs2, 70, 1),
            ("😀".repeat(36), Ucs2, 72, 2),
            // 33 signs of two are 66; the 67th place stays empty
            ("😀".repeat(67), Ucs2, 134, 3),
            (format!("{}“", "a".repeat(70)), Ucs2, 71, 2),
        ] {
            assert_eq!(segments(&text), Segments { encoding, units, parts }, "{text}");
        }
    }
}
