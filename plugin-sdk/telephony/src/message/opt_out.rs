//! Who does not want messages any more.
//!
//! Carriers block numbers that said so and refuse to send to them. A hub keeps its own list as well, since the same person
//! may be sent to through another carrier.

/// What somebody wants who answers with one of the words that carriers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wish {
    /// No more messages.
    Stop,
    /// Messages again.
    Start,
    /// To know who sends them.
    Help,
}

/// What a message that came in wishes, if it is nothing but one of the words of the trade (CTIA, and what Twilio and Telnyx
/// take by default): `STOP`, `stop.`, ` Unsubscribe `. A text that says more is none: `please stop by tomorrow`.
#[must_use]
pub fn wish(text: &str) -> Option<Wish> {
    let word = text.trim().trim_matches(|character: char| character.is_ascii_punctuation() || character == ' ');
    let word = word.to_ascii_uppercase();
    match word.as_str() {
        "STOP" | "STOPALL" | "STOP ALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "REVOKE" | "OPTOUT"
        | "OPT OUT" | "OPT-OUT" => Some(Wish::Stop),
        "START" | "UNSTOP" | "YES" | "OPTIN" | "OPT IN" | "OPT-IN" => Some(Wish::Start),
        "HELP" | "INFO" => Some(Wish::Help),
        _ => None,
    }
}

/// True if a carrier refused to send because the receiver wants no messages. `code` is the carrier's own: Twilio's 21610
/// (<https://www.twilio.com/docs/api/errors/21610>), Telnyx's 40300
/// (<https://developers.telnyx.com/api/errors/40300>).
#[must_use]
pub fn is_refusal(source: &str, code: &str) -> bool {
    matches!((source, code), ("twilio", "21610") | ("telnyx", "40300"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_trade_are_wishes() {
        for (text, expected) in [
            ("STOP", Some(Wish::Stop)),
            (" stop. ", Some(Wish::Stop)),
            ("Unsubscribe!", Some(Wish::Stop)),
            ("opt-out", Some(Wish::Stop)),
            ("start", Some(Wish::Start)),
            ("YES", Some(Wish::Start)),
            ("help?", Some(Wish::Help)),
            ("please stop by tomorrow", None),
            ("yes please", None),
            ("", None),
        ] {
            assert_eq!(wish(text), expected, "{text}");
        }
    }

    #[test]
    fn carriers_refusals_are_known_by_their_codes() {
        assert!(is_refusal("twilio", "21610"));
        assert!(is_refusal("telnyx", "40300"));
        assert!(!is_refusal("telnyx", "21610"));
        assert!(!is_refusal("twilio", "30003"));
    }
}
