//! The carriers' verbs: where each may be, its attributes, and what is in it.
//!
//! Limits are the tighter ones where a carrier's pages differ.

use url::Url;

use super::Carrier;

/// What an attribute's value may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// An absolute URL, http or https.
    Url,
    /// `GET` or `POST`.
    Method,
    /// Of these bounds.
    Whole(u32, u32),
    /// A whole number of these bounds, or this word.
    WholeOr(u32, u32, &'static str),
    /// `true` or `false`.
    Bool,
    /// One of these words.
    One(&'static [&'static str]),
    /// Some of these words, with spaces between them.
    Several(&'static [&'static str]),
    /// Keys of a telephone; may be empty.
    Keys,
    /// Keys and pauses.
    Dialled,
    /// Something.
    Text,
    /// A BCP 47 tag, roughly.
    Language,
}

impl Rule {
    /// What is expected, if this is not it.
    pub(super) fn takes(&self, value: &str) -> Result<(), String> {
        let whole = |least: u32, most: u32| {
            let plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            plain && value.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number))
        };
        let (fits, expected) = match *self {
            Self::Url => (is_url(value), "an absolute http or https URL".to_owned()),
            Self::Method => (matches!(value, "GET" | "POST"), "GET or POST".to_owned()),
            Self::Whole(least, most) => (whole(least, most), format!("a whole number from {least} to {most}")),
            Self::WholeOr(least, most, word) => {
                (value == word || whole(least, most), format!("{word}, or a whole number from {least} to {most}"))
            }
            Self::Bool => (matches!(value, "true" | "false"), "true or false".to_owned()),
            Self::One(words) => (words.contains(&value), format!("one of {}", words.join(", "))),
            Self::Several(words) => (
                !value.is_empty() && value.split(' ').all(|word| words.contains(&word)),
                format!("some of {}", words.join(", ")),
            ),
            Self::Keys => (value.chars().all(is_key), "keys of a telephone".to_owned()),
            Self::Dialled => (
                !value.is_empty() && value.chars().all(|it| is_key(it) || matches!(it, 'w' | 'W')),
                "keys of a telephone, and w".to_owned(),
            ),
            Self::Text => (!value.is_empty(), "some text".to_owned()),
            Self::Language => (
                value.len() >= 2
                    && value
                        .split('-')
                        .all(|part| !part.is_empty() && part.bytes().all(|it| it.is_ascii_alphanumeric())),
                "a language as in en-US".to_owned(),
            ),
        };
        if fits { Ok(()) } else { Err(expected) }
    }
}

/// What the text in an element may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Inside {
    /// None.
    Nothing,
    /// Some, at most so many characters.
    Spoken(usize),
    /// An absolute URL.
    Url,
    /// An absolute URL; none if there is an attribute in its place.
    UrlOrNothing,
    /// A number in E.164.
    Number,
    /// A number in E.164, or elements.
    NumberOrNested,
    /// Some.
    Text,
}

impl Inside {
    /// What is expected, if this is not it.
    pub(super) fn takes(self, text: &str, nested: bool) -> Result<(), String> {
        let (fits, expected) = match self {
            Self::Nothing => (text.trim().is_empty(), "empty".to_owned()),
            Self::Spoken(most) => {
                (!text.trim().is_empty() && text.chars().count() <= most, format!("1 to {most} characters"))
            }
            Self::Url => (is_url(text.trim()), "an absolute http or https URL".to_owned()),
            Self::UrlOrNothing => {
                (text.trim().is_empty() || is_url(text.trim()), "an absolute http or https URL, or empty".to_owned())
            }
            Self::Number => (is_number(text.trim()), "a number as in +15551230002".to_owned()),
            Self::NumberOrNested => (
                if nested { text.trim().is_empty() } else { is_number(text.trim()) },
                "a number as in +15551230002, or Numbers and the like".to_owned(),
            ),
            Self::Text => (!text.trim().is_empty(), "some text".to_owned()),
        };
        if fits { Ok(()) } else { Err(expected) }
    }
}

/// One verb or noun.
#[derive(Debug)]
pub(super) struct Shape {
    /// What it may be in; empty text for the root.
    pub(super) parents: &'static [&'static str],
    pub(super) attributes: &'static [(&'static str, Rule)],
    pub(super) text: Inside,
}

/// A day, in seconds: the longest call of any account.
const DAY: u32 = 86_400;

const RECORDED: &[&str] = &[
    "do-not-record",
    "record-from-answer",
    "record-from-ringing",
    "record-from-answer-dual",
    "record-from-ringing-dual",
];

