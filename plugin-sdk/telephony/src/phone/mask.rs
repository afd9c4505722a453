//! Numbers as logs show them.

/// What stands for digits that are hidden.
const HIDDEN: &str = "***";
/// From so many digits on, a text looks like a telephone number.
const FEWEST: usize = 7;

/// Hides whatever looks like a telephone number: seven or more digits, also with a plus before them and blanks, points,
/// dashes, slashes and brackets between them. `from +1 (415) 555-0100` becomes `from +1415***0100`. Times and ids of many
/// digits are hidden too: for the text of a log, too much is better than too little.
#[must_use]
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit() || character == '+') {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(length(from));
        masked.push_str(before);
        let many = run.bytes().filter(u8::is_ascii_digit).count() >= FEWEST;
        masked.push_str(&if many { number(run) } else { run.to_owned() });
        rest = after;
    }
    masked.push_str(rest);
    masked
}

/// How long the run is that a text begins with: a plus or a digit, then digits and what separates them, up to the last digit.
fn length(text: &str) -> usize {
    let mut end = 1;
    for (place, character) in text.char_indices().skip(1) {
        match character {
            '0'..='9' => end = place + 1,
            // three at most between two digits, as in `) - `
            ' ' | '.' | '-' | '/' | '(' | ')' | '\u{a0}'
                if text.get(end..place).is_some_and(|gap| gap.chars().count() < 3) => {}
            _ => break,
        }
    }
    end
}

/// A number's first digits and last, at most four of each, with at least three hidden between them.
pub(super) fn number(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).collect::<String>();
    let shown = digits.len().saturating_sub(3);
    let tail = (shown / 2).min(4);
    let head = (shown - tail).min(4);
    let plus = if text.starts_with('+') { "+" } else { "" };
    let first = digits.get(..head).unwrap_or_default();
    let last = digits.get(digits.len() - tail..).unwrap_or_default();
    format!("{plus}{first}{HIDDEN}{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_are_hidden() {
        for (text, masked) in [
            ("call from +15551230002 ended", "call from +1555***0002 ended"),
            (
                "from +1 (415) 555-0100, to sip:+4930123456@example.com",
                "from +1415***0100, to sip:+4930***456@example.com",
            ),
            ("030/1234567.", "0301***567."),
            ("tel:0201234567;error 404", "tel:0201***567;error 404"),
            ("12 legs, 60 s, code 21610", "12 legs, 60 s, code 21610"),
            ("+ + +", "+ + +"),
            ("", ""),
        ] {
            assert_eq!(mask(text), masked, "{text}");
        }
    }

    #[test]
    fn three_digits_at_least_are_hidden_and_four_at_most_end_it() {
        for (text, masked) in [
            ("+6834001", "+68***01"),
            ("+15551230002", "+1555***0002"),
            ("+123456789012345", "+1234***2345"),
            ("123", "***"),
        ] {
            assert_eq!(number(text), masked);
        }
    }
}
