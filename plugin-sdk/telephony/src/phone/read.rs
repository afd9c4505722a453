//! Reading numbers.

use phonenumber::{ParseError, country, metadata::DATABASE};

use super::codes;

/// The longest text that is looked at, in bytes.
pub(super) const LONGEST_TEXT: usize = 64;
/// Digits of the shortest number that can be called from abroad.
const FEWEST_DIGITS: usize = 7;
/// Digits of the longest (E.164).
const MOST_DIGITS: usize = 15;

/// Why a text is no telephone number. Nothing of the text is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// There is nothing.
    #[error("is empty: give a telephone number with + and its country's code, as +14155550100")]
    Empty,
    /// It does not look like a number.
    #[error("is no telephone number: give one with + and its country's code, as +14155550100")]
    NoNumber,
    /// A number without its country, and no region was given.
    #[error("lacks the country: begin the number with + and the country's code, as +14155550100")]
    NoCountry,
    /// The default region is no country.
    #[error("cannot be read by the default region: give that as two letters of ISO 3166-1, as US")]
    UnknownRegion,
    /// No country has the digits after the plus.
    #[error("begins with a country code that there is not: after + comes the country's code, as in +14155550100")]
    UnknownCallingCode,
    /// It has too few digits.
    #[error("has too few digits for a telephone number with its country's code")]
    TooShort,
    /// It has too many digits, or the text is too long.
    #[error("has too many digits: a telephone number has at most 15 with its country's code")]
    TooLong,
    /// It has an extension, which E.164 does not.
    #[error("has an extension: give the number alone, and send the extension as digits once it is answered")]
    Extension,
}

/// The number in E.164.
pub(super) fn number(text: &str, region: Option<&str>) -> Result<String, Invalid> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Invalid::Empty);
    }
    if text.len() > LONGEST_TEXT {
        return Err(Invalid::TooLong);
    }
    if let Some(number) = plain(text) {
        return Ok(number);
    }
    by_tables(text, region)
}

/// What is E.164 to the letter, which needs no tables. A national part that begins with a zero may be one that has the trunk
/// prefix too much, which the tables tell.
fn plain(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+')?;
    let right =
        (FEWEST_DIGITS..=MOST_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (_, national) = right.then(|| codes::split(digits))??;
    (!national.starts_with('0')).then(|| text.to_owned())
}

fn by_tables(text: &str, region: Option<&str>) -> Result<String, Invalid> {
    let text = cleaned(text)?;
    let region = match region {
        Some(region) => Some(country(region)?),
        None if !text.starts_with('+') => return Err(Invalid::NoCountry),
        None => None,
    };
    let number = phonenumber::parse(region, &text).map_err(|error| match error {
        ParseError::NoNumber | ParseError::MalformedInteger(_) => Invalid::NoNumber,
        ParseError::InvalidCountryCode => Invalid::UnknownCallingCode,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Invalid::TooShort,
        ParseError::TooLong => Invalid::TooLong,
    })?;
    if number.extension().is_some() {
        return Err(Invalid::Extension);
    }
    // not by its formatter, which fails on codes that are none
    let digits = format!("{}{}", number.code().value(), number.national());
    match digits.len() {
        ..FEWEST_DIGITS => Err(Invalid::TooShort),
        FEWEST_DIGITS..=MOST_DIGITS if codes::split(&digits).is_none() => Err(Invalid::UnknownCallingCode),
        FEWEST_DIGITS..=MOST_DIGITS => Ok(format!("+{digits}")),
        _ => Err(Invalid::TooLong),
    }
}

/// A country that the tables have.
fn country(region: &str) -> Result<country::Id, Invalid> {
    let region = region.trim().to_ascii_uppercase();
    let known = DATABASE.by_id(region.as_str()).is_some();
    if known { region.parse().map_err(|_| Invalid::UnknownRegion) } else { Err(Invalid::UnknownRegion) }
}

/// Only what numbers are written with, so that nothing else reaches the reader: no parameters, no addresses.
fn cleaned(text: &str) -> Result<String, Invalid> {
    let text = text.strip_prefix("tel:").unwrap_or(text);
    let mut cleaned = String::with_capacity(text.len());
    for (place, character) in text.chars().enumerate() {
        match character {
            '+' if place == 0 => cleaned.push('+'),
            '0'..='9' | 'A'..='Z' | 'a'..='z' | '(' | ')' | '.' | '-' | '/' => cleaned.push(character),
            ' ' | '\u{a0}' | '\u{202f}' => cleaned.push(' '),
            '\u{2010}'..='\u{2013}' => cleaned.push('-'),
            _ => return Err(Invalid::NoNumber),
        }
    }
    if cleaned.bytes().any(|byte| byte.is_ascii_digit()) { Ok(cleaned) } else { Err(Invalid::NoNumber) }
}
