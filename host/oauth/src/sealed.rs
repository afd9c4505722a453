//! Secret values as text, for the vault to seal.
//!
//! The types themselves are not serializable, so that none ends up in an answer or a log because a struct around it
//! is: the text is a [`SecretString`], and who wants it has to ask for it by name.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

/// A text that this version did not write. Says nothing of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored {0} has an unknown form: authorize the connection again")]
pub struct UnknownForm(pub(crate) &'static str);

/// A secret in a form that is about to be sealed.
pub(crate) struct Exposed(pub(crate) SecretString);

impl Serialize for Exposed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for Exposed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

/// A form under its version.
#[derive(Serialize, Deserialize)]
struct Versioned<F> {
    v: u8,
    #[serde(flatten)]
    form: F,
}

const VERSION: u8 = 1;

/// The text to seal. The forms are structs of texts and numbers, which always serialize.
pub(crate) fn to_text<F: Serialize>(form: F) -> SecretString {
    let json = patchbay_model::wiped::to_json(&Versioned { v: VERSION, form }).unwrap_or_default();
    SecretString::from(std::str::from_utf8(&json).unwrap_or_default())
}

/// The form in a text.
pub(crate) fn from_text<F: DeserializeOwned>(text: &SecretString, name: &'static str) -> Result<F, UnknownForm> {
    // What serde says may quote the text, so it is not passed on.
    serde_json::from_str::<Versioned<F>>(text.expose_secret())
        .ok()
        .filter(|versioned| versioned.v == VERSION)
        .map(|versioned| versioned.form)
        .ok_or(UnknownForm(name))
}
