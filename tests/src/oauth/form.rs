//! Parameters of a request: each name once, and no name that nobody expects.

use std::collections::BTreeMap;

use url::form_urlencoded;

/// The parameters of a query or a form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads them; fails with the name that is there twice.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let mut form = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            if form.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(format!("the parameter {name} is there twice"));
            }
        }
        Ok(Self(form))
    }

    /// A parameter's value; empty ones are none (RFC 6749, 3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter's value; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Names that are not among these.
    pub(crate) fn beyond(&self, expected: &[&str], also: &BTreeMap<String, String>) -> Vec<&str> {
        let names = self.0.keys().map(String::as_str);
        names.filter(|name| !expected.contains(name) && !also.contains_key(*name)).collect()
    }

    /// Parameters that are not there with just this value.
    pub(crate) fn lacks<'a>(&self, wanted: &'a BTreeMap<String, String>) -> Vec<&'a str> {
        let missing = wanted.iter().filter(|(name, value)| self.get(name) != Some(value.as_str()));
        missing.map(|(name, _)| name.as_str()).collect()
    }

    /// All values in one text.
    pub(crate) fn values(&self) -> String {
        self.0.values().cloned().collect::<Vec<_>>().join(" ")
    }
}
