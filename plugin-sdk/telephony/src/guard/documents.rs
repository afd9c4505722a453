//! Whom a document of TeXML or TwiML would call.
//!
//! Somebody who hands a document over decides with it who is called, so it is looked at like any other destination. It is read as
//! a carrier reads it: references are resolved, comments are nothing, and a number may stand in pieces. What makes a document
//! mean something else than what stands there (a DOCTYPE, an entity of one's own) is refused. Rejected: to look for digits behind
//! `<Dial`, past which `&#57;`, a comment or a blank between two digits got every number.

/// What is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no XML.
    #[error("a document of XML: what is begun in it must be ended")]
    Broken,
    /// A DOCTYPE or a part of one.
    #[error("a document without DOCTYPE: what it says must stand there")]
    Declaration,
    /// A reference to what XML itself does not know.
    #[error("a document with no references but those of XML: &amp; &lt; &gt; &quot; &apos; and &#…;")]
    Reference,
}

/// An element that is begun and not ended, from `Dial` on.
struct Open {
    name: String,
    text: String,
}

/// Whom the verbs `Dial` of a document call, as it is written there, without blanks around it: numbers, and whatever else stands
/// where one belongs. What stands in `Sip`, `Client`, `Queue`, `Conference` and the like is nobody with a telephone number.
///
/// # Errors
/// [`Unreadable`] for a document of which nobody can tell by looking at it.
pub fn dialled(document: &str) -> Result<Vec<String>, Unreadable> {
    let (mut found, mut open) = (Vec::new(), Vec::<Open>::new());
    let mut rest = document;
    while let Some(at) = rest.find('<') {
        let (text, markup) = rest.split_at(at);
        say(&mut open, text)?;
        if let Some(comment) = markup.strip_prefix("<!--") {
            rest = behind(comment, "-->")?;
        } else if let Some(section) = markup.strip_prefix("<![CDATA[") {
            let (text, after) = section.split_once("]]>").ok_or(Unreadable::Broken)?;
            if let Some(element) = open.last_mut() {
                element.text.push_str(text);
            }
            rest = after;
        } else if markup.starts_with("<!") {
            return Err(Unreadable::Declaration);
        } else if let Some(instruction) = markup.strip_prefix("<?") {
            rest = behind(instruction, "?>")?;
        } else {
            let (tag, after) = tag(markup.get(1..).unwrap_or_default())?;
            turn(&mut open, tag, &mut found)?;
            rest = after;
        }
    }
    if open.is_empty() { Ok(found) } else { Err(Unreadable::Broken) }
}

fn behind<'a>(text: &'a str, end: &str) -> Result<&'a str, Unreadable> {
    text.split_once(end).map(|(_, after)| after).ok_or(Unreadable::Broken)
}

/// What is between `<` and its `>`, and what follows. One in quotes ends nothing.
fn tag(text: &str) -> Result<(&str, &str), Unreadable> {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (None, '>') => return Ok((text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default())),
            (None, '"' | '\'') => quote = Some(character),
            (Some(own), character) if own == character => quote = None,
            _ => {}
        }
    }
    Err(Unreadable::Broken)
}

/// Begins an element or ends one. Those outside of `Dial` are passed over.
fn turn(open: &mut Vec<Open>, tag: &str, found: &mut Vec<String>) -> Result<(), Unreadable> {
    let (ends, name) = tag.strip_prefix('/').map_or((false, tag), |name| (true, name));
    let name = name.split(|character: char| character.is_whitespace() || character == '/').next().unwrap_or_default();
    // a prefix is a matter of taste, and so is the case to somebody who wants to be sure
    let name = name.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
    if ends {
        let Some(element) = open.pop_if(|element| element.name == name) else {
            return if open.is_empty() { Ok(()) } else { Err(Unreadable::Broken) };
        };
        let text = element.text.trim();
        if matches!(element.name.as_str(), "dial" | "number") && !text.is_empty() {
            found.push(text.to_owned());
        }
        return Ok(());
    }
    if !tag.ends_with('/') && (name == "dial" || !open.is_empty()) {
        open.push(Open { name, text: String::new() });
    }
    Ok(())
}

/// Adds what is said to the innermost element, references resolved.
fn say(open: &mut [Open], text: &str) -> Result<(), Unreadable> {
    let Some(element) = open.last_mut() else { return Ok(()) };
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once('&') {
        element.text.push_str(before);
        let (name, after) = reference.split_once(';').ok_or(Unreadable::Reference)?;
        element.text.push(resolved(name).ok_or(Unreadable::Reference)?);
        rest = after;
    }
    element.text.push_str(rest);
    Ok(())
}

fn resolved(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(document: &str) -> Vec<String> {
        dialled(&format!("<?xml version=\"1.0\"?><Response>{document}</Response>")).unwrap()
    }

    #[test]
    fn who_is_called_is_found_however_it_is_written() {
        for document in [
            "<Dial>+19005550100</Dial>",
            "<Dial timeout=\"20\" action=\"https://a.example/?x=1>2\">\n +19005550100 </Dial>",
            "<Dial><Number url='https://a.example/'>+19005550100</Number></Dial>",
            "<Dial>+1900555&#48;1&#x30;0</Dial>",
            "<Dial>&#43;1900<!-- nothing -->5550100</Dial>",
            "<Dial>+1900<![CDATA[555]]>0100</Dial>",
            "<Dial>+1900<Pause/>5550100</Dial>",
            "<dial>+19005550100</dial>",
            "<x:Dial>+19005550100</x:Dial>",
            "<Dial><Number>+19005550100</Number></Dial><Hangup/>",
            "<Gather><Say>Press 1</Say></Gather><Dial>+19005550100</Dial>",
        ] {
            assert_eq!(found(document), ["+19005550100"], "{document}");
        }
        let several = "<Dial><Number>+14155550100</Number><Number>+1 (415) 555-0101</Number></Dial><Dial>911</Dial>";
        assert_eq!(found(several), ["+14155550100", "+1 (415) 555-0101", "911"]);
    }

    #[test]
    fn nobody_is_called_by_what_is_said_or_by_other_ways_than_numbers() {
        for document in [
            "<Say>+19005550100 &custom; </Say>",
            "<!-- <Dial>+19005550100</Dial> --><Hangup/>",
            "<Say><![CDATA[<Dial>+19005550100</Dial>]]></Say>",
            "<Dial callerId=\"+14155550100\"><Client>joe</Client><Sip>sip:a@example.com</Sip></Dial>",
            "<Dial/>",
            "",
        ] {
            assert_eq!(found(document), Vec::<String>::new(), "{document}");
        }
    }

    #[test]
    fn what_could_mean_something_else_is_refused() {
        for (document, why) in [
            ("<!DOCTYPE r [<!ENTITY d \"&#60;Dial>1\">]><Response>&d;</Response>", Unreadable::Declaration),
            ("<Response><Dial>&n;</Dial></Response>", Unreadable::Reference),
            ("<Response><Dial>+1 & 2</Dial></Response>", Unreadable::Reference),
            ("<Response><Dial>+19005550100</Response>", Unreadable::Broken),
            ("<Response><Dial>+19005550100", Unreadable::Broken),
            ("<Response><Dial a=\"></Dial></Response>", Unreadable::Broken),
            ("<Response><!-- ", Unreadable::Broken),
        ] {
            assert_eq!(dialled(document), Err(why), "{document}");
        }
    }
}
