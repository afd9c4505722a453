//! Caller ids of a Twilio account: calls with a code, and what becomes of them when a test says so.
//!
//! Strict about what it is sent, beyond the vendor's contract: Twilio passes over what it does not know, a client should not
//! count on that.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// A status and its body.
pub(super) type Answer = (u16, Value);

/// What whoever was called does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callee {
    /// Answers, and keys in the code that was shown.
    KeysIn,
    /// Answers, and keys in another one.
    KeysInWrong,
    /// Does not answer.
    IsAway,
    /// Is on the telephone.
    IsBusy,
}

/// A call with a code.
#[derive(Debug, Clone)]
pub struct Validation {
    /// The call's SID.
    pub call_sid: String,
    /// Who is called.
    pub phone_number: String,
    /// The code to key in.
    pub code: String,
    /// What is told how it went; none if that was not asked for.
    pub callback: Option<String>,
    friendly_name: String,
    ended: bool,
}

#[derive(Debug, Clone)]
struct Verified {
    sid: String,
    friendly_name: String,
    since: DateTime<Utc>,
}

/// All of an account.
#[derive(Debug, Default)]
pub(super) struct CallerIds {
    calls: Vec<Validation>,
    /// By their numbers.
    verified: BTreeMap<String, Verified>,
}

impl CallerIds {
    /// `POST /OutgoingCallerIds.json`. Says as well what a well-behaved client would not have sent.
    pub(super) fn create(&mut self, account: &str, fields: &[(String, String)]) -> (Answer, Vec<String>) {
        let wrong = misuse(fields);
        (self.begun(account, fields).unwrap_or_else(|refusal| refusal), wrong)
    }

    fn begun(&mut self, account: &str, fields: &[(String, String)]) -> Result<Answer, Answer> {
        let get = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let number =
            get("PhoneNumber").filter(|number| is_e164(number)).ok_or_else(|| refuse(21401, "Invalid PhoneNumber"))?;
        if self.verified.contains_key(number) {
            return Err(refuse(21450, "Phone number already validated for your account"));
        }
        let name = get("FriendlyName").unwrap_or(number);
        if name.chars().count() > 64 {
            return Err(refuse(20001, "FriendlyName is too long"));
        }
        let delay = get("CallDelay").map_or(Ok(0), str::parse::<u32>);
        if !delay.is_ok_and(|delay| delay <= 60) {
            return Err(refuse(20001, "CallDelay must be from 0 to 60"));
        }
        let order = self.calls.len() + 1;
        let call = Validation {
            call_sid: format!("CAca11{order:028x}"),
            phone_number: number.to_owned(),
            code: format!("{:06}", 100_000 + order * 7_919 % 900_000),
            callback: get("StatusCallback").map(str::to_owned),
            friendly_name: name.to_owned(),
            ended: false,
        };
        let answer = json!({
            "account_sid": account, "call_sid": call.call_sid, "friendly_name": call.friendly_name,
            "phone_number": call.phone_number, "validation_code": call.code,
        });
        self.calls.push(call);
        Ok((200, answer))
    }

    /// `GET /OutgoingCallerIds.json`, all on one page.
    pub(super) fn list(&self, account: &str, query: &[(String, String)]) -> (Answer, Vec<String>) {
        let known = ["PhoneNumber", "FriendlyName", "PageSize", "Page", "PageToken"];
        let unknown = query.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        let wrong = unknown.map(|(name, _)| format!("caller ids listed by {name}")).collect();
        let wanted = |name: &str, value: &str| query.iter().all(|(own, wanted)| own != name || wanted == value);
        let found = self
            .verified
            .iter()
            .filter(|(number, one)| wanted("PhoneNumber", number) && wanted("FriendlyName", &one.friendly_name));
        let items: Vec<Value> = found.map(|(number, one)| shown(account, number, one)).collect();
        let uri = format!("/2010-04-01/Accounts/{account}/OutgoingCallerIds.json?PageSize=50&Page=0");
        let answer = json!({
            "end": items.len().saturating_sub(1), "first_page_uri": uri, "next_page_uri": null, "page": 0, "page_size": 50,
            "previous_page_uri": null, "start": 0, "uri": uri, "outgoing_caller_ids": items,
        });
        ((200, answer), wrong)
    }

    /// `DELETE /OutgoingCallerIds/{sid}.json`: true if it was there.
    pub(super) fn delete(&mut self, sid: &str) -> bool {
        let before = self.verified.len();
        self.verified.retain(|_, one| one.sid != sid);
        self.verified.len() < before
    }

    /// Verifies a number without any call, as in Twilio's console.
    pub(super) fn verify(&mut self, number: &str, since: DateTime<Utc>) -> String {
        let sid = format!("PNca11{:028x}", self.calls.len() + 0x1000 + self.verified.len());
        let verified = Verified { sid: sid.clone(), friendly_name: number.to_owned(), since };
        self.verified.insert(number.to_owned(), verified);
        sid
    }

    /// All calls so far.
    pub(super) fn calls(&self) -> Vec<Validation> {
        self.calls.clone()
    }

