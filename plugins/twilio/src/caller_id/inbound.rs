//! Twilio's callback after a call with a code: a form as of a call's status, with `VerificationStatus`.

use patchbay_sdk::{Error, log};
use patchbay_telephony::phone::Number;

use super::record::{self, Reason, State};
use super::{settle, vendor};
use crate::api::{self, Api};
use crate::config::Config;
use crate::form::field;

/// Ends the verification that the form is about.
///
/// # Errors
/// [`Error::Invalid`] for a form that names no number, [`Error::Unavailable`] if Twilio does not show yet what it tells.
pub(crate) fn process(fields: &[(String, String)]) -> Result<(), Error> {
    let number = field(fields, "To").and_then(|text| Number::parse(text, None).ok());
    let number = number.ok_or_else(|| Error::invalid("", "the number that was called, as To"))?;
    match field(fields, "VerificationStatus") {
        Some("success") => succeed(&number, fields),
        Some("failed") => fail(&number, fields),
        _ => Err(Error::invalid("", "a VerificationStatus of success or failed")),
    }
}

fn succeed(number: &Number, fields: &[(String, String)]) -> Result<(), Error> {
    let found = record::get(number)?;
    if let Some(sid) = field(fields, "OutgoingCallerIdSid").filter(|sid| api::is_sid(sid, "PN")) {
        return settle::verified(number, found, sid, None).map(drop);
    }
    match vendor::find(&Api::of(&Config::load()?), number)? {
        Some(known) => settle::verified(number, found, &known.sid, known.friendly_name).map(drop),
        None => Err(Error::Unavailable("Twilio does not show the caller id yet that it has verified".to_owned())),
    }
}

fn fail(number: &Number, fields: &[(String, String)]) -> Result<(), Error> {
    let call = field(fields, "CallSid");
    let found = record::get(number)?
        .filter(|found| found.data.state == State::Pending && call.is_some() && found.data.call_sid.as_deref() == call);
    let Some(found) = found else {
        log::info("a call with a code was in vain that nobody waits for any more", &[("number", &number.masked())]);
        return Ok(());
    };
    let reason = match field(fields, "CallStatus") {
        Some("busy") => Reason::Busy,
        Some("no-answer" | "canceled") => Reason::NoAnswer,
        Some("completed") => Reason::WrongCode,
        _ => Reason::CallFailed,
    };
    settle::failed(number, found, reason).map(drop)
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::{Exchange, MockHost, Reply};
    use serde_json::json;

    use super::*;
    use crate::form;

    const NUMBER: &str = "+15551230001";
    const CALL: &str = "CA00000000000000000000000000000001";
    const SID: &str = "PN00000000000000000000000000000001";

    /// A hub that waits for the code of a call.
    fn host() -> MockHost {
        let host = MockHost::with_manifest(include_str!("../../plugin.toml"));
        host.set_secret("auth_token", "canary-auth-token");
        host.set_config(json!({"account_sid": "AC00000000000000000000000000000001"}));
        let pending = json!({"state": "pending", "call_sid": CALL, "expires_at": host.now() + 600_000});
        host.put_record("caller-id", NUMBER, &pending);
        host
    }

    fn state(host: &MockHost) -> String {
        let record = host.record("caller-id", NUMBER);
        record.and_then(|record| record.get("state")?.as_str().map(str::to_owned)).unwrap_or_default()
    }

    fn tell(form: &str) -> Result<(), Error> {
        process(&form::fields(format!("To=%2B15551230001&{form}").as_bytes()))
    }

    #[test]
    fn a_success_is_kept_and_told_once() {
        let host = host();
        for _ in 0..2 {
            tell(&format!("CallSid={CALL}&CallStatus=completed&VerificationStatus=success&OutgoingCallerIdSid={SID}"))
                .unwrap();
        }
        assert_eq!(state(&host), "verified");
        let events = host.events();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, "twilio.caller_id.verified");
        assert_eq!(events[0].data, json!({"phone_number": NUMBER, "caller_id_sid": SID, "friendly_name": null}));
        // a call before that was in vain is told late
        tell(&format!("CallSid={CALL}&CallStatus=busy&VerificationStatus=failed")).unwrap();
        assert_eq!((state(&host).as_str(), host.events().len()), ("verified", 1));
    }

    #[test]
    fn a_success_without_its_sid_is_looked_up() {
        let host = host();
        let url = "https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/OutgoingCallerIds.json?PhoneNumber=%2B15551230001";
        let success = format!("CallSid={CALL}&CallStatus=completed&VerificationStatus=success");
        let none = json!({"outgoing_caller_ids": []});
        host.expect(Exchange::get(url).credential("auth_token"), Reply::json(200, &none));
        assert!(matches!(tell(&success), Err(Error::Unavailable(_))));
        let known = json!({"outgoing_caller_ids": [{"sid": SID, "phone_number": NUMBER}]});
        host.expect(Exchange::get(url).credential("auth_token"), Reply::json(200, &known));
        tell(&success).unwrap();
        assert_eq!(state(&host), "verified");
    }

    #[test]
    fn why_a_call_was_in_vain_is_told() {
        for (status, reason) in
            [("busy", "busy"), ("no-answer", "no-answer"), ("completed", "wrong-code"), ("failed", "call-failed")]
        {
            let host = host();
            tell(&format!("CallSid={CALL}&CallStatus={status}&VerificationStatus=failed")).unwrap();
            assert_eq!(state(&host), "failed");
            assert_eq!(host.events()[0].data, json!({"phone_number": NUMBER, "call_sid": CALL, "reason": reason}));
        }
    }

    #[test]
    fn another_call_in_vain_ends_nothing_and_what_is_no_answer_is_refused() {
        let host = host();
        tell("CallSid=CA00000000000000000000000000000009&CallStatus=busy&VerificationStatus=failed").unwrap();
        assert_eq!((state(&host).as_str(), host.events().len()), ("pending", 0));
        assert!(matches!(tell("VerificationStatus=maybe"), Err(Error::Invalid(_))));
        assert!(matches!(process(&form::fields(b"VerificationStatus=success")), Err(Error::Invalid(_))));
    }
}
