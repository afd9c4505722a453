//! Numbers as carriers and people write them, and what the numbering plans say of them.

use patchbay_telephony::phone::{Invalid, Kind, Number, mask};
use proptest::prelude::*;

#[test]
fn numbers_are_read_as_people_write_them() {
    for (text, region, number) in [
        ("+14155550100", None, "+14155550100"),
        (" +1 (415) 555-0100 ", None, "+14155550100"),
        ("tel:+1-415-555-0100", None, "+14155550100"),
        ("(415) 555-0100", Some("US"), "+14155550100"),
        ("1 415 555 0100", Some("us"), "+14155550100"),
        ("415/555-0100", Some("US"), "+14155550100"),
        ("1-800-FLOWERS", Some("US"), "+18003569377"),
        ("011 33 1 23 45 67 89", Some("US"), "+33123456789"),
        ("00 49 30 1234567", Some("DE"), "+49301234567"),
        ("030 1234567", Some("DE"), "+49301234567"),
        ("49 30 1234567", Some("DE"), "+49301234567"),
        ("+44 (0)20 7946 0958", None, "+442079460958"),
        ("+44 020 7946 0958", None, "+442079460958"),
        ("020 7946 0958", Some("GB"), "+442079460958"),
        // Italian numbers keep their zero
        ("+39 06 698 12345", None, "+390669812345"),
        ("02 3661 8300", Some("IT"), "+390236618300"),
        // Saint Petersburg's area code begins with the digit of the trunk prefix
        ("8 (812) 345-67-89", Some("RU"), "+78123456789"),
        ("+7 (812) 345-67-89", None, "+78123456789"),
        // no plan knows these, and carriers use them all the same
        ("+15551230002", None, "+15551230002"),
        ("(555) 123-0002", Some("US"), "+15551230002"),
        ("+15005550006", None, "+15005550006"),
        // a number is a number whatever the default
        ("+14155550100", Some("DE"), "+14155550100"),
    ] {
        let read = Number::parse(text, region);
        assert_eq!(read.as_ref().map(Number::as_str), Ok(number), "{text} in {region:?}");
    }
}

#[test]
fn what_is_no_number_says_why() {
    for (text, region, why) in [
        ("", None, Invalid::Empty),
        ("  ", Some("US"), Invalid::Empty),
        ("hello", None, Invalid::NoNumber),
        ("ann@example.com", Some("US"), Invalid::NoNumber),
        ("sip:+14155550100@example.com", None, Invalid::NoNumber),
        ("+1415555+0100", None, Invalid::NoNumber),
        ("(415) 555-0100", None, Invalid::NoCountry),
        ("(415) 555-0100", Some("XX"), Invalid::UnknownRegion),
        ("(415) 555-0100", Some("001"), Invalid::UnknownRegion),
        ("+99912345678", None, Invalid::UnknownCallingCode),
        ("+1555", None, Invalid::TooShort),
        ("911", Some("US"), Invalid::TooShort),
        ("+1234567890123456", None, Invalid::TooLong),
        ("+1 415 555 0100 ext. 12", None, Invalid::Extension),
        ("415 555 0100 x12", Some("US"), Invalid::Extension),
        ("call me at 7", Some("US"), Invalid::NoNumber),
        ("room 4 b", Some("DE"), Invalid::NoNumber),
        ("555 0100", Some("US"), Invalid::TooShort),
        ("415 555 0100 22", Some("US"), Invalid::TooLong),
    ] {
        assert_eq!(Number::parse(text, region), Err(why), "{text} in {region:?}");
    }
}