/// The shape of an element; none if the carrier has none of this name.
pub(super) fn shape(carrier: Carrier, name: &str) -> Option<Shape> {
    let found = match (name, carrier) {
        ("Response", _) => of(&[""], &[], Inside::Nothing),
        ("Say", Carrier::Telnyx) => of(&["Response", "Gather"], SAY, Inside::Spoken(3_000)),
        ("Say", Carrier::Twilio) => of(&["Response", "Gather"], SAY, Inside::Spoken(4_096)),
        ("Play", Carrier::Telnyx) => of(&["Response", "Gather"], PLAY_TELNYX, Inside::UrlOrNothing),
        ("Play", Carrier::Twilio) => of(&["Response", "Gather"], PLAY_TWILIO, Inside::UrlOrNothing),
        ("Pause", Carrier::Telnyx) => of(&["Response"], &[("length", Rule::Whole(1, 180))], Inside::Nothing),
        ("Pause", Carrier::Twilio) => of(&["Response", "Gather"], &[("length", Rule::Whole(1, DAY))], Inside::Nothing),
        ("Gather", Carrier::Telnyx) => of(&["Response"], GATHER_TELNYX, Inside::Nothing),
        ("Gather", Carrier::Twilio) => of(&["Response"], GATHER_TWILIO, Inside::Nothing),
        ("Dial", Carrier::Telnyx) => of(&["Response"], DIAL_TELNYX, Inside::NumberOrNested),
        ("Dial", Carrier::Twilio) => of(&["Response"], DIAL_TWILIO, Inside::NumberOrNested),
        ("Number", Carrier::Telnyx) => of(&["Dial"], NUMBER_TELNYX, Inside::Number),
        ("Number", Carrier::Twilio) => of(&["Dial"], NUMBER_TWILIO, Inside::Number),
        ("Record", Carrier::Telnyx) => of(&["Response"], RECORD_TELNYX, Inside::Nothing),
        ("Record", Carrier::Twilio) => of(&["Response"], RECORD_TWILIO, Inside::Nothing),
        ("Redirect", _) => of(&["Response"], &[("method", Rule::Method)], Inside::Url),
        ("Reject", _) => of(&["Response"], &[("reason", Rule::One(&["rejected", "busy"]))], Inside::Nothing),
        ("Hangup", _) => of(&["Response"], &[], Inside::Nothing),
        // the answer to a text message that came in
        ("Message", Carrier::Twilio) => of(&["Response"], MESSAGE_TWILIO, Inside::Text),
        _ => return None,
    };
    Some(found)
}

const fn of(parents: &'static [&'static str], attributes: &'static [(&'static str, Rule)], text: Inside) -> Shape {
    Shape { parents, attributes, text }
}

const SAY: &[(&str, Rule)] = &[("voice", Rule::Text), ("language", Rule::Language), ("loop", Rule::Whole(0, 1_000))];

const PLAY_TELNYX: &[(&str, Rule)] = &[("loop", Rule::Whole(0, 1_000)), ("digits", Rule::Dialled)];

const PLAY_TWILIO: &[(&str, Rule)] = &[("loop", Rule::Whole(0, 1_000)), ("digits", Rule::Dialled)];

/// No `method`: the action is called by the application's own.
const GATHER_TELNYX: &[(&str, Rule)] = &[
    ("input", Rule::One(&["dtmf", "speech", "dtmf speech"])),
    ("action", Rule::Url),
    ("timeout", Rule::Whole(1, 120)),
    ("finishOnKey", Rule::Keys),
    ("numDigits", Rule::Whole(1, 128)),
    ("minDigits", Rule::Whole(1, 128)),
    ("maxDigits", Rule::Whole(1, 128)),
    ("validDigits", Rule::Keys),
    ("invalidDigitsAction", Rule::Url),
    ("speechTimeout", Rule::WholeOr(1, 120, "auto")),
    ("language", Rule::Language),
    ("hints", Rule::Text),
    ("profanityFilter", Rule::Bool),
    ("useEnhanced", Rule::Bool),
    ("transcriptionEngine", Rule::Text),
    ("partialResultCallback", Rule::Url),
    ("partialResultCallbackMethod", Rule::Method),
];

const GATHER_TWILIO: &[(&str, Rule)] = &[
    ("input", Rule::One(&["dtmf", "speech", "dtmf speech"])),
    ("action", Rule::Url),
    ("method", Rule::Method),
    ("timeout", Rule::Whole(1, 600)),
    ("finishOnKey", Rule::Keys),
    ("numDigits", Rule::Whole(1, 128)),
    ("speechTimeout", Rule::WholeOr(1, 600, "auto")),
    ("maxSpeechTime", Rule::Whole(1, 600)),
    ("language", Rule::Language),
    ("hints", Rule::Text),
    ("profanityFilter", Rule::Bool),
    ("speechModel", Rule::Text),
    ("enhanced", Rule::Bool),
    ("bargeIn", Rule::Bool),
    ("actionOnEmptyResult", Rule::Bool),
    ("partialResultCallback", Rule::Url),
    ("partialResultCallbackMethod", Rule::Method),
];

