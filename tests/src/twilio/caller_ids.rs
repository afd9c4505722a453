//! Caller ids of a Twilio account: calls with a code, and what becomes of them when a test says so.
//!
//! Strict about what it is sent, beyond the vendor's contract: Twilio passes over what it does not know, a client should not
//! count on that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{ACCOUNT, Answer, Fields, TOKEN, Twilio, TwilioSender, numbers::refuse};

/// When all of them were verified.
const SINCE: &str = "Thu, 01 Jan 2026 00:00:00 +0000";

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
}

/// All of an account.
#[derive(Debug, Default)]
pub(crate) struct CallerIds {
    calls: Vec<Validation>,
    /// By their numbers.
    verified: BTreeMap<String, Verified>,
}

impl CallerIds {
    /// `POST /OutgoingCallerIds.json`. Says as well what a well-behaved client would not have sent.
    pub(super) fn create(&mut self, fields: &Fields) -> (Answer, Vec<String>) {
        (self.begun(fields).unwrap_or_else(|refusal| refusal), misuse(fields))
    }

    fn begun(&mut self, fields: &Fields) -> Result<Answer, Answer> {
        let get = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let number = get("PhoneNumber")
            .filter(|number| is_e164(number))
            .ok_or_else(|| refuse(400, 21401, "Invalid PhoneNumber"))?;
        if self.verified.contains_key(number) {
            return Err(refuse(400, 21450, "Phone number already validated for your account"));
        }
        let name = get("FriendlyName").unwrap_or(number);
        if name.chars().count() > 64 {
            return Err(refuse(400, 20001, "FriendlyName is too long"));
        }
        let delay = get("CallDelay").map_or(Ok(0), str::parse::<u32>);
        if !delay.is_ok_and(|delay| delay <= 60) {
            return Err(refuse(400, 20001, "CallDelay must be from 0 to 60"));
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
            "account_sid": ACCOUNT, "call_sid": call.call_sid, "friendly_name": call.friendly_name,
            "phone_number": call.phone_number, "validation_code": call.code,
        });
        self.calls.push(call);
        Ok((200, answer))
    }

    /// `GET /OutgoingCallerIds.json`, all on one page.
    pub(super) fn list(&self, query: &Fields) -> Answer {
        let wanted = |name: &str, value: &str| query.iter().all(|(own, wanted)| own != name || wanted == value);
        let found = self
            .verified
            .iter()
            .filter(|(number, one)| wanted("PhoneNumber", number) && wanted("FriendlyName", &one.friendly_name));
        let items: Vec<Value> = found.map(|(number, one)| shown(number, one)).collect();
        let uri = format!("/2010-04-01/Accounts/{ACCOUNT}/OutgoingCallerIds.json?PageSize=50&Page=0");
        let answer = json!({
            "end": items.len().saturating_sub(1), "first_page_uri": uri, "next_page_uri": null, "page": 0, "page_size": 50,
            "previous_page_uri": null, "start": 0, "uri": uri, "outgoing_caller_ids": items,
        });
        (200, answer)
    }

    /// `DELETE /OutgoingCallerIds/{sid}.json`.
    pub(super) fn delete(&mut self, sid: &str) -> Answer {
        let before = self.verified.len();
        self.verified.retain(|_, one| one.sid != sid);
        if self.verified.len() < before { (204, Value::Null) } else { refuse(404, 20404, "not found") }
    }

    /// Verifies a number without any call.
    fn verify(&mut self, number: &str) -> String {
        let sid = format!("PNca12{:028x}", self.verified.len() + 1);
        self.verified.insert(number.to_owned(), Verified { sid: sid.clone(), friendly_name: number.to_owned() });
        sid
    }

    /// The callee of a call does something. Gives the address to tell and the form to tell it with; nothing if nobody asked to
    /// be told.
    fn end(&mut self, call_sid: &str, callee: Callee) -> Option<(String, Vec<(&'static str, String)>)> {
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
        let mut form = vec![
            ("AccountSid", ACCOUNT.to_owned()),
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
            self.verified.insert(call.phone_number, Verified { sid, friendly_name: call.friendly_name });
        }
        call.callback.map(|url| (url, form))
    }
}

