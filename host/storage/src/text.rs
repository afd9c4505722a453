//! Text and JSON that either database gives back as it got them.
//!
//! Vendors and plugins send what they like, U+0000 among it. SQLite keeps it; PostgreSQL can hold it neither in `text`
//! nor in JSON that it looks into. There it is written as U+0001 U+0001, and U+0001 itself as U+0001 U+0002: nothing
//! is lost, two texts are equal there when they are equal here, and they sort the same way. Almost no text
//! has either, and is what it is.
//!
//! Rejected: `bytea` for text (nobody can read the tables), and refusing such text (a vendor's webhook would be lost
//! for one character of it).

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Database, Decode, Encode, Postgres, Sqlite, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgHasArrayType, PgTypeInfo, types::Oid},
    types::Json as Plain,
};

/// Text of whatever characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<T = String>(pub(crate) T);

/// The text of a column that may be empty.
pub(crate) fn optional(text: Option<Text>) -> Option<String> {
    text.map(|text| text.0)
}

/// A value as JSON. As a parameter it is `json` on PostgreSQL, which goes into columns of `jsonb` as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Json<T>(pub(crate) T);

/// The text of a column of JSON, as it was before it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonText(pub(crate) String);

/// JSON as [`Json`] sends it to PostgreSQL, for arrays of it.
pub(crate) fn postgres_json<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    match escape_json(&text) {
        Cow::Borrowed(_) => Ok(text),
        Cow::Owned(text) => Ok(text),
    }
}

fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', '\u{1}']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => escaped.push_str("\u{1}\u{1}"),
            '\u{1}' => escaped.push_str("\u{1}\u{2}"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1}') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(replace(text, '\u{1}', |rest| match rest.get(..2) {
        Some("\u{1}\u{1}") => (2, Some("\0")),
        Some("\u{1}\u{2}") => (2, Some("\u{1}")),
        _ => (1, None),
    }))
}

/// Of JSON's text and not of its strings one by one: what is to be replaced can only be within one.
fn escape_json(text: &str) -> Cow<'_, str> {
    if !text.contains(r"\u000") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(replace(text, '\\', |rest| match rest.get(..6) {
        Some(r"\u0000") => (6, Some(r"\u0001\u0001")),
        Some(r"\u0001") => (6, Some(r"\u0001\u0002")),
        _ => (2, None),
    }))
}

fn unescape_json(text: &str) -> Cow<'_, str> {
    if !text.contains(r"\u0001") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(replace(text, '\\', |rest| match rest.get(..12) {
        Some(r"\u0001\u0001") => (12, Some(r"\u0000")),
        Some(r"\u0001\u0002") => (12, Some(r"\u0001")),
        _ => (2, None),
    }))
}

/// At each `mark` asks how many bytes to take from there, and what to put in their place; nothing: themselves.
fn replace(text: &str, mark: char, at: impl Fn(&str) -> (usize, Option<&'static str>)) -> String {
    let mut replaced = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, marked)) = rest.find(mark).and_then(|place| rest.split_at_checked(place)) {
        replaced.push_str(before);
        let (length, instead) = at(marked);
        let (taken, after) = marked.split_at_checked(length).unwrap_or((marked, ""));
        replaced.push_str(instead.unwrap_or(taken));
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

impl<T> Type<Sqlite> for Text<T> {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <str as Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &<Sqlite as Database>::TypeInfo) -> bool {
        <str as Type<Sqlite>>::compatible(ty)
    }
}

impl<T> Type<Postgres> for Text<T> {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }

    fn compatible(ty: &PgTypeInfo) -> bool {
        <str as Type<Postgres>>::compatible(ty)
    }
}

impl<T> PgHasArrayType for Text<T> {
    fn array_type_info() -> PgTypeInfo {
        <&str as PgHasArrayType>::array_type_info()
    }
}

impl<T: AsRef<str>> Encode<'_, Sqlite> for Text<T> {
    fn encode_by_ref(&self, buffer: &mut <Sqlite as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.0.as_ref(), buffer)
    }
}

impl<T: AsRef<str>> Encode<'_, Postgres> for Text<T> {
    fn encode_by_ref(&self, buffer: &mut <Postgres as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(&*escape(self.0.as_ref()), buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for Text {
    fn decode(value: <Sqlite as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        <String as Decode<Sqlite>>::decode(value).map(Self)
    }
}

impl<'r> Decode<'r, Postgres> for Text {
    fn decode(value: <Postgres as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(unescape(value.as_str()?).into_owned()))
    }
}

impl<T> Type<Sqlite> for Json<T> {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <Plain<T> as Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &<Sqlite as Database>::TypeInfo) -> bool {
        <Plain<T> as Type<Sqlite>>::compatible(ty)
    }
}