const DIAL_TELNYX: &[(&str, Rule)] = &[
    ("action", Rule::Url),
    ("method", Rule::Method),
    ("callerId", Rule::Text),
    ("fromDisplayName", Rule::Text),
    ("timeout", Rule::Whole(5, 120)),
    ("timeLimit", Rule::Whole(60, 14_400)),
    ("hangupOnStar", Rule::Bool),
    ("ringTone", Rule::Text),
    ("record", Rule::One(RECORDED)),
    ("recordingChannels", Rule::One(&["single", "dual"])),
    ("recordMaxLength", Rule::Whole(0, 14_400)),
    ("recordingStatusCallback", Rule::Url),
    ("recordingStatusCallbackMethod", Rule::Method),
    ("recordingStatusCallbackEvent", Rule::Several(&["in-progress", "completed", "absent"])),
    ("sendRecordingUrl", Rule::Bool),
];

const DIAL_TWILIO: &[(&str, Rule)] = &[
    ("action", Rule::Url),
    ("method", Rule::Method),
    ("answerOnBridge", Rule::Bool),
    ("callerId", Rule::Text),
    ("timeout", Rule::Whole(1, 600)),
    ("timeLimit", Rule::Whole(1, DAY)),
    ("hangupOnStar", Rule::Bool),
    ("ringTone", Rule::Text),
    ("record", Rule::One(RECORDED)),
    ("trim", Rule::One(&["trim-silence", "do-not-trim"])),
    ("recordingTrack", Rule::One(&["both", "inbound", "outbound"])),
    ("recordingStatusCallback", Rule::Url),
    ("recordingStatusCallbackMethod", Rule::Method),
    ("recordingStatusCallbackEvent", Rule::Several(&["in-progress", "completed", "absent"])),
    ("sequential", Rule::Bool),
];

const NUMBER_TELNYX: &[(&str, Rule)] = &[
    ("url", Rule::Url),
    ("method", Rule::Method),
    ("statusCallback", Rule::Url),
    ("statusCallbackEvent", Rule::Several(&["initiated", "ringing", "answered", "amd", "dtmf", "completed"])),
    ("statusCallbackMethod", Rule::Method),
    ("sendDigits", Rule::Dialled),
];

const NUMBER_TWILIO: &[(&str, Rule)] = &[
    ("url", Rule::Url),
    ("method", Rule::Method),
    ("statusCallback", Rule::Url),
    ("statusCallbackEvent", Rule::Several(&["initiated", "ringing", "answered", "completed"])),
    ("statusCallbackMethod", Rule::Method),
    ("sendDigits", Rule::Dialled),
];

const RECORD_TELNYX: &[(&str, Rule)] = &[
    ("action", Rule::Url),
    ("method", Rule::Method),
    ("finishOnKey", Rule::Keys),
    ("timeout", Rule::Whole(0, 14_400)),
    ("maxLength", Rule::Whole(0, 14_400)),
    ("playBeep", Rule::Bool),
    ("trim", Rule::One(&["trim-silence"])),
    ("channels", Rule::One(&["single", "dual"])),
    ("recordingStatusCallback", Rule::Url),
    ("recordingStatusCallbackMethod", Rule::Method),
];

const RECORD_TWILIO: &[(&str, Rule)] = &[
    ("action", Rule::Url),
    ("method", Rule::Method),
    ("finishOnKey", Rule::Keys),
    ("timeout", Rule::Whole(1, 14_400)),
    ("maxLength", Rule::Whole(2, 14_400)),
    ("playBeep", Rule::Bool),
    ("trim", Rule::One(&["trim-silence", "do-not-trim"])),
    ("recordingStatusCallback", Rule::Url),
    ("recordingStatusCallbackMethod", Rule::Method),
    ("recordingStatusCallbackEvent", Rule::Several(&["in-progress", "completed", "absent"])),
];

const MESSAGE_TWILIO: &[(&str, Rule)] =
    &[("to", Rule::Text), ("from", Rule::Text), ("action", Rule::Url), ("method", Rule::Method)];

fn is_url(value: &str) -> bool {
    Url::parse(value).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn is_key(it: char) -> bool {
    it.is_ascii_digit() || matches!(it, '*' | '#')
}

fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|it| it.is_ascii_digit())
    })
}
