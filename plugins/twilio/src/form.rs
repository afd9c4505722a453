//! `application/x-www-form-urlencoded`: what Twilio takes and what it sends.

/// The fields in their order, decoded. What is not UTF-8 becomes the replacement character: Twilio sends none such.
#[must_use]
pub fn fields(body: &[u8]) -> Vec<(String, String)> {
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let name = decoded(parts.next().unwrap_or_default());
            (name, decoded(parts.next().unwrap_or_default()))
        })
        .collect()
}

/// The fields of a URL's query, decoded; none if it has no query.
#[must_use]
pub fn query(url: &str) -> Vec<(String, String)> {
    url.split_once('?').map(|(_, query)| fields(query.as_bytes())).unwrap_or_default()
}

/// The first field of this name that is not empty: Twilio sends what it does not know as an empty text.
#[must_use]
pub fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(own, _)| own == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// What is said to Twilio: PascalCase names in order, and a name again for each item of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Says this.
    pub(crate) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Says this, if it is there. An empty text is: it takes a URL away.
    pub(crate) fn maybe(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Says a number or a truth, if it is there.
    pub(crate) fn shown<T: std::fmt::Display>(self, name: &'static str, value: Option<T>) -> Self {
        self.maybe(name, value.map(|value| value.to_string()))
    }

    /// Says each of them under the same name.
    pub(crate) fn each(self, name: &'static str, values: &[String]) -> Self {
        values.iter().fold(self, |all, value| all.set(name, value.as_str()))
    }

    /// As pairs.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => match others.get(..2).and_then(byte) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = others.get(2..).unwrap_or_default();
                }
                None => bytes.push(b'%'),
            },
            other => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn byte(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0u8, |sum, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(sum << 4 | u8::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_empty_ones_say_nothing() {
        let all = fields(b"To=%2B15551230002&Body=a+b%26c&CallerName=&odd=%2&MediaUrl0=x&MediaUrl0=y");
        assert_eq!(field(&all, "To"), Some("+15551230002"));
        assert_eq!(field(&all, "Body"), Some("a b&c"));
        assert_eq!(field(&all, "odd"), Some("%2"));
        assert_eq!((field(&all, "CallerName"), field(&all, "none")), (None, None));
        assert_eq!(all.iter().filter(|(name, _)| name == "MediaUrl0").count(), 2);
    }

    #[test]
    fn a_query_has_fields_and_a_url_without_one_has_none() {
        assert_eq!(field(&query("https://a.example/x?ivr=1.a&b="), "ivr"), Some("1.a"));
        assert!(query("https://a.example/x").is_empty());
    }

    #[test]
    fn parameters_keep_their_order_and_repeat_names_of_lists() {
        let media = ["a".to_owned(), "b".to_owned()];
        let all =
            Parameters::new().set("To", "+1").maybe("Body", None::<&str>).each("MediaUrl", &media).shown("N", Some(3));
        assert_eq!(all.pairs().collect::<Vec<_>>(), [("To", "+1"), ("MediaUrl", "a"), ("MediaUrl", "b"), ("N", "3")]);
    }
}
