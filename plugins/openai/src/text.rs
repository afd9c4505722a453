//! How much text a request holds, to estimate its tokens by when OpenAI's own figure never comes.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// English text has about four characters to a token; no tokenizer is worth its size here.
pub(crate) const CHARACTERS_PER_TOKEN: u64 = 4;

/// What a model would be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Of text.
    pub(crate) characters: u64,
    /// By a URL, `data:` included.
    pub(crate) images: u64,
}

/// What a model would read of this JSON: a string, a list of strings or tokens, or messages and their parts. Of images, audio
/// and files no characters are counted: their base64 says nothing of their tokens.
pub(crate) fn shown(json: &str) -> Shown {
    let mut total = Shown::default();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    // Text that is not JSON was refused before, and half a count would be as good as any.
    let _ = deserializer.deserialize_any(Reader { total: &mut total, read: true });
    total
}

/// Sums up; `read` tells if a string here is read by the model.
struct Reader<'a> {
    total: &'a mut Shown,
    read: bool,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.read {
            self.total.characters += text.chars().map(|_| 1).sum::<u64>();
        }
        Ok(())
    }

    /// A number in a list of tokens is one of them.
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        if self.read {
            self.total.characters += CHARACTERS_PER_TOKEN;
        }
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Reader { total: &mut *self.total, read: self.read })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match &*name {
                "image_url" => {
                    map.next_value::<IgnoredAny>()?;
                    self.total.images += 1;
                }
                "input_audio" | "file" | "file_data" => {
                    map.next_value::<IgnoredAny>()?;
                }
                name => {
                    let read = matches!(name, "content" | "text" | "arguments" | "output" | "refusal" | "name");
                    map.next_value_seed(Reader { total: &mut *self.total, read })?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_reads_is_counted() {
        let characters = |json: &str| shown(json).characters;
        assert_eq!(characters(r#""héllo""#), 5);
        assert_eq!(characters(r#"["ab","cd"]"#), 4);
        assert_eq!(characters("[[1,2],[3]]"), 3 * CHARACTERS_PER_TOKEN);
        assert_eq!(characters(r#"[{"role":"user","content":"abcd"}]"#), 4);
        let parts = r#"[{"role":"user","content":[{"type":"text","text":"abcd"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","text":"no"}}]},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}]"#;
        assert_eq!(shown(parts), Shown { characters: 4 + 1 + 2, images: 1 });
    }
}
