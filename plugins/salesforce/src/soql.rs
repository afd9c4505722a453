//! SOQL: texts, times and names that cannot break out of their place in it.

use patchbay_sdk::clock::{self, Timestamp};

/// The longest name of a field or an object, in bytes; Salesforce's own have 80 at most, with a namespace.
const MAX_NAME: usize = 100;
/// Relationships that a field may be away, as Salesforce has it.
const MAX_STEPS: usize = 6;

/// A text as a literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", escaped(text))
}

/// What escapes have to be put before, or in the place of, within quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            other => out.push(other),
        }
    }
    out
}

/// A pattern of `LIKE` that finds these digits in this order at the end of a number, however it is written.
pub(crate) fn number_pattern(digits: &str) -> String {
    let mut pattern = String::from("'");
    for digit in digits.chars().filter(char::is_ascii_digit) {
        pattern.push('%');
        pattern.push(digit);
    }
    pattern.push('\'');
    pattern
}

/// `('a','b')`.
pub(crate) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let literals: Vec<String> = texts.into_iter().map(literal).collect();
    format!("({})", literals.join(","))
}

/// An instant as a literal.
pub(crate) fn instant(at: Timestamp) -> String {
    clock::rfc3339(at)
}

/// True for the name of an object or a field of it.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// True for a field, also of something that the object refers to: `Account.Name`.
pub(crate) fn is_field(name: &str) -> bool {
    name.split('.').count() <= MAX_STEPS && name.split('.').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_literal() {
        assert_eq!(literal("O'Brien\\"), r"'O\'Brien\\'");
        assert_eq!(literal("a\nb"), r"'a\nb'");
        assert_eq!(list(["a", "b' OR Name != '"]), r"('a','b\' OR Name != \'')");
        assert_eq!(number_pattern("+1 (4')15"), "'%1%4%1%5'");
    }

    #[test]
    fn names_are_words() {
        for name in ["Email", "Patchbay_Id__c", "Account.Owner.Name"] {
            assert!(is_field(name), "{name}");
        }
        for name in ["", "1a", "a b", "a'", "Account.", ".Name", "a,b", "a.b.c.d.e.f.g", "Email FROM User"] {
            assert!(!is_field(name), "{name}");
        }
        assert!(!is_name("Account.Name"));
    }

    #[test]
    fn an_instant_is_bare() {
        let at = clock::parse_rfc3339("2026-11-01T00:00:00.250Z").unwrap_or_default();
        assert_eq!(instant(at), "2026-11-01T00:00:00.250Z");
    }
}
