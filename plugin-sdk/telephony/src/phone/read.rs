//! Reading numbers.

use super::{
    Kind,
    tables::{self, Plan},
};

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
    let text = cleaned(text)?;
    if has_extension(&text) {
        return Err(Invalid::Extension);
    }
    let digits = dialled(&text)?;
    let number = if text.starts_with('+') {
        international(&digits)?
    } else {
        let region = region.ok_or(Invalid::NoCountry)?.trim().to_ascii_uppercase();
        within(tables::plan(&region).ok_or(Invalid::UnknownRegion)?, &digits)?
    };
    let spelt = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    if spelt && !is_known(&number) { Err(Invalid::NoNumber) } else { Ok(number) }
}

/// What has its country. The plans are asked only if the rest begins with a zero, which may be a trunk prefix too much, or, as
/// in Italy, part of the number.
fn international(digits: &str) -> Result<String, Invalid> {
    let (code, national) = tables::split(digits).ok_or(Invalid::UnknownCallingCode)?;
    let trunk = || tables::plans(code).find_map(|plan| plan.without_trunk(national));
    if national.starts_with('0')
        && !tables::plans(code).any(|plan| plan.knows(national))
        && let Some(national) = trunk().filter(|rest| !rest.starts_with('0'))
    {
        return of(code, national);
    }
    of(code, national)
}

/// What is written as within a country: with its prefix for abroad, its trunk prefix, a carrier's code, its own calling code or
/// none of them, whichever makes a number that the plan knows. If none does, it is taken as it is or without the trunk prefix,
/// whichever has as many digits as numbers there have.
fn within(plan: &Plan, digits: &str) -> Result<String, Invalid> {
    if !plan.knows(digits)
        && let Some(rest) = plan.dialled_from_abroad(digits)
    {
        return international(rest);
    }
    let code = plan.code.to_string();
    let (trunk, transformed) = (plan.without_trunk(digits), plan.transformed(digits));
    let known = [Some(digits), trunk, transformed.as_deref(), digits.strip_prefix(&code)]
        .into_iter()
        .flatten()
        .find(|national| plan.knows(national));
    let likely = || [Some(digits), trunk].into_iter().flatten().find(|national| plan.has_length(national.len()));
    let wrong = if plan.has_longer(digits.len()) { Invalid::TooShort } else { Invalid::TooLong };
    of(plan.code, known.or_else(likely).ok_or(wrong)?)
}

/// True if a plan knows a number: what is spelt in letters may be any text.
fn is_known(number: &str) -> bool {
    let parts = number.strip_prefix('+').and_then(tables::split);
    parts.is_some_and(|(code, national)| tables::kind(code, national) != Kind::Unknown)
}

/// The number of both parts.
fn of(code: u16, national: &str) -> Result<String, Invalid> {
    let number = format!("+{code}{national}");
    match number.len() - 1 {
        ..FEWEST_DIGITS => Err(Invalid::TooShort),
        FEWEST_DIGITS..=MOST_DIGITS => Ok(number),
        _ => Err(Invalid::TooLong),
    }
}

/// The digits to dial, letters by the keys that they are on (ITU-T E.161). A word has three letters at least and stands after
/// digits, as in 1-800-FLOWERS.
fn dialled(text: &str) -> Result<String, Invalid> {
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let begun = text.starts_with(|character: char| character.is_ascii_alphabetic());
    if begun || letters == 1 || letters == 2 {
        return Err(Invalid::NoNumber);
    }
    Ok(text.chars().filter_map(key).collect())
}

fn key(character: char) -> Option<char> {
    Some(match character.to_ascii_lowercase() {
        digit @ '0'..='9' => digit,
        'a'..='c' => '2',
        'd'..='f' => '3',
        'g'..='i' => '4',
        'j'..='l' => '5',
        'm'..='o' => '6',
        'p'..='s' => '7',
        't'..='v' => '8',
        'w'..='z' => '9',
        _ => return None,
    })
}

/// True if it ends with a word for an extension and digits of one.
fn has_extension(text: &str) -> bool {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_digit());
    let word = digits.trim_end_matches([' ', '.']);
    let before = word.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let word = word.get(before.len()..).unwrap_or_default().to_ascii_lowercase();
    digits.len() < text.len() && matches!(word.as_str(), "x" | "ext" | "extn" | "extension")
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