impl<T> Type<Postgres> for Json<T> {
    fn type_info() -> PgTypeInfo {
        // `json`, whose number is the same on every server. As `jsonb`, which sqlx would take, it could not go into a
        // column of `json` without being written anew.
        PgTypeInfo::with_oid(Oid(114))
    }

    fn compatible(ty: &PgTypeInfo) -> bool {
        <Plain<T> as Type<Postgres>>::compatible(ty)
    }
}

impl<T: Serialize> Encode<'_, Sqlite> for Json<T> {
    fn encode_by_ref(&self, buffer: &mut <Sqlite as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(serde_json::to_string(&self.0)?, buffer)
    }
}

impl<T: Serialize> Encode<'_, Postgres> for Json<T> {
    fn encode_by_ref(&self, buffer: &mut <Postgres as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(postgres_json(&self.0)?, buffer)
    }
}

impl<'r, T: DeserializeOwned> Decode<'r, Sqlite> for Json<T> {
    fn decode(value: <Sqlite as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(serde_json::from_slice(<&[u8] as Decode<Sqlite>>::decode(value)?)?))
    }
}

impl<'r, T: DeserializeOwned> Decode<'r, Postgres> for Json<T> {
    fn decode(value: <Postgres as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        let bytes = value.as_bytes()?;
        // The number of jsonb's format, which no JSON begins with.
        let text = std::str::from_utf8(bytes.strip_prefix(&[1]).unwrap_or(bytes))?;
        Ok(Self(serde_json::from_str(&unescape_json(text))?))
    }
}

impl Type<Sqlite> for JsonText {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <str as Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &<Sqlite as Database>::TypeInfo) -> bool {
        <str as Type<Sqlite>>::compatible(ty)
    }
}

impl Type<Postgres> for JsonText {
    fn type_info() -> PgTypeInfo {
        <Json<()> as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Sqlite> for JsonText {
    fn decode(value: <Sqlite as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        <String as Decode<Sqlite>>::decode(value).map(Self)
    }
}

impl<'r> Decode<'r, Postgres> for JsonText {
    /// Of `json` alone: `jsonb` does not keep a text.
    fn decode(value: <Postgres as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(unescape_json(std::str::from_utf8(value.as_bytes()?)?).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn text_that_has_neither_character_is_not_touched() {
        for text in ["", "plain", "é 😀", r"\u0000", "\u{2}"] {
            assert!(matches!(escape(text), Cow::Borrowed(_)), "{text:?}");
            assert!(matches!(unescape(text), Cow::Borrowed(_)), "{text:?}");
        }
    }

    #[test]
    fn text_comes_back_and_keeps_its_order() {
        let mut texts =
            ["", "\0", "\0\0", "\0\u{1}", "\0a", "\u{1}", "\u{1}\0", "\u{1}\u{2}", "\u{1}é", "\u{2}", "a\0b"];
        texts.sort_unstable();
        let escaped: Vec<_> = texts.iter().map(|text| escape(text)).collect();
        assert!(escaped.is_sorted());
        for (text, escaped) in texts.iter().zip(&escaped) {
            assert!(!escaped.contains('\0'));
            assert_eq!(unescape(escaped), *text);
        }
    }

    #[test]
    fn json_comes_back_whatever_its_strings_hold() {
        let backslashes = r#"\u0000 \\u0001 \" \"#;
        for value in [
            json!({ "a\0": ["\0", "\u{1}", "\u{1}\u{2}", "\u{1}\0\u{1}", "é\0"] }),
            json!(backslashes),
            json!(format!("{backslashes}\0{backslashes}\u{1}\u{2}")),
            json!(["\u{1f}", "\n\t", 1.5, null]),
        ] {
            let sent = postgres_json(&value).unwrap();
            assert!(!sent.replace(r"\\", "").contains(r"\u0000"), "{sent}");
            assert_eq!(serde_json::from_str::<Value>(&unescape_json(&sent)).unwrap(), value);
        }
    }

    #[test]
    fn strings_of_json_are_escaped_as_text_is() {
        for text in ["\0", "\u{1}", "a\0\u{1}\u{2}b"] {
            let sent: String = serde_json::from_str(&postgres_json(&text).unwrap()).unwrap();
            assert_eq!(sent, escape(text));
        }
    }
}
