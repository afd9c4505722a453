//! Who forwarded a call, as carriers write it: a number, or a SIP address as in the header `Diversion` (RFC 5806).

use patchbay_telephony::phone::Number;

use crate::form::field;

/// The number that forwarded a call to `to`; `None` where nobody says, which is often so in the United States.
pub(super) fn of(fields: &[(String, String)], to: &Number) -> Option<Number> {
    let names = ["ForwardedFrom", "SipHeader_Diversion", "Diversion"];
    names.into_iter().find_map(|name| number(field(fields, name)?, to))
}

/// Reads one. Without a plus it is a number of the called one's own plan, in North America alone: elsewhere nobody can tell
/// without the tables, which answering a call does not wait for.
fn number(text: &str, to: &Number) -> Option<Number> {
    let user = user(text);
    let digits: String = user.chars().filter(|letter| !matches!(letter, ' ' | '-' | '.' | '(' | ')')).collect();
    if digits.starts_with('+') {
        return Number::parse(&digits, None).ok();
    }
    let american = to.calling_code() == 1 && digits.bytes().all(|byte| byte.is_ascii_digit());
    match (american, digits.len()) {
        (true, 10) => Number::parse(&format!("+1{digits}"), None).ok(),
        (true, 11) if digits.starts_with('1') => Number::parse(&format!("+{digits}"), None).ok(),
        _ => None,
    }
}

/// The user of an address, as of `"Ada" <sip:+15551230001@carrier.example>;reason=no-answer`; any other text as it is.
fn user(text: &str) -> &str {
    let address = ["sip:", "sips:", "tel:"].into_iter().find_map(|scheme| {
        let (_, address) = text.split_once(scheme)?;
        address.split(['@', ';', '>', ',']).next()
    });
    address.unwrap_or(text).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str, to: &str) -> Option<String> {
        let fields = [(name.to_owned(), text.to_owned())];
        of(&fields, &Number::parse(to, None).unwrap()).map(|number| number.as_str().to_owned())
    }

    #[test]
    fn what_carriers_write_is_read() {
        let ours = "+15551230002";
        for (name, text) in [
            ("ForwardedFrom", "+15551230001"),
            ("ForwardedFrom", "5551230001"),
            ("ForwardedFrom", "15551230001"),
            ("ForwardedFrom", "(555) 123-0001"),
            ("SipHeader_Diversion", "\"Ada\" <sip:+15551230001@carrier.example>;reason=no-answer;counter=1"),
            ("Diversion", "<tel:+1-555-123-0001>;reason=unconditional"),
            ("Diversion", "sips:15551230001@carrier.example"),
        ] {
            assert_eq!(read(name, text, ours).as_deref(), Some("+15551230001"), "{name}: {text}");
        }
        assert_eq!(read("ForwardedFrom", "+4915112345678", "+4930123456").as_deref(), Some("+4915112345678"));
    }

    #[test]
    fn what_could_be_another_number_is_not_guessed() {
        for (text, to) in [
            ("", "+15551230002"),
            ("anonymous", "+15551230002"),
            ("sip:ada@carrier.example", "+15551230002"),
            ("1230001", "+15551230002"),
            ("015112345678", "+4930123456"),
        ] {
            assert_eq!(read("ForwardedFrom", text, to), None, "{text}");
        }
    }
}
