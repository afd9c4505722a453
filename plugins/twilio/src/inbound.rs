//! What Twilio sends in: checked, told apart, and handed to what it is about.
//!
//! One address takes everything. Twilio does not say what a request is, so its parameters do: a message has a `MessageSid` and,
//! if it tells how far one is, a `MessageStatus`; a call has a `CallSid`, and waits for an answer unless it only tells how it goes.

use patchbay_sdk::{Error, Headers, clock, webhook};
use patchbay_telephony::time;

use crate::form::{self, field};
use crate::{caller_id, calls, messages, signature, voice};

/// The longest id of a webhook that is kept, in bytes.
const MAX_ID: usize = 200;

/// Parameters of a request that Twilio signed.
pub(crate) struct Told {
    /// Those of the form.
    pub(crate) fields: Vec<(String, String)>,
    /// Those of the URL.
    pub(crate) query: Vec<(String, String)>,
}

/// What a request can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A call that waits for what to do.
    Voice,
    /// How far a call is.
    CallStatus,
    /// How far a recording is.
    Recording,
    /// A message that came in.
    Message,
    /// How far a message is.
    MessageStatus,
    /// How a call with the code of a caller id went.
    Verification,
    /// Something else that is Twilio's, of which nothing is made.
    Other,
}

impl About {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::CallStatus => "call-status",
            Self::Recording => "recording",
            Self::Message => "message",
            Self::MessageStatus => "message-status",
            Self::Verification => "verification",
            Self::Other => "other",
        }
    }
}

impl Told {
    pub(crate) fn of(request: &webhook::Request) -> Self {
        let fields = if request.method == "GET" || !signature::is_form(request) {
            Vec::new()
        } else {
            form::fields(&request.body)
        };
        Self { fields, query: form::query(&request.url) }
    }

    /// A parameter of the form that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        field(&self.fields, name)
    }

    /// What it is.
    pub(crate) fn about(&self) -> About {
        let has = |name: &str| self.get(name).is_some();
        if has("MessageSid") || has("SmsSid") {
            return if has("MessageStatus") { About::MessageStatus } else { About::Message };
        }
        if !has("CallSid") {
            return About::Other;
        }
        // the menu's own addresses are always waited for
        if field(&self.query, voice::POSITION).is_some() {
            return About::Voice;
        }
        if has("RecordingSid") && has("RecordingStatus") {
            return About::Recording;
        }
        if has("VerificationStatus") {
            return About::Verification;
        }
        let ended = matches!(self.get("CallStatus"), Some("completed" | "busy" | "no-answer" | "canceled" | "failed"));
        if has("CallbackSource") || ended { About::CallStatus } else { About::Voice }
    }

    /// When it was, by Twilio.
    pub(crate) fn at(&self) -> Option<u64> {
        self.get("Timestamp").and_then(time::parse)
    }

    /// What stays the same when Twilio sends it again. `token`: Twilio's own word for that.
    fn id(&self, about: About, token: Option<&str>) -> String {
        let sid = self.get("MessageSid").or_else(|| self.get("SmsSid")).or_else(|| self.get("RecordingSid"));
        let sid = sid.or_else(|| self.get("CallSid")).unwrap_or_default();
        let kind = about.as_str();
        let id = match token {
            Some(token) => format!("{kind}:{token}"),
            None => {
                let names = [
                    "MessageStatus",
                    "RecordingStatus",
                    "VerificationStatus",
                    "CallStatus",
                    "SequenceNumber",
                    "Digits",
                    "DialCallSid",
                ];
                let facts = names.map(|name| self.get(name).unwrap_or_default()).join(":");
                format!("{kind}:{sid}:{facts}:{}", field(&self.query, voice::POSITION).unwrap_or_default())
            }
        };
        id.chars().filter(|character| !character.is_control()).take(MAX_ID).collect()
    }
}

/// Tells if it is from Twilio, what it is called, and if Twilio waits for an answer.
///
/// # Errors
/// What kept it from telling.
pub(crate) fn verify(request: &webhook::Request) -> Result<webhook::Verdict, Error> {
    if let Err(refusal) = signature::check(request)? {
        return Ok(webhook::Verdict::Refused(refusal));
    }
    let told = Told::of(request);
    let about = told.about();
    let token = request.headers.get("i-twilio-idempotency-token").filter(|token| !token.is_empty());
    Ok(webhook::Verdict::Genuine(webhook::Receipt {
        id: told.id(about, token),
        kind: about.as_str().to_owned(),
        occurred_at: told.at(),
        in_line: about == About::Voice,
    }))
}

/// Does what a request asks for, or keeps what it tells.
///
/// # Errors
/// What kept it from being kept; a call gets its answer all the same.
pub(crate) fn process(
    receipt: &webhook::Receipt,
    request: &webhook::Request,
) -> Result<Option<webhook::Answer>, Error> {
    let told = Told::of(request);
    match told.about() {
        About::Voice => return voice::answer(&told, clock::now()).map(|document| Some(xml(document))),
        About::CallStatus => calls::fold(calls::status(&told))?,
        About::Recording => calls::fold(calls::recording(&told))?,
        About::Message => messages::take(&told)?,
        About::MessageStatus => messages::status(&told)?,
        About::Verification => caller_id::process(&told.fields)?,
        About::Other => {
            patchbay_sdk::log::debug("nothing is made of this", &[("id", &receipt.id)]);
        }
    }
    Ok(None)
}

fn xml(document: String) -> webhook::Answer {
    let headers: Headers = [("content-type", "text/xml")].into_iter().collect();
    webhook::Answer { status: 200, headers, body: document.into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str, body: &str) -> Told {
        Told { fields: form::fields(body.as_bytes()), query: form::query(url) }
    }

    #[test]
    fn what_a_request_is_is_told_by_its_parameters() {
        let plain = "https://hub.example.com/hooks/x";
        for (url, body, about) in [
            (plain, "CallSid=CA1&CallStatus=ringing&Direction=inbound", About::Voice),
            (plain, "CallSid=CA1&CallStatus=completed&CallDuration=3", About::CallStatus),
            (plain, "CallSid=CA1&CallStatus=ringing&CallbackSource=call-progress-events", About::CallStatus),
            ("https://hub.example.com/hooks/x?ivr=1.a", "CallSid=CA1&CallStatus=completed&Digits=hangup", About::Voice),
            (plain, "CallSid=CA1&RecordingSid=RE1&RecordingStatus=completed", About::Recording),
            (plain, "MessageSid=SM1&SmsSid=SM1&SmsStatus=received&Body=x", About::Message),
            (plain, "MessageSid=SM1&SmsStatus=sent&MessageStatus=sent", About::MessageStatus),
            (plain, "CallSid=CA1&CallStatus=completed&VerificationStatus=success", About::Verification),
            (plain, "", About::Other),
        ] {
            assert_eq!(told(url, body).about(), about, "{body}");
        }
    }

    #[test]
    fn a_repeat_has_the_same_id_and_another_status_has_another() {
        let id = |body: &str, token| told("https://x/", body).id(About::CallStatus, token);
        assert_eq!(id("CallSid=CA1&CallStatus=completed", Some("t")), id("CallSid=CA1&CallStatus=ringing", Some("t")));
        assert_ne!(id("CallSid=CA1&CallStatus=completed", None), id("CallSid=CA1&CallStatus=ringing", None));
        assert_ne!(
            id("CallSid=CA1&CallStatus=ringing&SequenceNumber=0", None),
            id("CallSid=CA1&CallStatus=ringing&SequenceNumber=1", None)
        );
    }
}