    /// The callee of a call does something. Gives the address to tell and the form to tell it with; nothing if nobody asked to
    /// be told.
    pub(super) fn end(
        &mut self,
        account: &str,
        call_sid: &str,
        callee: Callee,
        now: DateTime<Utc>,
    ) -> Option<(String, Vec<(String, String)>)> {
        let place = self.calls.iter().position(|call| call.call_sid == call_sid).expect("a call of this SID");
        assert!(!self.calls[place].ended, "a call ends once");
        self.calls[place].ended = true;
        let call = self.calls[place].clone();
        let (status, verification) = match callee {
            Callee::KeysIn => ("completed", "success"),
            Callee::KeysInWrong => ("completed", "failed"),
            Callee::IsAway => ("no-answer", "failed"),
            Callee::IsBusy => ("busy", "failed"),
        };
        let mut form: Vec<(&str, String)> = vec![
            ("AccountSid", account.to_owned()),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("CallSid", call.call_sid),
            ("CallStatus", status.to_owned()),
            ("Called", call.phone_number.clone()),
            ("Caller", "+14157234000".to_owned()),
            ("Direction", "outbound-api".to_owned()),
            ("From", "+14157234000".to_owned()),
            ("To", call.phone_number.clone()),
            ("VerificationStatus", verification.to_owned()),
        ];
        if callee == Callee::KeysIn {
            let sid = format!("PNca11{:028x}", place + 1);
            form.push(("OutgoingCallerIdSid", sid.clone()));
            let verified = Verified { sid, friendly_name: call.friendly_name, since: now };
            self.verified.insert(call.phone_number, verified);
        }
        let form = form.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        call.callback.map(|url| (url, form))
    }
}

fn shown(account: &str, number: &str, one: &Verified) -> Value {
    let since = one.since.to_rfc2822();
    json!({
        "account_sid": account, "date_created": since, "date_updated": since, "friendly_name": one.friendly_name,
        "phone_number": number, "sid": one.sid,
        "uri": format!("/2010-04-01/Accounts/{account}/OutgoingCallerIds/{}.json", one.sid),
    })
}

fn refuse(code: u32, message: &str) -> Answer {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    (400, json!({"code": code, "message": message, "more_info": more, "status": 400}))
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What Twilio would pass over, and what a hub never wants.
fn misuse(fields: &[(String, String)]) -> Vec<String> {
    let known = ["PhoneNumber", "FriendlyName", "CallDelay", "Extension", "StatusCallback", "StatusCallbackMethod"];
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, value) in fields {
        if !known.contains(&name.as_str()) {
            wrong.push(format!("a caller id asked for with {name}"));
        }
        if !seen.insert(name) {
            wrong.push(format!("a caller id asked for with {name} twice"));
        }
        let fits = match name.as_str() {
            "StatusCallback" => value.starts_with("http://") || value.starts_with("https://"),
            "StatusCallbackMethod" => value == "POST",
            "Extension" => !value.is_empty() && value.bytes().all(|byte| b"0123456789*#wW".contains(&byte)),
            _ => true,
        };
        if !fits {
            wrong.push(format!("a caller id asked for with {name}={value}"));
        }
    }
    if !seen.contains(&"StatusCallback".to_owned()) {
        wrong.push("a caller id asked for without anybody to tell".to_owned());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "AC00000000000000000000000000000001";
    const NUMBER: &str = "+15551230001";

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_number_is_verified_by_its_code_and_then_refused_by_twilios_own_number() {
        let mut all = CallerIds::default();
        let order = fields(&[("PhoneNumber", NUMBER), ("StatusCallback", "https://hub.example.com/x")]);
        let ((status, answer), wrong) = all.create(ACCOUNT, &order);
        assert_eq!((status, wrong), (200, Vec::<String>::new()));
        assert_eq!(answer["validation_code"].as_str().unwrap().len(), 6);
        let call = all.calls()[0].call_sid.clone();
        let (url, form) = all.end(ACCOUNT, &call, Callee::KeysIn, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(url, "https://hub.example.com/x");
        assert!(form.contains(&("VerificationStatus".to_owned(), "success".to_owned())));
        let ((_, list), _) = all.list(ACCOUNT, &fields(&[("PhoneNumber", NUMBER)]));
        let sid = list["outgoing_caller_ids"][0]["sid"].as_str().unwrap().to_owned();
        assert!(form.contains(&("OutgoingCallerIdSid".to_owned(), sid.clone())));
        let ((status, refused), _) = all.create(ACCOUNT, &order);
        assert_eq!((status, &refused["code"]), (400, &json!(21450)));
        assert!(all.delete(&sid) && !all.delete(&sid));
    }

    #[test]
    fn what_is_wrong_is_seen() {
        let mut all = CallerIds::default();
        let ((status, _), wrong) = all.create(ACCOUNT, &fields(&[("PhoneNumber", "5551230001"), ("Number", "x")]));
        assert_eq!((status, wrong.len()), (400, 2));
    }
}
