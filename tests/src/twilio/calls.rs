//! Calls of the account: from queued to an end, and never back.

use serde_json::{Value, json};

use super::{ACCOUNT, Answer, Fields, numbers};

/// A call that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Its SID.
    pub sid: String,
    /// Who is called.
    pub to: String,
    /// Who calls.
    pub from: String,
    /// Where TwiML comes from.
    pub url: Option<String>,
    /// The TwiML itself.
    pub twiml: Option<String>,
    /// What is told how it goes.
    pub status_callback: Option<String>,
    /// Twilio's word.
    pub status: String,
}

/// All of the account.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    all: Vec<Ring>,
}

/// Words after which nothing comes.
const ENDED: [&str; 5] = ["completed", "busy", "no-answer", "canceled", "failed"];

impl Calls {
    pub(super) fn all(&self) -> Vec<Ring> {
        self.all.clone()
    }

    /// `POST /Calls.json`.
    pub(super) fn create(&mut self, form: &Fields) -> Answer {
        let get = |name: &str| form.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        let (Some(to), Some(from)) = (get("To"), get("From")) else {
            return numbers::refuse(400, 21201, "No 'To' or 'From' number specified");
        };
        let (url, twiml) = (get("Url"), get("Twiml"));
        if url.is_some() == twiml.is_some() {
            return numbers::refuse(400, 21205, "Url or Twiml parameter is required.");
        }
        let sid = format!("CA{:032x}", self.all.len() + 0x1000);
        let ring =
            Ring { sid, to, from, url, twiml, status_callback: get("StatusCallback"), status: "queued".to_owned() };
        let answer = shown(&ring);
        self.all.push(ring);
        (201, answer)
    }

    /// `GET /Calls.json`. None of them was made by another one.
    pub(super) fn list(&self, query: &Fields) -> Answer {
        let has_parent = query.iter().any(|(name, _)| name == "ParentCallSid");
        let calls: Vec<Value> = self.all.iter().filter(|_| !has_parent).map(shown).collect();
        (200, json!({ "calls": calls, "next_page_uri": null }))
    }

    /// `POST /Calls/{sid}.json`.
    pub(super) fn update(&mut self, sid: &str, form: &Fields) -> Answer {
        let get = |name: &str| form.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        let Some(one) = self.all.iter_mut().find(|one| one.sid == sid) else { return missing() };
        if ENDED.contains(&one.status.as_str()) {
            return numbers::refuse(400, 21220, "Call is not in-progress. Cannot redirect.");
        }
        match get("Status").as_deref() {
            Some(word @ ("completed" | "canceled")) => one.status = word.to_owned(),
            Some(_) => return numbers::refuse(400, 21218, "Invalid Status"),
            None => {
                one.url = get("Url");
                one.twiml = get("Twiml");
            }
        }
        (200, shown(one))
    }

    /// `GET /Calls/{sid}.json`.
    pub(super) fn get(&self, sid: &str) -> Answer {
        self.all.iter().find(|one| one.sid == sid).map_or_else(missing, |one| (200, shown(one)))
    }
}

fn missing() -> Answer {
    numbers::refuse(404, 20404, "The requested resource was not found")
}

fn shown(one: &Ring) -> Value {
    json!({
        "account_sid": ACCOUNT, "api_version": "2010-04-01", "sid": one.sid, "to": one.to, "from": one.from,
        "status": one.status, "direction": "outbound-api", "duration": null, "price": null, "price_unit": "USD",
        "start_time": null, "end_time": null, "date_created": null, "date_updated": null, "parent_call_sid": null,
        "uri": format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{}.json", one.sid),
    })
}
