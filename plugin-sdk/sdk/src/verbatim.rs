//! JSON that passes through as it was written.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::Error;

/// JSON text that has the schema of `T` and is passed on byte for byte: numbers keep their digits, members
/// their order, and unknown members are not lost. The guest carries no code for the members of `T`.
///
/// In the hub the schema of `T` is checked before the connector sees the text. Natively no hub stands in
/// front, so there the text is parsed as `T` once, to keep the type honest.
pub struct Verbatim<T> {
    text: Box<RawValue>,
    shape: PhantomData<fn() -> T>,
}

impl<T> Verbatim<T> {
    /// Takes text that is JSON.
    ///
    /// # Errors
    /// If it is not.
    pub fn new(text: String) -> Result<Self, serde_json::Error> {
        Ok(Self { text: RawValue::from_string(text)?, shape: PhantomData })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.get()
    }

    /// The text, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        String::from(Box::<str>::from(self.text))
    }

    /// Reads the few members that matter here.
    ///
    /// # Errors
    /// If they have other types.
    pub fn peek<'a, P: Deserialize<'a>>(&'a self) -> Result<P, serde_json::Error> {
        serde_json::from_str(self.text.get())
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not a `T`.
    pub fn parse(&self) -> Result<T, Error>
    where
        T: DeserializeOwned,
    {
        Ok(serde_json::from_str(self.text.get())?)
    }
}

impl<T> fmt::Debug for Verbatim<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.get())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Verbatim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        #[cfg(not(target_arch = "wasm32"))]
        serde_json::from_str::<T>(text.get()).map_err(serde::de::Error::custom)?;
        Ok(Self { text, shape: PhantomData })
    }
}

impl<T> Serialize for Verbatim<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Verbatim<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    /// As for reading, also in an output: it is the vendor who writes it, and who may leave members out.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut reader = generator.settings().clone().for_deserialize().into_generator();
        let schema = T::json_schema(&mut reader);
        generator.definitions_mut().append(&mut reader.take_definitions(false));
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Point {
        x: u32,
    }

    #[test]
    fn text_passes_byte_for_byte() {
        let text = r#"{"z":1.10,"x":3,"unknown":1e400}"#;
        let value: Verbatim<Point> = serde_json::from_str(text).unwrap();
        assert_eq!(value.parse(), Ok(Point { x: 3 }));
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
        assert_eq!(value.into_string(), text);
    }

    #[test]
    fn text_of_another_type_is_refused_natively() {
        assert!(serde_json::from_str::<Verbatim<Point>>(r#"{"x":"three"}"#).is_err());
    }
}