impl Twilio {
    /// All calls with a code so far.
    #[must_use]
    pub fn validations(&self) -> Vec<Validation> {
        self.shared.state.lock().unwrap().caller_ids.calls.clone()
    }

    /// The callee of such a call does something, and it is told, twice; gives the statuses of the answers.
    ///
    /// # Panics
    /// If nobody asked to be told, or nobody is there to hear it.
    pub async fn validated(&self, call_sid: &str, callee: Callee) -> [u16; 2] {
        let told = self.shared.state.lock().unwrap().caller_ids.end(call_sid, callee);
        let (url, form) = told.expect("somebody to tell");
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let signature = TwilioSender::new(TOKEN).sign(&url, &form);
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
        let mut statuses = [0; 2];
        for status in &mut statuses {
            let request = client.post(&url).header("content-type", "application/x-www-form-urlencoded");
            let sent = request.header("x-twilio-signature", &signature).body(body.clone()).send().await;
            *status = sent.expect("the hub answers").status().as_u16();
        }
        statuses
    }

    /// The same, and what tells of it is lost.
    pub fn validated_in_silence(&self, call_sid: &str, callee: Callee) {
        let _ = self.shared.state.lock().unwrap().caller_ids.end(call_sid, callee);
    }

    /// Verifies a number as somebody would in Twilio's console; gives its SID.
    pub fn verify_caller_id(&self, number: &str) -> String {
        self.shared.state.lock().unwrap().caller_ids.verify(number)
    }
}

fn shown(number: &str, one: &Verified) -> Value {
    json!({
        "account_sid": ACCOUNT, "date_created": SINCE, "date_updated": SINCE, "friendly_name": one.friendly_name,
        "phone_number": number, "sid": one.sid,
        "uri": format!("/2010-04-01/Accounts/{ACCOUNT}/OutgoingCallerIds/{}.json", one.sid),
    })
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What Twilio would pass over, and what a hub never wants. Names are the contract's to judge.
fn misuse(fields: &Fields) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, value) in fields {
        if !seen.insert(name.as_str()) {
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
    if !seen.contains("StatusCallback") {
        wrong.push("a caller id asked for without anybody to tell".to_owned());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "+15551230001";

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_number_is_verified_by_its_code_and_then_refused_by_twilios_own_number() {
        let mut all = CallerIds::default();
        let order = fields(&[("PhoneNumber", NUMBER), ("StatusCallback", "https://hub.example.com/x")]);
        let ((status, answer), wrong) = all.create(&order);
        assert_eq!((status, wrong), (200, Vec::<String>::new()));
        assert_eq!(answer["validation_code"].as_str().unwrap().len(), 6);
        let call = all.calls[0].call_sid.clone();
        let (url, form) = all.end(&call, Callee::KeysIn).unwrap();
        assert_eq!(url, "https://hub.example.com/x");
        assert!(form.contains(&("VerificationStatus", "success".to_owned())));
        let (_, list) = all.list(&fields(&[("PhoneNumber", NUMBER)]));
        let sid = list["outgoing_caller_ids"][0]["sid"].as_str().unwrap().to_owned();
        assert!(form.contains(&("OutgoingCallerIdSid", sid.clone())));
        let ((status, refused), _) = all.create(&order);
        assert_eq!((status, &refused["code"]), (400, &json!(21450)));
        assert_eq!((all.delete(&sid).0, all.delete(&sid).0), (204, 404));
    }

    #[test]
    fn what_is_wrong_is_seen() {
        let mut all = CallerIds::default();
        let order = fields(&[("PhoneNumber", "5551230001"), ("StatusCallbackMethod", "GET")]);
        let ((status, _), wrong) = all.create(&order);
        assert_eq!((status, wrong.len()), (400, 2));
    }
}
