//! What the checker lets through, and what not.

use super::{Carrier, check};

fn faults(carrier: Carrier, verbs: &str) -> Vec<String> {
    check(carrier, &format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{verbs}</Response>"))
        .err()
        .unwrap_or_default()
}

#[test]
fn what_both_carriers_take_is_read() {
    let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say language=\"en-US\">A &amp; B &lt;3</Say>\
         <Gather input=\"dtmf\" action=\"https://hub.example.com/hooks/t?a=1&amp;ivr=x\" numDigits=\"1\" timeout=\"5\">\
         <Say>one</Say></Gather><Redirect method=\"POST\">https://hub.example.com/hooks/t?ivr=y&amp;b=2</Redirect></Response>";
    for carrier in [Carrier::Telnyx, Carrier::Twilio] {
        let verbs = check(carrier, document).unwrap();
        assert_eq!(verbs[0].text, "A & B <3");
        assert_eq!(verbs[1].attribute("action"), Some("https://hub.example.com/hooks/t?a=1&ivr=x"));
        assert_eq!(verbs[1].spoken(), ["one"]);
        assert_eq!(verbs[2].text, "https://hub.example.com/hooks/t?ivr=y&b=2");
    }
}

#[test]
fn what_differs_between_carriers_is_known() {
    for (verbs, telnyx, twilio) in [
        ("<Dial timeout=\"600\">+15551230002</Dial>", false, true),
        ("<Dial answerOnBridge=\"true\">+15551230002</Dial>", false, true),
        ("<Record timeout=\"0\" channels=\"single\"/>", true, false),
        ("<Gather method=\"POST\"/>", false, true),
        ("<Gather validDigits=\"12\"/>", true, false),
        ("<Record finishOnKey=\"\" maxLength=\"120\"/>", true, true),
        ("<Reject reason=\"busy\"/>", true, true),
    ] {
        assert_eq!(faults(Carrier::Telnyx, verbs).is_empty(), telnyx, "{verbs}");
        assert_eq!(faults(Carrier::Twilio, verbs).is_empty(), twilio, "{verbs}");
    }
}

#[test]
fn what_no_carrier_takes_is_a_fault() {
    for verbs in [
        "<Shout>hello</Shout>",
        "<Say/>",
        "<Say volume=\"11\">hello</Say>",
        "<Say>one<Say>two</Say></Say>",
        "<Gather timeout=\"0\"/>",
        "<Gather action=\"/relative\"/>",
        "<Gather>text</Gather>",
        "<Gather><Dial>+15551230002</Dial></Gather>",
        "<Dial>555-1230</Dial>",
        "<Dial action=\"https://h.example/\">+15551230002</Dial><Hangup/>",
        "<Hangup/><Say>never</Say>",
        "<Say>first</Say><Reject/>",
        "<Redirect>nowhere</Redirect>",
        "text",
    ] {
        for carrier in [Carrier::Telnyx, Carrier::Twilio] {
            assert!(!faults(carrier, verbs).is_empty(), "{carrier:?} takes {verbs}");
        }
    }
}

#[test]
fn what_is_not_well_formed_is_a_fault() {
    for document in [
        "",
        "hello",
        "<Response>",
        "<Response></Say>",
        "<Response/><Response/>",
        "<Response/>text",
        "<Say>hello</Say>",
        "<Response><Say>a & b</Say></Response>",
        "<Response><Say>&nbsp;</Say></Response>",
        "<Response><Say>&#0;</Say></Response>",
        "<Response><Say>\u{1}</Say></Response>",
        "<Response><Say voice=\"a\" voice=\"b\">x</Say></Response>",
        "<!DOCTYPE Response><Response/>",
    ] {
        assert!(check(Carrier::Twilio, document).is_err(), "{document}");
    }
}
