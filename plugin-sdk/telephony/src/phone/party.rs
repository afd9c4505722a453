//! Who is at the other end, if that is not always a telephone number.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Kind, Number, mask};

/// Either end of a call or of a message, as a carrier names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// A telephone number.
    Number(Number),
    /// A few digits, as the senders of messages have them.
    ShortCode(String),
    /// A SIP address, a client of the carrier's: whatever has a scheme.
    Uri(String),
    /// Letters in a number's place, as senders of messages may have them.
    Name(String),
    /// The caller does not show who it is.
    Withheld,
}

/// What carriers write for a caller who is not shown: words, and the same words as they are spelt on a keypad, which Twilio
/// gives as numbers (266696687 is `ANONYMOUS`).
const WITHHELD: [&str; 12] = [
    "",
    "anonymous",
    "blocked",
    "private",
    "restricted",
    "unavailable",
    "unknown",
    "+266696687",
    "+7378742833",
    "+2562533",
    "+8656696",
    "+86282452253",
];

impl Party {
    /// Reads what a carrier wrote. Never fails: what is nothing else is a [`Party::Name`]. At most 500 characters are kept.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        if WITHHELD.contains(&lower.as_str()) {
            return Self::Withheld;
        }
        if (3..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::ShortCode(text.to_owned());
        }
        // a leading plus alone: a name of letters and digits is no number of some country
        let number =
            if text.starts_with('+') || lower.starts_with("tel:") { Number::parse(text, None).ok() } else { None };
        let kept = || text.chars().take(500).collect::<String>();
        match number {
            Some(number) => Self::Number(number),
            None if text.contains(':') || text.contains('@') => Self::Uri(kept()),
            None => Self::Name(kept()),
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::ShortCode(_) | Self::Uri(_) | Self::Name(_) | Self::Withheld => None,
        }
    }

    /// As it is stored; `None` for a caller who is not shown.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Number(number) => Some(number.as_str()),
            Self::ShortCode(text) | Self::Uri(text) | Self::Name(text) => Some(text),
            Self::Withheld => None,
        }
    }

    /// As logs show it.
    #[must_use]
    pub fn masked(&self) -> String {
        self.as_str().map_or_else(|| "withheld".to_owned(), mask)
    }

    /// What kind of number it is; [`Kind::Unknown`] for what is none.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Number(number) => number.kind(),
            Self::ShortCode(_) => Kind::ShortCode,
            Self::Uri(_) | Self::Name(_) | Self::Withheld => Kind::Unknown,
        }
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl From<Number> for Party {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_names_of_parties_are_told_apart() {
        assert_eq!(Party::read("+15551230001"), Party::Number(Number::parse("+15551230001", None).unwrap()));
        assert_eq!(Party::read("tel:+1-555-123-0001"), Party::read("+15551230001"));
        assert_eq!(Party::read("72345"), Party::ShortCode("72345".to_owned()));
        assert_eq!(Party::read("sip:alice@example.com"), Party::Uri("sip:alice@example.com".to_owned()));
        assert_eq!(Party::read("client:alice"), Party::Uri("client:alice".to_owned()));
        assert_eq!(Party::read("ACME"), Party::Name("ACME".to_owned()));
        for text in ["", "Anonymous", "+266696687", "RESTRICTED"] {
            assert_eq!(Party::read(text), Party::Withheld, "{text}");
        }
    }

    #[test]
    fn logs_do_not_show_numbers() {
        assert_eq!(format!("{:?}", Party::read("+15551230001")), "+1555***0001");
        assert_eq!(format!("{:?}", Party::read("sip:15551230001@example.com")), "sip:1555***0001@example.com");
        assert_eq!(format!("{:?}", Party::Withheld), "withheld");
    }
}