#[test]
fn kinds_and_countries_are_those_of_the_numbering_plans() {
    for (number, kind, country) in [
        ("+14155550100", Kind::LocalOrMobile, Some("US")),
        ("+18765551234", Kind::Mobile, Some("JM")),
        ("+12645369999", Kind::Mobile, Some("AI")),
        ("+18005551234", Kind::TollFree, Some("US")),
        ("+19002345678", Kind::PremiumRate, Some("US")),
        ("+15005550006", Kind::Personal, Some("US")),
        ("+442079460958", Kind::Local, Some("GB")),
        ("+447400123456", Kind::Mobile, Some("GB")),
        ("+447012345678", Kind::Personal, Some("GB")),
        ("+447640123456", Kind::Pager, Some("GB")),
        ("+448081570000", Kind::TollFree, Some("GB")),
        ("+448431234567", Kind::SharedCost, Some("GB")),
        ("+449098790123", Kind::PremiumRate, Some("GB")),
        ("+4930123456", Kind::Local, Some("DE")),
        ("+499001234567", Kind::PremiumRate, Some("DE")),
        ("+498001234567", Kind::TollFree, Some("DE")),
        ("+4918012345", Kind::SharedCost, Some("DE")),
        ("+390236618300", Kind::Local, Some("IT")),
        ("+390669812345", Kind::Local, Some("VA")),
        ("+33899123456", Kind::PremiumRate, Some("FR")),
        ("+33612345678", Kind::Mobile, Some("FR")),
        ("+611900654321", Kind::PremiumRate, Some("AU")),
        ("+34803123456", Kind::PremiumRate, Some("ES")),
        ("+437201234567", Kind::Voip, Some("AT")),
        ("+979123456789", Kind::PremiumRate, None),
        ("+881612345678", Kind::Satellite, None),
        ("+88213123456", Kind::Satellite, None),
        ("+883510012345", Kind::Satellite, None),
        ("+870773111632", Kind::Satellite, None),
        ("+80012345678", Kind::TollFree, None),
        ("+80812345678", Kind::SharedCost, None),
        ("+15551230002", Kind::Unknown, Some("US")),
    ] {
        let parsed = Number::parse(number, None).unwrap();
        assert_eq!((parsed.kind(), parsed.country()), (kind, country), "{number}");
    }
}

#[test]
fn json_holds_a_number_as_text() {
    let number = serde_json::from_str::<Number>("\"+1 415 555 0100\"").unwrap();
    assert_eq!(serde_json::to_string(&number).unwrap(), "\"+14155550100\"");
    let error = serde_json::from_str::<Number>("\"212 736 5000\"").unwrap_err().to_string();
    assert!(error.contains("begin the number with +"), "{error}");
    assert!(!error.contains("736"), "{error}");
}

proptest! {
    #[test]
    fn whatever_is_given_is_a_number_or_none(
        text in "\\PC*",
        region in prop::option::of(prop_oneof!["[A-Z]{2}", Just("US".to_owned()), Just("DE".to_owned()), Just("RU".to_owned())]),
    ) {
        let _ = Number::parse(&text, region.as_deref());
        let _ = mask(&text);
    }

    #[test]
    fn whatever_looks_like_a_number_is_one_or_none(
        text in "[+0-9 ()./xX-]{0,24}",
        region in prop::option::of(prop_oneof![Just("US"), Just("DE"), Just("IT"), Just("RU"), Just("BR"), Just("AR")]),
    ) {
        if let Ok(number) = Number::parse(&text, region) {
            let _ = (number.kind(), number.country());
            let digits = number.as_str().strip_prefix('+').unwrap();
            prop_assert!((7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert_ne!(number.calling_code(), 0);
        }
    }

    #[test]
    fn a_number_is_read_again_as_it_is_written(text in "\\+[1-9][0-9]{6,14}") {
        if let Ok(number) = Number::parse(&text, None) {
            let again = Number::parse(number.as_str(), None);
            prop_assert_eq!(again.as_ref(), Ok(&number));
            let json = serde_json::to_value(&number).unwrap();
            prop_assert_eq!(serde_json::from_value::<Number>(json).unwrap(), number);
        }
    }

    #[test]
    fn a_masked_number_shows_four_last_digits_at_most(text in "\\+[1-9][0-9]{6,14}") {
        if let Ok(number) = Number::parse(&text, None) {
            let masked = number.masked();
            let (head, tail) = masked.strip_prefix('+').unwrap().split_once("***").unwrap();
            prop_assert!(tail.len() <= 4 && head.len() <= 4);
            prop_assert!(number.as_str().len() > head.len() + tail.len() + 3);
            let debugged = format!("{number:?}");
            prop_assert!(!debugged.contains(&number.as_str()[1..]));
        }
    }

    #[test]
    fn no_text_for_logs_holds_a_number(before in "[a-z ,:=]{0,8}", text in "\\+[1-9][0-9]{6,14}", after in "[a-z ,:=]{0,8}") {
        let masked = mask(&format!("{before}{text}{after}"));
        prop_assert!(!masked.contains(&text));
    }
}
