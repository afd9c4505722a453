//! `application/x-www-form-urlencoded`, as Telnyx posts it to TeXML applications.

use std::collections::BTreeMap;

/// The fields of a form or of a query; of two with one name the first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a body, or what follows the question mark of a URL.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(fields)
    }

    /// A field that says something.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// True if there is such a field, be it empty.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A field that is a whole number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_the_first_of_a_name_counts() {
        let form = Form::parse(b"From=%2B15551230001&Digits=&CallDuration=61&From=x&ivr=a+b");
        assert_eq!(form.get("From"), Some("+15551230001"));
        assert_eq!((form.get("Digits"), form.has("Digits"), form.has("Speech")), (None, true, false));
        assert_eq!(form.number("CallDuration"), Some(61));
        assert_eq!(form.get("ivr"), Some("a b"));
    }
}
