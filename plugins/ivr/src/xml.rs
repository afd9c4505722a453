//! Verbs as XML.
//!
//! `quick-xml` escapes what it writes, but writes any character. XML 1.0 has no way at all to write most control characters,
//! so those are left out of texts; [`is_speakable`] tells of them when a menu is saved.

use std::io;

use patchbay_sdk::Error;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::carrier::{Dialect, SILENCE_S, within};

/// What the carrier is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    Say {
        text: String,
        language: String,
        voice: Option<String>,
    },
    Play {
        url: String,
    },
    /// Says `heard` while it waits for one key, which goes to `action`.
    Gather {
        heard: Vec<Verb>,
        action: String,
        timeout_s: u32,
        with_pound: bool,
    },
    /// Calls `to`; how that ended goes to `action`.
    Dial {
        to: String,
        action: String,
        ring_s: u32,
        caller_id: Option<String>,
    },
    /// Records until silence, the pound key or the longest time; the recording goes to `action` and, once it can be had, to
    /// `callback`.
    Record {
        action: String,
        callback: String,
        max_s: u32,
    },
    Redirect {
        url: String,
    },
    Reject {
        reason: &'static str,
    },
    Hangup,
}

type Out = Writer<Vec<u8>>;

/// The document.
///
/// # Errors
/// [`Error::Internal`] if it cannot be written, which memory alone could prevent.
pub(crate) fn document(dialect: Dialect, verbs: &[Verb]) -> Result<String, Error> {
    let mut writer = Writer::new(Vec::new());
    let wrong = |error: io::Error| Error::Internal(format!("the document: {error}"));
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))).map_err(wrong)?;
    let response = writer.create_element("Response");
    response
        .write_inner_content(|inner| {
            for verb in verbs {
                write(inner, dialect, verb)?;
            }
            Ok(())
        })
        .map_err(wrong)?;
    String::from_utf8(writer.into_inner()).map_err(|error| Error::Internal(format!("the document: {error}")))
}

fn write(out: &mut Out, dialect: Dialect, verb: &Verb) -> io::Result<()> {
    let carrier = dialect.carrier();
    match verb {
        Verb::Say { text, language, voice } => {
            let mut say = out.create_element("Say").with_attribute(("language", language.as_str()));
            if let Some(voice) = voice {
                say = say.with_attribute(("voice", voice.as_str()));
            }
            say.write_text_content(BytesText::new(&speakable(text)))?;
        }
        Verb::Play { url } => {
            out.create_element("Play").write_text_content(BytesText::new(&speakable(url)))?;
        }
        Verb::Gather { heard, action, timeout_s, with_pound } => {
            let timeout = within(*timeout_s, &carrier.gather_timeout).to_string();
            let mut gather = out.create_element("Gather").with_attributes([
                ("input", "dtmf"),
                ("numDigits", "1"),
                ("timeout", timeout.as_str()),
                ("action", action.as_str()),
            ]);
            if carrier.gather_method {
                gather = gather.with_attribute(("method", "POST"));
            }
            if *with_pound {
                // by default that key ends the input and is not told
                gather = gather.with_attribute(("finishOnKey", ""));
            }
            gather.write_inner_content(|inner| {
                for verb in heard {
                    write(inner, dialect, verb)?;
                }
                Ok(())
            })?;
        }
        Verb::Dial { to, action, ring_s, caller_id } => {
            let timeout = within(*ring_s, &carrier.dial_timeout).to_string();
            let mut dial = out.create_element("Dial").with_attributes([
                ("timeout", timeout.as_str()),
                ("action", action.as_str()),
                ("method", "POST"),
            ]);
            if let Some(number) = caller_id {
                dial = dial.with_attribute(("callerId", number.as_str()));
            }
            dial.write_text_content(BytesText::new(to))?;
        }
        Verb::Record { action, callback, max_s } => {
            let (length, silence) = (within(*max_s, &carrier.record_length).to_string(), SILENCE_S.to_string());
            let mut record = out.create_element("Record").with_attributes([
                ("maxLength", length.as_str()),
                ("timeout", silence.as_str()),
                ("finishOnKey", "#"),
                ("playBeep", "true"),
                ("action", action.as_str()),
                ("method", "POST"),
                ("recordingStatusCallback", callback.as_str()),
                ("recordingStatusCallbackMethod", "POST"),
            ]);
            if let Some(channels) = carrier.record_channels {
                record = record.with_attribute(("channels", channels));
            }
            record.write_empty()?;
        }
        Verb::Redirect { url } => {
            let redirect = out.create_element("Redirect").with_attribute(("method", "POST"));
            redirect.write_text_content(BytesText::new(url))?;
        }
        Verb::Reject { reason } => {
            out.create_element("Reject").with_attribute(("reason", *reason)).write_empty()?;
        }
        Verb::Hangup => {
            out.create_element("Hangup").write_empty()?;
        }
    }
    Ok(())
}

/// The text without what XML cannot hold, a blank in place of each such character.
pub(crate) fn speakable(text: &str) -> String {
    text.chars().map(|it| if is_speakable(it) { it } else { ' ' }).collect()
}

/// True for a character of XML 1.0 that a reader gets as it was written: not the carriage return, which XML reads as a line
/// feed.
pub(crate) const fn is_speakable(it: char) -> bool {
    matches!(it, '\t' | '\n' | ' '..='\u{7E}' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::verbs::{Carrier, verbs};

    fn said(dialect: Dialect, text: &str) -> String {
        let say = Verb::Say { text: text.to_owned(), language: "en-US".to_owned(), voice: None };
        let carrier = match dialect {
            Dialect::Texml => Carrier::Telnyx,
            Dialect::Twiml => Carrier::Twilio,
        };
        verbs(carrier, &document(dialect, &[say]).unwrap())[0].text.clone()
    }

    proptest! {
        /// Whatever stands in a text, the document is well-formed and says it.
        #[test]
        fn any_text_is_said_as_it_is_written(text in any::<String>()) {
            let text = format!("x{text}");
            for dialect in [Dialect::Texml, Dialect::Twiml] {
                prop_assert_eq!(said(dialect, &text), speakable(&text));
            }
        }

        /// Of what a menu takes nothing is left out.
        #[test]
        fn text_without_control_characters_is_whole(text in "[ -~\\u{A0}-\\u{FFF0}\n\t<>&'\"]{0,200}") {
            let text = format!("x{text}");
            prop_assert_eq!(speakable(&text), text);
        }
    }

    #[test]
    fn markup_in_a_text_is_text() {
        for text in ["</Say><Dial>+19005550100</Dial><Say>", "]]>", "<!-- x -->", "&#x26;lt;", "&amp;", "a \"b\" 'c'"] {
            for dialect in [Dialect::Texml, Dialect::Twiml] {
                assert_eq!(said(dialect, text), text);
            }
        }
    }

    #[test]
    fn urls_in_attributes_are_whole() {
        let action = "https://hub.example.com/hooks/t?a=1&ivr=x\"<>'";
        let gather = Verb::Gather { heard: Vec::new(), action: action.to_owned(), timeout_s: 700, with_pound: true };
        let document = document(Dialect::Twiml, &[gather]).unwrap();
        let found = verbs(Carrier::Twilio, &document);
        assert_eq!(found[0].attribute("action"), Some(action));
        // no longer than the carrier waits
        assert_eq!(found[0].attribute("timeout"), Some("600"));
    }
}
