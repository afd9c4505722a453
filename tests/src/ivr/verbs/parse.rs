//! From XML to verbs.

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
};

use super::Verb;

/// The root of a document.
pub(super) fn parse(document: &str) -> Result<Verb, String> {
    if let Some(wrong) = document.chars().find(|it| !is_character(*it)) {
        return Err(format!("U+{:04X} is no character of XML 1.0", u32::from(wrong)));
    }
    let mut reader = Reader::from_str(document);
    reader.config_mut().enable_all_checks(true);
    let mut tree = Tree::default();
    loop {
        let event = reader.read_event().map_err(|error| format!("byte {}: {error}", reader.error_position()))?;
        match event {
            Event::Decl(_) if tree.is_empty() => {}
            Event::Comment(_) => {}
            Event::Start(start) => tree.open(element(&reader, &start)?)?,
            Event::Empty(start) => {
                tree.open(element(&reader, &start)?)?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text.xml10_content().map_err(|error| error.to_string())?)?,
            Event::CData(data) => tree.text(&data.xml10_content().map_err(|error| error.to_string())?)?,
            Event::GeneralRef(reference) => tree.text(&resolved(&reference)?)?,
            Event::Eof => return tree.root(),
            other => return Err(format!("{other:?} has no place in an answer to a call")),
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Tree {
    open: Vec<Verb>,
    root: Option<Verb>,
}

impl Tree {
    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.root.is_none()
    }

    fn open(&mut self, verb: Verb) -> Result<(), String> {
        if self.root.is_some() {
            return Err(format!("{} is a second root", verb.name));
        }
        self.open.push(verb);
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let done = self.open.pop().ok_or("an end without a start")?;
        match self.open.last_mut() {
            Some(parent) => parent.nested.push(done),
            None => self.root = Some(done),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(verb) => verb.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(format!("{text:?} stands outside of the root")),
        }
        Ok(())
    }

    fn root(self) -> Result<Verb, String> {
        match (self.open.last(), self.root) {
            (Some(open), _) => Err(format!("{} is not closed", open.name)),
            (None, Some(root)) => Ok(root),
            (None, None) => Err("there is no root".to_owned()),
        }
    }
}

fn element(reader: &Reader<&[u8]>, start: &BytesStart<'_>) -> Result<Verb, String> {
    let mut verb = Verb { name: utf8(start.name().as_ref())?, ..Verb::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("{}: {error}", verb.name))?;
        if attribute.value.contains(&b'<') {
            return Err(format!("{}: a value of an attribute has a bare <", verb.name));
        }
        let value = attribute
            .decoded_and_normalized_value(XmlVersion::Explicit1_0, reader.decoder())
            .map_err(|error| format!("{}: {error}", verb.name))?;
        verb.attributes.insert(utf8(attribute.key.as_ref())?, value.into_owned());
    }
    Ok(verb)
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return if is_character(character) {
            Ok(character.to_string())
        } else {
            Err(format!("a reference to U+{:04X}, no character of XML 1.0", u32::from(character)))
        };
    }
    let name = reference.decode().map_err(|error| error.to_string())?;
    resolve_predefined_entity(&name).map(str::to_owned).ok_or_else(|| format!("there is no entity {name}"))
}

fn utf8(name: &[u8]) -> Result<String, String> {
    std::str::from_utf8(name).map(str::to_owned).map_err(|error| error.to_string())
}

/// The production `Char` of XML 1.0.
fn is_character(it: char) -> bool {
    matches!(it, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}
